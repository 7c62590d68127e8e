//! Condition `Deliverable` of a new rule is set soon after the rule is created.

use kube::api::DynamicObject;
use tributary_testkit::{World, apply_pipeline, condition};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_rule_reports_deliverable_without_a_resync() {
    let world = World::start("tells").await;
    apply_pipeline(&world).await;
    let said = |object: Option<&DynamicObject>| condition(object?, "Deliverable").filter(|c| c.0 == "True").map(drop);
    world.wait("EventRule", "r", "Deliverable", said).await;
    assert_eq!(world.get("EventRule", "r").await.unwrap().data["status"]["targets"][0]["deliverable"], "Yes");
}
