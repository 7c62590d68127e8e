//! Objects that change their shard, and installations that change their number of shards.

use std::time::Duration;

use serde_json::json;
use tributary_core::shard::Shard;
use tributary_testkit::{World, until_within};

use super::{
    super::fixture::{TIME_LIMIT, load, now, settles},
    fleet::{Fleet, SHARDS},
};

/// Shard of the objects of the world that have no account yet.
fn namespace_shard(world: &World) -> u16 {
    Shard::of_namespace(&world.namespace, SHARDS).index
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_moves_to_the_shard_of_its_account_once_that_is_known() {
    let fleet = Fleet::new("late", 4, 3).await;
    let holders = fleet.holders().await;
    let moves = |world: &&World| holders[&namespace_shard(world)] != holders[&Fleet::shard(world)];
    let worlds: Vec<_> = fleet.worlds.iter().filter(moves).collect();
    assert!(!worlds.is_empty(), "in no account the two are with different replicas; add accounts");
    for world in worlds {
        let rule =
            json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["test"]}, "targets": [{"name": "q", "sinkRef": {"name": "q"}}]});
        world.apply("EventRule", "r0", rule).await;
        world.not_ready("EventRule", "r0", "BusNotFound").await;
        assert!(world.aws.writes(0).await.is_empty(), "without an account nothing is written");
        world.apply("EventSink", "q", json!({"sqs": {"managed": {}}, "deletionPolicy": "Delete"})).await;
        world.apply("EventBus", "b", json!({})).await;
        let began = now();
        world.ready("EventRule", "r0").await;
        assert!(now() - began < 20.0, "no resync of another replica was waited for");
        // Its deletion moves nothing back.
        settles(world).await;
    }
    fleet.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_with_different_numbers_of_shards_never_lead_at_the_same_time() {
    let mut fleet = Fleet::empty("mixed", 1).await;
    fleet.join("one", 1);
    let world = fleet.worlds[0].handle();
    let load = load(&world, Duration::from_millis(300));
    let called = |name: &'static str| {
        let world = world.handle();
        move || {
            let world = world.handle();
            async move { Fleet::calls(&world).await.iter().any(|call| call.replica() == Some(name)).then_some(()) }
        }
    };
    until_within(TIME_LIMIT, "the leader of everything calls", called("one")).await;
    fleet.join("many", SHARDS);
    until_within(TIME_LIMIT, "it stands by", || async {
        fleet.replica("many").get("/readyz").await.filter(|(_, text)| text.contains("standby; one_")).map(drop)
    })
    .await;
    assert!(called("many")().await.is_none());
    fleet.replica("one").signal("TERM");
    fleet.balanced(1).await;
    until_within(TIME_LIMIT, "the leader of all shards calls", called("many")).await;
    fleet.join("two", 1);
    until_within(TIME_LIMIT, "it stands by", || async {
        fleet.replica("two").get("/readyz").await.filter(|(_, text)| text.contains(&format!("standby; {SHARDS}-shards"))).map(drop)
    })
    .await;
    // Longer than a lease that nobody renews.
    tokio::time::sleep(Duration::from_secs(20)).await;
    drop(load);
    settles(&world).await;
    let mut callers: Vec<_> = Fleet::calls(&world).await.iter().map(|call| call.replica().unwrap_or("nobody").to_owned()).collect();
    callers.dedup();
    assert_eq!(callers, ["one", "many"]);
}
