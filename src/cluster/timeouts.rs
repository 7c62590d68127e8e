//! How long the API server is waited for: an answer that does not come is an error, never a hang, and a failed watch is taken up again
//! within seconds of the server's return.

use std::time::{Duration, Instant};

use axum::http::{Request, Response};
use kube::{Client, client::Body};

/// How the API server is listened to.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// What is not answered in full by then is given up. Lists come in pages, so that each stays far below.
    pub answer: Duration,
    /// The API server ends a watch after this long; five seconds later one that died silently is given up. Load balancers cut idle
    /// connections after 240 seconds and more.
    pub watch: Duration,
    /// Everything is listed anew this often: what a watch lost, or cannot see because etcd was restored from a backup, is found by then.
    pub list: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { answer: Duration::from_secs(30), watch: Duration::from_secs(200), list: Duration::from_mins(5) }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the API server did not answer within {} ms", .0.as_millis())]
struct Unanswered(Duration);

impl Timeouts {
    /// The same client, whose requests end in time. Of a watch only the beginning is meant.
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
                    Err(_) => Err(Unanswered(within).into()),
                }
            }
        });
        Client::new(service, client.default_namespace())
    }
}

/// How long to wait after a failure: longer with each, and never so long that the end of an outage goes unnoticed.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
    last: Option<Instant>,
}

impl Backoff {
    const CAP: Duration = Duration::from_secs(10);
    /// Without a failure for so long, the next one is the first.
    const CALM: Duration = Duration::from_mins(1);

    pub fn wait(&mut self) -> Duration {
        if self.last.is_some_and(|last| last.elapsed() > Self::CALM) {
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
    fn an_outage_of_any_length_is_looked_at_again_within_twelve_seconds() {
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
