//! The claim of a new rule: its identity in metadata, until status has it. Users can edit it, and reach nothing by that.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tributary_testkit::{
    REGION, World, aws_name, event_notes, fast_resync, managed_queue, options, reconcile_now, rule_spec, writes_since,
};

const IDENTITY: &str = "tributary.dev/identity";
const FINALIZER: &str = "tributary.dev/finalizer";

/// A bus, a sink, and a rule whose first write hangs; then the operator crashes.
async fn crashed(name: &str) -> World {
    let mut world = World::empty(name).await;
    world.run(options()).await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "q", managed_queue()).await;
    world.ready("EventBus", "b").await;
    world.ready("EventSink", "q").await;
    world.aws.faults(json!([{"match": "events.PutTargets", "kind": "hang"}])).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    world
        .aws
        .until("PutTargets", || async { writes_since(&world, 0).await.iter().any(|call| call.op == "PutTargets").then_some(()) })
        .await;
    world.crash().await;
    world.aws.faults(json!([])).await;
    world
}

fn claim(object: &kube::api::DynamicObject) -> Value {
    serde_json::from_str(&object.metadata.annotations.as_ref().unwrap()[IDENTITY]).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_of_which_status_knows_nothing_yet_is_found_again_and_deleted() {
    let mut world = crashed("claimed").await;
    let (bus, rule) = (aws_name(&world, "b"), aws_name(&world, "r"));
    let object = world.get("EventRule", "r").await.unwrap();
    assert_eq!(object.data["status"]["identity"], Value::Null);
    assert_eq!(claim(&object)["identity"]["name"], rule.as_str());
    assert!(object.metadata.finalizers.unwrap().contains(&FINALIZER.to_owned()));
    assert!(world.aws.rule(&bus, &rule).await.is_some());
    world.delete("EventRule", "r").await;
    world.run(options()).await;
    world.gone("EventRule", "r").await;
    assert!(world.aws.rule(&bus, &rule).await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_takes_the_claim_over_and_a_later_edit_of_it_changes_nothing() {
    let mut world = crashed("takenover").await;
    world.run(fast_resync()).await;
    let object = world.ready("EventRule", "r").await;
    assert_eq!(object.data["status"]["identity"], claim(&object)["identity"]);
    let mark = world.aws.mark().await;
    let mut edited = claim(&object);
    edited["identity"]["name"] = json!("other");
    world.annotate("EventRule", "r", IDENTITY, Some(&edited.to_string())).await;
    reconcile_now(&world, "EventRule", "r").await;
    world.ready("EventRule", "r").await;
    world.annotate("EventRule", "r", IDENTITY, None).await;
    reconcile_now(&world, "EventRule", "r").await;
    world.ready("EventRule", "r").await;
    assert_eq!(world.aws.writes(mark).await, Vec::<String>::new());
}

/// Deletes a rule of the namespace that claims to have written somebody else's rule.
async fn forge(world: &World, account: &World) {
    let (bus, arn) = ("theirs", format!("arn:aws:events:{REGION}:{}:rule/theirs/theirs", account.aws.account));
    let identity = json!({"account": account.account, "accountId": account.aws.account, "partition": "aws", "region": REGION,
        "name": "theirs", "bus": bus, "arn": arn});
    let body = json!({"apiVersion": "tributary.dev/v1alpha1", "kind": "EventRule",
        "metadata": {"name": "forged", "finalizers": [FINALIZER], "annotations": {IDENTITY: json!({"identity": identity}).to_string()}},
        "spec": rule_spec("none", &[])});
    world.api("EventRule").patch("forged", &PatchParams::apply("e2e"), &Patch::Apply(body)).await.unwrap();
    world.delete("EventRule", "forged").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_claim_reaches_nothing_of_others() {
    let world = World::start("forged").await;
    let tags = json!([{"Key": "tributary.dev/owner", "Value": "blue/EventRule/secret/name"}]);
    world.aws.events("CreateEventBus", json!({"Name": "theirs"})).await;
    let theirs = json!({"Name": "theirs", "EventBusName": "theirs", "EventPattern": r#"{"source":["theirs"]}"#, "Tags": tags});
    world.aws.events("PutRule", theirs).await;
    forge(&world, &world).await;
    world.gone("EventRule", "forged").await;
    assert_eq!(world.aws.writes(0).await, Vec::<String>::new());
    assert!(world.aws.rule("theirs", "theirs").await.is_some());
    assert_eq!(event_notes(&world, "EventRule", "forged", "LeftAlone").await, Vec::<String>::new(), "the owner is not named");

    // An account that does not permit the namespace is none to it: nothing is read there.
    let other = World::empty("notgranted").await;
    let mark = other.aws.mark().await;
    forge(&world, &other).await;
    world.not_ready("EventRule", "forged", "AccountNotFound").await;
    assert_eq!(other.aws.calls(mark).await, Vec::<String>::new());
    world.annotate("EventRule", "forged", "tributary.dev/orphan", Some("true")).await;
    world.gone("EventRule", "forged").await;
}
