//! The trace of a webhook: from the request to the row, across the bus and the queue.

use serde_json::{Value, json};
use tributary_testkit::{
    Collector, Gateway, Span, Webhook, http,
    sync::{Fixture, worker_with},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn one<'a>(spans: &'a [Span], name: &str, parent: &str) -> Option<&'a Span> {
    spans.iter().find(|span| span.name == name && span.parent == parent)
}

/// Sends the webhook until it is accepted, as Benchling does: a busy gateway asks for that.
async fn accepted(webhook: &Webhook, url: &str) {
    let client = http();
    tributary_testkit::until("the webhook is accepted", || async { (webhook.post(&client, url).await.0 == 200).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_and_its_row_are_one_trace() {
    let (fixture, collector) = (Fixture::new("traces", json!({})).await, Collector::start().await);
    let entity = |n: usize| json!({"id": format!("bfi_{n}"), "name": "canary-of-a-name", "modifiedAt": "2026-01-01T00:00:01.000001+00:00"});
    fixture.benchling.entities("custom-entities", (1..=20).map(entity).collect()).await;
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "100")];
    let gateway = Gateway::with(&fixture.world.namespace, &fixture.benchling, &[], &variables).await;
    let worker = worker_with(&fixture.world, &fixture.benchling, &[], &variables);
    let url = format!("{}/1/webhooks", gateway.url);
    let sign = async |n: usize| {
        let wish = json!({"id": format!("wh_{n}"), "message": {"resourceId": format!("bfi_{n}")}});
        fixture.benchling.sign(&fixture.app, wish).await.remove(0)
    };
    let mut webhook = sign(1).await;
    webhook.headers.insert("traceparent".into(), format!("00-{TRACE}-{CALLER}-01"));
    accepted(&webhook, &url).await;
    fixture.row("bfi_1").await;

    let event = collector.wait("the event is processed", |spans| spans.iter().find(|span| span.name == "process event").cloned()).await;
    let (request, publish) = collector
        .wait("the webhook", |spans| {
            let request =
                |span: &&Span| span.name == "POST webhook" && span.parent == CALLER && span.get("http.response.status_code") == "200";
            let request = spans.iter().find(request)?;
            Some((request.clone(), one(spans, "publish event", &request.id)?.clone()))
        })
        .await;
    assert_eq!((request.trace.as_str(), request.kind.as_str(), request.service.as_str()), (TRACE, "Server", "tributary-gateway"));
    assert_eq!((request.get("http.response.status_code"), request.get("tributary.webhook.outcome")), ("200", "accepted"));
    assert_eq!(
        (request.get("tributary.webhook.id"), request.get("tributary.app")),
        ("wh_1", format!("{}/lims", fixture.world.namespace).as_str())
    );
    assert_eq!((publish.trace.as_str(), publish.kind.as_str()), (TRACE, "Producer"));
    let call = collector.wait("the call", |spans| spans.iter().find(|span| span.name == "EventBridge.PutEvents").cloned()).await;
    assert_eq!(call.trace, TRACE);
    // Of sync, in the same trace.
    assert_eq!((event.trace.as_str(), event.parent == publish.id, event.kind.as_str()), (TRACE, true, "Consumer"));
    assert!(event.service == "tributary-sync" && !event.failed, "{event:?}");
    let (batch, write) = collector
        .wait("the batch and its write", |spans| {
            let batch =
                spans.iter().find(|span| span.name == "process batch" && span.links.contains(&(TRACE.to_owned(), publish.id.clone())))?;
            Some((batch.clone(), one(spans, "INSERT synced_benchling_data", &batch.id)?.clone()))
        })
        .await;
    assert!(batch.parent.is_empty() && event.links.contains(&(batch.trace.clone(), batch.id.clone())), "{batch:?} {event:?}");
    assert_eq!(
        (write.get("db.system.name"), write.get("db.operation.batch.size"), write.get("db.namespace")),
        ("postgresql", "1", fixture.database.as_str())
    );

    // The event is as it is without traces: the header goes beside it.
    let put = fixture.world.aws.journal(0).await.0.into_iter().find(|call| call.op == "PutEvents").unwrap();
    let entry: &Value = &put.request["Entries"][0];
    assert_eq!(entry["TraceHeader"], format!("Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent={};Sampled=1", publish.id));
    assert!(!entry["Detail"].as_str().unwrap().contains("77b34da6a3ce929d0e0e4736"), "{entry}");

    // Who is not verified leaves no ID, and no error.
    let mut forged = sign(2).await;
    forged.headers.insert("webhook-signature".into(), "v1der,AAAA".into());
    assert_eq!(forged.post(&http(), &url).await.0, 401);
    let refused = collector
        .wait("the refused request", |spans| spans.iter().find(|span| span.get("http.response.status_code") == "401").cloned())
        .await;
    assert!(refused.get("tributary.webhook.id").is_empty() && !refused.failed && refused.parent.is_empty(), "{refused:?}");

    // Several events in one call: each has its own trace, and the call links to all.
    let webhooks = futures::future::join_all((2..=20).map(sign)).await;
    futures::future::join_all(webhooks.iter().map(|webhook| accepted(webhook, &url))).await;
    fixture.drained().await;
    let shared =
        |span: &&Span| span.name == "send batch" && span.get("messaging.batch.message_count").parse().is_ok_and(|count: usize| count > 1);
    let sent = collector.wait("a call with several events", |spans| spans.iter().find(shared).cloned()).await;
    assert_eq!((sent.links.len() + 1).to_string(), sent.get("messaging.batch.message_count"));

    worker.stop().await;
    let spans = collector.spans();
    assert_eq!(spans.iter().filter(|span| span.name == "process event").count(), 20);
    assert!(!spans.iter().any(|span| span.name.contains("ReceiveMessage")), "an idle worker makes no traces");
    let password = fixture.postgres.text("password");
    for secret in ["canary-of-a-name", "canary-7Qm2", password, fixture.app["clientSecret"].as_str().unwrap()] {
        assert!(
            collector.exports().iter().all(|export| !String::from_utf8_lossy(&export.body).contains(secret)),
            "{secret} is in an export"
        );
    }
}
