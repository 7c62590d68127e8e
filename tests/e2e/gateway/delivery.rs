//! From a webhook to the queue: each event arrives once, and a webhook gets 2xx only after EventBridge accepted its event.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fixture::{Fixture, PATH, Running, rule};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_on_the_bus_before_it_is_answered() {
    let fixture = Fixture::new("gw-one").await;
    let ids = json!({"eventTypes": ["v2.entity.registered"], "schemas": {"ids": ["ts_plasmid"]}});
    fixture.world.apply("EventSink", "plasmids", json!({"sqs": {"managed": {}}, "deletionPolicy": "Delete"})).await;
    let mut narrow = rule(ids);
    narrow["targets"][0]["sinkRef"]["name"] = json!("plasmids");
    fixture.world.apply("EventRule", "plasmids", narrow).await;
    fixture.world.ready("EventRule", "plasmids").await;
    // The path itself, and what Benchling appends where the app's routing is SUFFIXED.
    let webhook = fixture.one(json!({})).await;
    let mark = fixture.world.aws.mark().await;
    assert_eq!(fixture.post(PATH, &webhook).await.0, 200);
    // The operator may look at the new sink's queue meanwhile.
    assert!(fixture.world.aws.calls(mark).await.iter().any(|call| call == "events:PutEvents"), "put before the answer");
    let canvas = fixture.one(json!({"channel": "app_signals", "message": {"type": "v2.canvas.userInteracted", "featureId": "f"}})).await;
    assert_eq!(fixture.post(&format!("{PATH}/canvas"), &canvas).await.0, 200);
    let other = fixture.one(json!({"message": {"type": "v9.moon.landed"}})).await;
    assert_eq!(fixture.post(&format!("{PATH}/event"), &other).await.0, 200);
    let named = |name: &str| format!("{}-{name}", fixture.world.namespace);
    let mut all = Vec::new();
    fixture
        .world
        .aws
        .until("all three are in the queue", || {
            let queue = named("queue");
            let aws = fixture.world.aws.clone();
            async move { Some(aws.receive(&queue).await) }
        })
        .await
        .into_iter()
        .for_each(|event| all.push(event));
    while all.len() < 3 {
        all.extend(fixture.world.aws.receive(&named("queue")).await);
    }
    let arrived: BTreeSet<_> = all.iter().map(|event| event["detail-type"].as_str().unwrap()).collect();
    assert_eq!(arrived, BTreeSet::from(["v2.canvas.userInteracted", "v2.entity.registered", "v9.moon.landed"]));
    let event = all.iter().find(|event| event["detail-type"] == "v2.entity.registered").unwrap();
    let source = format!("benchling.webhook/{}/lims/{}", fixture.world.namespace, fixture.benchling.tenant);
    assert_eq!(event["source"], source.as_str());
    let body: Value = serde_json::from_str(&webhook.body).unwrap();
    for part in ["version", "baseURL", "tenantId", "app", "appDefinition", "channel", "message"] {
        assert_eq!(event["detail"][part], body[part], "{part} is as Benchling sent it");
    }
    assert_eq!(event["detail"]["id"], webhook.event.as_str());
    assert_eq!(event["detail"]["webhook"], json!({"id": webhook.id, "knownType": true}));
    // The shorthand of the other channel works on thin events, by ids.
    let plasmids = fixture.world.aws.receive(&named("plasmids")).await;
    assert!(plasmids.len() == 1 && plasmids[0]["detail"]["id"] == webhook.event.as_str(), "{plasmids:?}");

    let status = fixture.wait_for_status("accepted", |status| status["accepted"] == 3 && status["keys"] == 1).await;
    assert!(status["keysFetchedAt"].is_string() && status["unknownTypes"] == 1 && status["lastEventTime"].is_string(), "{status}");
    assert!(status["message"].is_null(), "{status}");
    let metrics = fixture.metrics().await;
    assert!(metrics.contains(r#"tributary_gateway_webhooks_total{outcome="accepted"} 3"#), "{metrics}");
    assert!(metrics.contains("events:PutEvents") && metrics.trim_end().ends_with("# EOF"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_is_not_put_again() {
    let fixture = Fixture::new("gw-again").await;
    let webhook = fixture.one(json!({"id": "wh_again"})).await;
    // At the same moment, and one after the other; a resend has a new timestamp, and so a new signature.
    let all = futures::future::join_all((0..20).map(|_| fixture.post(PATH, &webhook))).await;
    assert!(all.iter().all(|answer| answer.0 == 200), "{all:?}");
    for _ in 0..3 {
        let again = fixture.one(json!({"id": "wh_again"})).await;
        assert_eq!(fixture.post(PATH, &again).await.0, 200);
    }
    assert_eq!(fixture.taken().await, ["wh_again"]);
    fixture.wait_for_status("duplicates", |status| status["duplicates"] == 22 && status["accepted"] == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_share_a_call() {
    let fixture = Fixture::new("gw-many").await;
    let sent = fixture.send(json!({"count": 300, "parallel": 64})).await;
    assert!(sent.iter().all(|webhook| webhook["attempts"][0]["status"] == 200), "{sent:?}");
    let calls = fixture.world.aws.journal(0).await.0.into_iter().filter(|call| call.op == "PutEvents").count();
    assert_eq!(fixture.taken().await.into_iter().collect::<BTreeSet<_>>().len(), 300);
    assert!(calls < 200, "{calls} calls for 300 events");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_eventbridge_accepted_is_answered_2xx() {
    let fixture = Fixture::new("gw-failed").await;
    // Entries fail in an answer of 200; those are sent again, and then accepted.
    fixture.world.aws.faults(json!([{"match": "events.PutEvents", "kind": "failed_entry", "times": 2, "code": "InternalFailure"}])).await;
    assert_eq!(fixture.post(PATH, &fixture.one(json!({"id": "wh_later"})).await).await.0, 200);
    assert_eq!(fixture.puts().await.into_iter().map(|(_, good)| good).collect::<Vec<_>>(), [false, false, true]);
    // They fail for longer than Benchling waits; it sends again, and again under the same id.
    for (fault, status) in [
        (json!({"kind": "failed_entry", "code": "InternalFailure"}), 503),
        (json!({"kind": "failed_entry", "code": "MalformedDetail"}), 500),
        (json!({"kind": "error", "status": 500}), 503),
        (json!({"kind": "error", "status": 400, "code": "AccessDeniedException"}), 500),
        (json!({"kind": "throttle"}), 503),
        (json!({"kind": "reset"}), 503),
        (json!({"kind": "hang"}), 503),
        (json!({"kind": "garbage"}), 503),
    ] {
        let mut rule = fault.clone();
        rule["match"] = json!("events.PutEvents");
        fixture.world.aws.faults(json!([rule])).await;
        let id = format!("wh_{}", fault["code"].as_str().unwrap_or(fault["kind"].as_str().unwrap()));
        let webhook = fixture.one(json!({"id": id})).await;
        let before = fixture.taken().await.len();
        let (answered, text) = fixture.post(PATH, &webhook).await;
        assert_eq!(answered, status, "{fault}: {text}");
        assert_eq!(fixture.taken().await.len(), before, "{fault}: nothing was put");
        fixture.world.aws.faults(json!([])).await;
        let again = fixture.one(json!({"id": id})).await;
        assert_eq!(fixture.post(PATH, &again).await.0, 200, "{fault}");
        assert!(fixture.taken().await.contains(&id), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_and_a_rollout_lose_nothing() {
    let mut fixture = Fixture::new("gw-roll").await;
    let second = Running::start(&fixture.world, &fixture.benchling, |_| {}).await;
    let (first_url, second_url) = (fixture.gateway.url(PATH), second.url(PATH));
    let webhooks = fixture.sign(json!({"count": 200})).await;
    let http = fixture.benchling.http.clone();
    let senders: Vec<_> = webhooks
        .into_iter()
        .enumerate()
        .map(|(index, webhook)| {
            let (http, urls) = (http.clone(), [first_url.clone(), second_url.clone()]);
            tokio::spawn(async move {
                // Whoever does not take it, the other one does, as behind a Service.
                for attempt in 0..20 {
                    let (status, _) = webhook.post(&http, &urls[(index + attempt) % 2]).await;
                    if status == 200 {
                        return webhook.id;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                panic!("{} was never accepted", webhook.id)
            })
        })
        .collect();
    let third = Running::start(&fixture.world, &fixture.benchling, |_| {}).await;
    std::mem::replace(&mut fixture.gateway, third).stop().await;
    let mut acknowledged = BTreeSet::new();
    for sender in senders {
        acknowledged.insert(sender.await.unwrap());
    }
    let taken: BTreeSet<_> = fixture.taken().await.into_iter().collect();
    assert_eq!(acknowledged.difference(&taken).count(), 0);
    // The counts of all replicas are in one status.
    fixture.wait_for_status("all are counted", |status| status["accepted"].as_i64().is_some_and(|count| count >= 200)).await;
    second.stop().await;
}
