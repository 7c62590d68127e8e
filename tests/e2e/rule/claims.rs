//! What the status of a rule claims is what AWS holds: after a rejected target, beside another rule of the same name, and when a reconcile
//! stops early.

use serde_json::{Value, json};
use tributary_testkit::{
    REGION, World, all_ready, assert_not_ready, aws_name, condition, disposable_queue, fast_resync, fault_rule, merged, rule_spec, status,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_invalid_target_does_not_keep_the_events_from_the_others() {
    let world = World::start("one-invalid").await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    for sink in ["bad", "good"] {
        world.apply("EventSink", sink, disposable_queue()).await;
    }
    world.apply("EventRule", "r", rule_spec("b", &["bad", "good"])).await;
    all_ready(&world, &[("EventRule", "r")]).await;
    // AWS rejects the call for both, then that for the first alone.
    let rejection = json!({"status": 400, "code": "ValidationException", "message": "no luck", "times": 2});
    world.aws.faults(json!([fault_rule("events.PutTargets", "error", rejection)])).await;
    let mut rule = rule_spec("b", &["bad", "good"]);
    for target in rule["targets"].as_array_mut().unwrap() {
        target["input"] = json!({"n": 1});
    }
    world.apply("EventRule", "r", rule).await;
    let said = assert_not_ready(&world, "EventRule", "r", "TargetRejected", true, &["target bad", "no luck"]).await;
    assert!(!said.contains("target good"), "{said}");
    let targets = world.aws.targets("b", &aws_name(&world, "r")).await;
    let good = targets.iter().find(|target| target["Id"] == "good").unwrap();
    assert!(good["Input"].is_string(), "{targets:?}");
    all_ready(&world, &[("EventRule", "r")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_rules_with_one_name_one_has_it_and_the_other_says_so() {
    let world = World::start("one-name").await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    for sink in ["p", "q"] {
        world.apply("EventSink", sink, disposable_queue()).await;
        world.apply("EventRule", &format!("first-{sink}"), rule_spec("b", &[sink])).await;
    }
    all_ready(&world, &[("EventRule", "first-p"), ("EventRule", "first-q")]).await;
    // Both are between the check and the write at the same time, unless something keeps them apart.
    world.aws.faults(json!([fault_rule("events.PutRule", "latency", json!({"ms": 700}))])).await;
    let same = |sink: &str| merged(rule_spec("b", &[sink]), json!({"name": "same", "eventPattern": {"source": [sink]}}));
    let (p, q) = (same("p"), same("q"));
    tokio::join!(world.apply("EventRule", "p", p), world.apply("EventRule", "q", q));
    let outcome = || async {
        let mut states = Vec::new();
        for rule in ["p", "q"] {
            let object = world.get("EventRule", rule).await?;
            states.push((rule, condition(&object, "Ready").filter(|ready| ready.1 == "InSync" || ready.1 == "NotOwned")?.1));
        }
        Some(states)
    };
    let states = world.aws.until("both have a result", outcome).await;
    let ready: Vec<_> = states.iter().filter(|(_, reason)| reason == "InSync").map(|(rule, _)| *rule).collect();
    let [winner] = ready.as_slice() else { panic!("one of them has the name: {states:?}") };
    let rule = world.aws.rule("b", "same").await.unwrap();
    let pattern: Value = serde_json::from_str(rule["EventPattern"].as_str().unwrap()).unwrap();
    assert_eq!(pattern, json!({"source": [winner]}));
    let targets = world.aws.targets("b", "same").await;
    assert_eq!(targets.iter().map(|target| target["Id"].clone()).collect::<Vec<_>>(), [json!(winner)], "no mixed rule");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reconcile_that_stops_early_takes_back_what_it_did_not_see() {
    let world = World::with("early-return", fast_resync()).await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    all_ready(&world, &[("EventRule", "r")]).await;
    let deliverable = |object: Option<&kube::api::DynamicObject>| condition(object?, "Deliverable").filter(|c| c.0 == "True");
    world.wait("EventRule", "r", "it delivers", deliverable).await;
    let arn = format!("arn:aws:events:{REGION}:{}:rule/b/{}", world.aws.account, aws_name(&world, "r"));
    world.aws.events("TagResource", json!({"ResourceARN": arn, "Tags": [{"Key": "tributary.dev/owner", "Value": "somebody"}]})).await;
    world.annotate("EventRule", "r", "tributary.dev/reconcile-at", Some("now")).await;
    world.not_ready("EventRule", "r", "NotOwned").await;
    let rule = world.get("EventRule", "r").await.unwrap();
    let (now, reason, message) = condition(&rule, "Deliverable").unwrap();
    assert_eq!((now.as_str(), reason.as_str()), ("Unknown", "NotOwned"), "{message}");
    assert_eq!(status(&rule)["targetsReady"], "0/1");
    assert_eq!(status(&rule)["targets"][0]["deliverable"], Value::Null);

    // What an outage hides is not taken back.
    let ours = json!({"ResourceARN": arn, "Tags": [{"Key": "tributary.dev/owner", "Value": world_owner(&world)}]});
    world.aws.events("TagResource", ours).await;
    world.annotate("EventRule", "r", "tributary.dev/reconcile-at", Some("again")).await;
    all_ready(&world, &[("EventRule", "r")]).await;
    world.wait("EventRule", "r", "it delivers again", deliverable).await;
    world.aws.faults(json!([fault_rule("events.ListRules", "error", json!({"status": 500}))])).await;
    world.annotate("EventRule", "r", "tributary.dev/reconcile-at", Some("outage")).await;
    world.not_ready("EventRule", "r", "Unavailable").await;
    assert_eq!(condition(&world.get("EventRule", "r").await.unwrap(), "Deliverable").unwrap().0, "True");
}

/// The owner tag of the world's rule `r`.
fn world_owner(world: &World) -> String {
    format!("e2e/EventRule/{}/r", world.namespace)
}
