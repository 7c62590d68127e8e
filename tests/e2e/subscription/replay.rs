//! Events of a partner are replayed from the archive of the bus of a subscription.

use serde_json::json;
use tributary_testkit::{
    World, all_ready,
    partner::{entity, marks, rule, source, subscription},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partners_events_are_replayed_to_one_rule() {
    let world = World::start("again").await;
    world.aws.make_source(&source(&world)).await;
    let archives = json!([{"name": "all", "retentionDays": 7, "deletionPolicy": "Delete"}]);
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({"bus": {"archives": archives}}))).await;
    for (name, queue) in [("r", "q"), ("s", "p")] {
        world.apply("EventSink", queue, json!({"sqs": {"managed": {}}})).await;
        world.apply("EventRule", name, rule(json!({"eventTypes": ["v2.entity.registered"]}), &[queue])).await;
    }
    all_ready(&world, &[("BenchlingSubscription", "lims"), ("EventRule", "r"), ("EventRule", "s")]).await;
    let named = |queue: &str| format!("{}-{queue}", world.namespace);
    world.aws.partner_event(&source(&world), "v2.entity.registered", &entity("Plasmid", "one")).await;
    for queue in ["q", "p"] {
        assert_eq!(marks(&world.aws.receive(&named(queue)).await), ["one"]);
        world.aws.sqs("PurgeQueue", json!({"QueueUrl": world.aws.queue_url(&named(queue)).await.unwrap()})).await;
    }
    // The end of the window is past when the replay is made.
    let (start, end) = (time(-3600), time(1));
    let bus = json!({"kind": "BenchlingSubscription", "name": "lims"});
    world.apply("EventReplay", "x", json!({"busRef": bus, "archive": "all", "startTime": start, "endTime": end, "rules": ["r"]})).await;
    world.ready("EventReplay", "x").await;
    let received = world.aws.receive(&named("q")).await;
    assert_eq!(marks(&received), ["one"]);
    assert!(received[0]["replay-name"].is_string(), "{received:?}");
    assert!(world.aws.receive(&named("p")).await.is_empty());
    // The bus is retained and the archive deleted, as their policies say.
    for (kind, name) in [("EventRule", "r"), ("EventRule", "s"), ("EventReplay", "x"), ("BenchlingSubscription", "lims")] {
        world.delete(kind, name).await;
    }
    world.gone("BenchlingSubscription", "lims").await;
    assert!(world.aws.archives().await.is_empty());
    assert!(world.aws.contents().await.contains_key(&format!("bus {}", source(&world))));
}

/// So many seconds from now.
fn time(seconds: i64) -> String {
    let now = k8s_openapi::jiff::Timestamp::now().as_second() + seconds;
    k8s_openapi::jiff::Timestamp::from_second(now).unwrap().to_string()
}
