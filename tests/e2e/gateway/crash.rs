//! The gateway as a process, killed during a burst: what it acknowledged is on the bus.

use std::collections::BTreeSet;

use serde_json::json;
use tributary_testkit::{Gateway, http, until};

use crate::fixture::{Fixture, PATH};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_a_burst_it_loses_nothing_that_it_acknowledged() {
    let fixture = Fixture::new("gw-kill").await;
    let webhooks = fixture.sign(json!({"count": 300})).await;
    let mut acknowledged = BTreeSet::new();
    let mut rest = webhooks;
    let mut refused = BTreeSet::new();
    // As Benchling does, what was not acknowledged is sent again. On a busy machine a gateway that has just started may refuse a whole burst.
    for round in 0..10 {
        let mut gateway = Gateway::start(&fixture.world.namespace, &fixture.benchling).await;
        let (url, http) = (format!("{}{PATH}", gateway.url), http());
        // Counted before the first one is sent: a burst may be through before it can be counted.
        let before = fixture.taken().await.len();
        let sends: Vec<_> = rest
            .iter()
            .cloned()
            .map(|webhook| {
                let (url, http) = (url.clone(), http.clone());
                tokio::spawn(async move { (webhook.post(&http, &url).await.0, webhook) })
            })
            .collect();
        // Killed once the first are through, while the others are under way; the last one may finish.
        if round < 3 {
            until("some are through", || async {
                let through = fixture.taken().await.len() > before + 10 || sends.iter().all(tokio::task::JoinHandle::is_finished);
                through.then_some(())
            })
            .await;
            gateway.binary.kill();
        }
        let mut again = Vec::new();
        for send in sends {
            let (status, webhook) = send.await.unwrap();
            if status == 200 {
                acknowledged.insert(webhook.id);
            } else {
                refused.insert(status);
                again.push(webhook);
            }
        }
        rest = again;
        let taken: BTreeSet<_> = fixture.taken().await.into_iter().collect();
        let lost: Vec<_> = acknowledged.difference(&taken).collect();
        assert!(lost.is_empty(), "acknowledged, and not on the bus: {lost:?}");
        assert!(!gateway.binary.log().contains("canary-7Qm2"), "a secret is in the log");
        if rest.is_empty() {
            break;
        }
    }
    assert!(!acknowledged.is_empty(), "statuses: {refused:?}");
}
