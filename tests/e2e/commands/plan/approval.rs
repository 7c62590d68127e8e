//! `tributary plan` and accounts that require approvals: the hash that it prints approves the plan, and is that in status.

use serde_json::json;
use tributary_testkit::{World, merged, options};

use super::fixture::{find, plan};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hash_of_a_plan_approves_it_before_and_after_it_is_applied() {
    let mut world = World::empty("plan-hash").await;
    world.apply_account(merged(world.account_spec(), json!({"approval": "Required"}))).await;
    let spec = json!({"name": "b", "description": "new"});
    let manifests = super::fixture::list(&[super::fixture::object(&world, "EventBus", "b", spec.clone())]);
    let output = plan(&world, &["-f", "-", "-o", "json"], &manifests).await;
    assert_eq!(output.code, 2, "{} {}", output.out, output.err);
    let planned = output.json();
    let bus = find(&planned, "EventBus", "b");
    assert_eq!((&bus["action"], bus["changes"].as_array().map(Vec::len)), (&json!("create"), Some(1)), "{bus:#}");
    let waits = &bus["waitsFor"][0];
    assert_eq!(waits["reason"], "ApprovalRequired", "{bus:#}");
    let message = waits["message"].as_str().unwrap();
    let hash = message.rsplit_once("approved-plan=").unwrap().1.trim_end_matches('.').to_owned();

    world.run(options()).await;
    world.apply("EventBus", "b", spec).await;
    world.not_ready("EventBus", "b", "ApprovalRequired").await;
    let status = world.get("EventBus", "b").await.unwrap().data["status"].clone();
    assert_eq!(status["approval"]["planHash"], hash.as_str(), "{status}");
    // The same for the object in the cluster.
    let output = plan(&world, &["-n", &world.namespace], "").await;
    assert!(output.out.contains(&hash) && output.out.contains("then waits: ApprovalRequired"), "{}", output.out);
    world.annotate("EventBus", "b", "tributary.dev/approved-plan", Some(&hash)).await;
    world.ready("EventBus", "b").await;
}
