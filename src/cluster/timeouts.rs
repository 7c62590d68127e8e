//! Timeouts towards the API server: a missing answer is an error, never a hang, and a failed watch resumes within seconds after the API
//! server is available again.

use std::time::{Duration, Instant};

use hyper::{Request, Response};
use kube::{Client, client::Body};

/// Timeouts towards the API server.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Timeout of one request with its whole answer. Lists are paged, so that each page stays far below.
    pub answer: Duration,
    /// Duration of one watch request. A connection that fails silently is dropped five seconds later. Load balancers close idle connections
    /// after 240 seconds or more.
    pub watch: Duration,
    /// Interval of full lists: they find what a watch missed, or cannot report because etcd was restored from a backup.
    pub list: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { answer: Duration::from_secs(30), watch: Duration::from_secs(200), list: Duration::from_mins(5) }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the API server did not answer within {} ms", .0.as_millis())]
struct AnswerTimeout(Duration);

impl Timeouts {
    /// The same client with the answer timeout. For a watch it covers the start only.
    pub fn client(self, client: &Client) -> Client {
        let inner = client.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (inner, within) = (inner.clone(), self.answer);
            async move {
                let watch = request.uri().query().is_some_and(|query| query.split('&').any(|part| part == "watch=true"));
                let answer = async {
                    let response = inner.send(request).await?;
                    if watch {
                        return Ok(response);
                    }
                    let (head, body) = response.into_parts();
                    Ok(Response::from_parts(head, Body::from(body.collect_bytes().await?)))
                };
                match tokio::time::timeout(within, answer).await {
                    Ok(answer) => answer.map_err(|error: kube::Error| tower::BoxError::from(error)),
                    Err(_) => Err(AnswerTimeout(within).into()),
                }
            }
        });
        Client::new(service, client.default_namespace())
    }
}

/// Exponential backoff of a watch, short enough to notice the end of an outage.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    last: Option<Instant>,
}

impl Backoff {
    const CAP: Duration = Duration::from_secs(10);
    /// After this long without a failure the backoff starts over.
    const RESET_AFTER: Duration = Duration::from_mins(1);

    /// How long to wait after this failure.
    pub(crate) fn wait(&mut self) -> Duration {
        if self.last.is_some_and(|last| last.elapsed() > Self::RESET_AFTER) {
            self.failures = 0;
        }
        let longer = Duration::from_millis(500 << self.failures.min(10)).min(Self::CAP);
        (self.failures, self.last) = (self.failures.saturating_add(1), Some(Instant::now()));
        longer.mul_f64(0.8 + 0.4 * fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_outage_is_noticed_within_twelve_seconds() {
        let mut backoff = Backoff::default();
        assert!(backoff.wait() < Duration::from_secs(1));
        for _ in 0..100 {
            assert!(backoff.wait() <= Duration::from_secs(12));
        }
        assert!(backoff.wait() >= Duration::from_secs(8));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_never_answered_fails() {
        let silent = tower::service_fn(|_: Request<Body>| std::future::pending::<Result<Response<Body>, tower::BoxError>>());
        let client = Timeouts::default().client(&Client::new(silent, "default"));
        let namespaces = kube::Api::<k8s_openapi::api::core::v1::Namespace>::all(client);
        let error = namespaces.get("x").await.unwrap_err().to_string();
        assert!(error.contains("did not answer within 30000 ms"), "{error}");
    }
}
