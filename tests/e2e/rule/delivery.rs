//! Three small manifests deliver an event to a queue.

use serde_json::json;
use tributary_testkit::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_manifests_deliver_an_event_to_a_queue() {
    let world = World::start("backbone").await;
    // In any order of apply: the rule first, its bus last.
    world
        .apply(
            "EventRule",
            "restored",
            json!({
                "busRef": {"name": "myapp"},
                "eventPattern": {"source": ["com.mycompany.myapp"], "detail": {"status": ["restored"]}},
                "targets": [{"name": "queue", "sinkRef": {"name": "work"}}],
            }),
        )
        .await;
    world
        .apply("EventSink", "work", json!({"sqs": {"managed": {"visibilityTimeoutSeconds": 60, "deadLetter": {"maxReceiveCount": 5}}}}))
        .await;
    world.apply("EventBus", "myapp", json!({"description": "Events of myapp"})).await;
    for (kind, name) in [("EventBus", "myapp"), ("EventSink", "work"), ("EventRule", "restored")] {
        world.ready(kind, name).await;
    }
    let bus = format!("{}-myapp", world.namespace);
    let detail = |status: &str| json!({"service": "myapp service", "status": status, "run": world.aws.account});
    world.aws.put_event(&bus, "com.mycompany.myapp", "service_status", &detail("restored")).await;
    world.aws.put_event(&bus, "com.mycompany.myapp", "service_status", &detail("down")).await;
    let received = world.aws.receive(&format!("{}-work", world.namespace)).await;
    assert_eq!(received.len(), 1, "{received:?}");
    assert_eq!(received[0]["detail"], detail("restored"));
    assert_eq!(received[0]["detail-type"], "service_status");
}
