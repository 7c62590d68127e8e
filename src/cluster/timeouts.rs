//! Limits towards the API server: a missing answer is an error, never a hang, a failed watch resumes within seconds after the API server is
//! available again, and no burst of work opens more than a few connections.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use hyper::{Request, Response, Uri};
use kube::{Client, client::Body};
use tokio::sync::Semaphore;

/// Requests for one resource at a time, of all controllers together. Each holds a connection (HTTP/1.1, about 50 KiB with its TLS session),
/// which stays open for the next one. At 20 ms an answer these are 1,600 requests a second.
const REQUESTS: usize = 32;

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
    /// The same client with the answer timeout and at most [`REQUESTS`] requests at a time for each resource: what is slow for one, such as
    /// an admission webhook, holds up no other, least of all the leases. For a watch the timeout covers the start only, and it needs no turn.
    pub fn client(self, client: &Client) -> Client {
        let (inner, turns) = (client.clone(), Arc::new(Turns::default()));
        let service = tower::service_fn(move |request: Request<Body>| {
            let (inner, turns, within) = (inner.clone(), turns.clone(), self.answer);
            async move {
                let watch = is_watch(request.uri());
                let turn = (!watch).then(|| turns.of(resource(request.uri().path())));
                // The semaphore is never closed.
                let _turn = if let Some(turn) = &turn { turn.acquire().await.ok() } else { None };
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

fn is_watch(uri: &Uri) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|part| part == "watch=true"))
}

/// The resource of a path, such as `eventrules`.
fn resource(path: &str) -> &str {
    let mut segments = path.trim_start_matches('/').split('/');
    // `/api/VERSION` or `/apis/GROUP/VERSION`.
    let prefix = if segments.next() == Some("apis") { 2 } else { 1 };
    let rest: Vec<&str> = segments.skip(prefix).collect();
    match rest[..] {
        ["namespaces", _, resource, ..] | [resource, ..] => resource,
        [] => "",
    }
}

/// Who may send, by resource.
#[derive(Debug, Default)]
struct Turns(Mutex<HashMap<String, Arc<Semaphore>>>);

impl Turns {
    fn of(&self, resource: &str) -> Arc<Semaphore> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(resource) {
            return turn.clone();
        }
        turns.entry(resource.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(REQUESTS))).clone()
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use k8s_openapi::api::{
        coordination::v1::Lease,
        core::v1::{ConfigMap, Namespace},
    };
    use kube::{Api, api::WatchParams};
    use serde_json::json;

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

    #[test]
    fn resources_of_paths() {
        for (path, expected) in [
            ("/api/v1/namespaces/prod/secrets/x", "secrets"),
            ("/api/v1/namespaces/prod", "namespaces"),
            ("/api/v1/namespaces", "namespaces"),
            ("/apis/tributary.dev/v1alpha1/namespaces/prod/eventrules/x/status", "eventrules"),
            ("/apis/tributary.dev/v1alpha1/awsaccounts/x", "awsaccounts"),
            ("/apis/coordination.k8s.io/v1/namespaces/prod/leases/x", "leases"),
            ("/version", ""),
        ] {
            assert_eq!(resource(path), expected, "{path}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_sent_in_turns_and_only_its_own_resource_waits() {
        let (sent, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let service = {
            let (sent, open) = (sent.clone(), open.clone());
            tower::service_fn(move |request: Request<Body>| {
                let (sent, open) = (sent.clone(), open.clone());
                async move {
                    if request.uri().path().contains("/configmaps") && !is_watch(request.uri()) {
                        sent.fetch_add(1, Ordering::Relaxed);
                        drop(open.acquire().await);
                    }
                    let answer = json!({"metadata": {"name": "x"}, "spec": {}});
                    Ok::<_, tower::BoxError>(Response::new(Body::from(answer.to_string().into_bytes())))
                }
            })
        };
        let client = Timeouts::default().client(&Client::new(service, "default"));
        let maps = Api::<ConfigMap>::default_namespaced(client.clone());
        let burst = (0..REQUESTS * 3).map(|_| {
            let maps = maps.clone();
            tokio::spawn(async move { maps.get("x").await.map(|_| ()) })
        });
        let burst: Vec<_> = burst.collect();
        // Virtual time goes on only when all that can run has run.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(sent.load(Ordering::Relaxed), REQUESTS);
        Api::<Lease>::default_namespaced(client.clone()).get("x").await.expect("a lease does not wait");
        let watch = Api::<ConfigMap>::all(client).watch(&WatchParams::default(), "0").await;
        assert!(watch.is_ok(), "a watch does not wait");
        open.add_permits(1);
        for request in burst {
            request.await.unwrap().unwrap();
        }
        assert_eq!(sent.load(Ordering::Relaxed), REQUESTS * 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_never_answered_fails() {
        let silent = tower::service_fn(|_: Request<Body>| std::future::pending::<Result<Response<Body>, tower::BoxError>>());
        let client = Timeouts::default().client(&Client::new(silent, "default"));
        let namespaces = Api::<Namespace>::all(client);
        let error = namespaces.get("x").await.unwrap_err().to_string();
        assert!(error.contains("did not answer within 30000 ms"), "{error}");
    }
}
