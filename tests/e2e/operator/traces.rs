//! Traces of reconciles: exported only on request, complete, without secrets, and never at the expense of a reconcile.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tributary_testkit::{Answers, Bed, Collector, Replica, Span, World, apply_pipeline, fault_rule, patch_spec};

/// Value of a header of the exports.
const TOKEN: &str = "canary-otlp-9Xw4";
/// Of the `AwsAccount`'s Secret.
const SECRET_KEY: &str = "canary-7Qm2";

/// An operator that exports every 100 ms, with these variables too.
fn start(world: &World, collector: &Collector, more: &[(&str, &str)]) -> Replica {
    let headers = format!("x-token={TOKEN}");
    let mut variables = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", headers.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=pod-1"),
    ];
    variables.extend_from_slice(more);
    Replica::with(world, "alone", &Bed::get().operator_kubeconfig(), &world.aws.account, &[], &variables)
}

/// The call and its parent, once both are there.
fn call(spans: &[Span], name: &str, failed: bool) -> Option<(Span, Span)> {
    let call = spans.iter().find(|span| span.name == name && span.failed == failed)?;
    Some((call.clone(), spans.iter().find(|span| span.id == call.parent)?.clone()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reconcile_is_a_trace_with_its_aws_calls() {
    let (world, collector) = (World::empty("traces").await, Collector::start().await);
    world.aws.faults(json!([fault_rule("events.CreateEventBus", "throttle", json!({"times": 2}))])).await;
    let replica = start(&world, &collector, &[]);
    apply_pipeline(&world).await;
    let (created, reconcile) =
        collector.wait("the call that creates the bus", |spans| call(spans, "EventBridge.CreateEventBus", false)).await;
    assert_eq!((created.kind.as_str(), created.get("rpc.system"), created.get("rpc.service")), ("Client", "aws-api", "EventBridge"));
    assert_eq!((created.get("rpc.method"), created.get("cloud.account.id")), ("CreateEventBus", world.aws.account.as_str()));
    assert_eq!(created.get("cloud.region"), tributary_testkit::REGION);
    assert!(!created.get("aws.request_id").is_empty(), "{created:?}");
    let retries: Vec<_> =
        created.events.iter().map(|(name, about)| (name.as_str(), about["attempt"].as_str(), about["error.type"].as_str())).collect();
    assert_eq!(retries, [("retry", "1", "ThrottlingException"), ("retry", "2", "ThrottlingException")]);

    assert_eq!((reconcile.name.as_str(), reconcile.parent.as_str(), reconcile.trace == created.trace), ("reconcile EventBus", "", true));
    assert_eq!((reconcile.get("k8s.namespace.name"), reconcile.get("tributary.object.name")), (world.namespace.as_str(), "b"));
    assert_eq!((reconcile.get("tributary.object.generation"), reconcile.get("tributary.reconcile.result")), ("1", "ok"));
    assert_eq!((reconcile.service.as_str(), reconcile.resource["k8s.pod.name"].as_str()), ("tributary-operator", "pod-1"));
    assert_eq!(reconcile.resource["service.instance.id"], "alone");
    let of_trace: Vec<_> = collector.spans().into_iter().filter(|span| span.trace == reconcile.trace).collect();
    assert!(of_trace.iter().any(|span| span.name == "patch status" && span.parent == reconcile.id), "{of_trace:#?}");

    // A call that AWS refuses.
    let denied = json!({"status": 400, "code": "AccessDeniedException", "message": "no; canary-of-a-message"});
    world.aws.faults(json!([fault_rule("events.UpdateEventBus", "error", denied)])).await;
    patch_spec(&world, "EventBus", "b", json!({"description": "second"})).await;
    let (refused, reconcile) = collector.wait("the refused call", |spans| call(spans, "EventBridge.UpdateEventBus", true)).await;
    assert_eq!((refused.get("error.type"), refused.get("http.response.status_code")), ("AccessDeniedException", "400"));
    assert!(
        reconcile.failed && reconcile.get("error.type") == "AccessDenied" && reconcile.get("tributary.object.generation") == "2",
        "{reconcile:?}"
    );

    // Logs and metrics lead to the trace.
    let log = replica.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect();
    let stopped = lines.iter().find(|line| line["trace_id"] == reconcile.trace.as_str() && line["span"]["kind"] == "EventBus");
    assert!(stopped.is_some_and(|line| line["span_id"].as_str().is_some_and(|id| id.len() == 16)), "{log}");
    assert!(!lines.iter().any(|line| line["target"] == "tributary_spans"), "{log}");
    let metrics = replica.get("/metrics").await.unwrap().1;
    assert!(
        metrics.lines().any(|line| line.starts_with("tributary_reconcile_seconds_bucket") && line.contains("# {trace_id=\"")),
        "{metrics}"
    );

    // Secrets are where they belong.
    let exports = collector.exports();
    assert!(
        exports.iter().all(|export| export.status == Some(200) && export.headers.contains(&("x-token".into(), TOKEN.into()))),
        "{exports:?}"
    );
    let bodies: Vec<_> = exports.iter().map(|export| String::from_utf8_lossy(&export.body).into_owned()).collect();
    for secret in [TOKEN, SECRET_KEY, "canary-of-a-message", "second"] {
        assert!(bodies.iter().all(|body| !body.contains(secret)), "{secret} is in an export");
    }
    assert!(!log.contains(TOKEN) && !metrics.contains(TOKEN));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_exported_unless_it_is_asked_for() {
    let (world, collector) = (World::empty("traces-off").await, Collector::start().await);
    // Where OpenTelemetry's programs export to by default, unless something else on this machine listens there.
    let default = std::net::TcpListener::bind("127.0.0.1:4318").ok();
    let off: [&[(&str, &str)]; 2] =
        [&[("OTEL_SERVICE_NAME", "x")], &[("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()), ("OTEL_SDK_DISABLED", "true")]];
    for variables in off {
        let mut replica = Replica::with(&world, "alone", &Bed::get().operator_kubeconfig(), &world.aws.account, &[], variables);
        apply_pipeline(&world).await;
        let reconciled =
            || async { replica.get("/metrics").await.filter(|answer| answer.1.contains("tributary_reconcile_seconds_bucket{")) };
        let metrics = world.aws.until("something is reconciled", reconciled).await.1;
        assert!(!metrics.contains("trace_id"), "{metrics}");
        replica.signal("TERM");
        assert!(replica.ended().await.success());
        assert!(!replica.log().contains("trace_id"), "{}", replica.log());
    }
    assert!(collector.exports().is_empty());
    if let Some(listener) = default {
        listener.set_nonblocking(true).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_does_not_answer_delays_nothing_and_is_reported_once() {
    let (world, collector) = (World::empty("traces-down").await, Collector::start().await);
    collector.answer(Answers::Never);
    let mut replica = start(&world, &collector, &[("OTEL_EXPORTER_OTLP_TIMEOUT", "300")]);
    apply_pipeline(&world).await;
    // Spans that nobody takes come as often as there are reconciles.
    let failed = || async {
        patch_spec(&world, "EventBus", "b", json!({"description": format!("{:?}", Instant::now())})).await;
        (collector.exports().len() >= 5).then_some(())
    };
    world.aws.until("several exports have failed", failed).await;
    let reports = |replica: &Replica| replica.log().lines().filter(|line| line.contains("traces are not exported")).count();
    assert_eq!(reports(&replica), 1, "{}", replica.log());
    assert!(replica.log().contains("no answer within the time limit"), "{}", replica.log());
    collector.answer(Answers::Refuse(403));
    patch_spec(&world, "EventBus", "b", json!({"description": "refused"})).await;
    world
        .aws
        .until("an export is refused", || async { collector.exports().iter().any(|export| export.status == Some(403)).then_some(()) })
        .await;
    assert_eq!(reports(&replica), 1);
    collector.answer(Answers::Accept);
    patch_spec(&world, "EventBus", "b", json!({"description": "accepted"})).await;
    world.aws.until("exports work again", || async { replica.log().contains("traces are exported again").then_some(()) }).await;
    replica.signal("TERM");
    assert!(replica.ended().await.success());

    // The end of the process does not wait for it either, however long the time limit of an export is.
    collector.answer(Answers::Never);
    let before = collector.exports().len();
    let mut replica = start(&world, &collector, &[("OTEL_EXPORTER_OTLP_TIMEOUT", "600000")]);
    world.aws.until("an export hangs", || async { (collector.exports().len() > before).then_some(()) }).await;
    let ending = Instant::now();
    replica.signal("TERM");
    assert!(replica.ended().await.success());
    assert!(ending.elapsed() < Duration::from_secs(20), "{:?}", ending.elapsed());
    assert!(replica.log().contains("the last traces were not exported"), "{}", replica.log());
}
