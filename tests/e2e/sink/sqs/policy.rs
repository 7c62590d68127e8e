//! Sink `sqs`, invariant 3: statements of other owners survive, ours are removed with the sink, and drift is repaired.

use std::time::Duration;

use serde_json::{Value, json};
use tributary_testkit::{
    World, all_ready, apply_pipeline, assert_delivers, aws_name, delivery_outcomes, existing_queue, fast_resync, foreign_queue,
    foreign_statement, managed_queue, merged, options,
    product::{AwsOptions, Options, annotation},
    queue_arn, reconcile_now, rule_spec, set_attributes, set_policy,
};

/// Sids of the queue without ours, which begin with `tributary-`; and how many are ours.
async fn sids(world: &World, queue: &str) -> (Vec<String>, usize) {
    let (ours, theirs): (Vec<_>, Vec<_>) = world.aws.sids(queue).await.into_iter().partition(|sid| sid.starts_with("tributary-"));
    (theirs, ours.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_statements_survive_and_own_ones_are_removed() {
    let world = World::start("foreign").await;
    foreign_queue(&world.aws, "shared", &[foreign_statement("one"), foreign_statement("two")]).await;
    let theirs = (vec!["one".to_owned(), "two".to_owned()], 1);
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "q", existing_queue(&world.aws, "shared")).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    world.ready("EventRule", "r").await;
    assert_eq!(sids(&world, "shared").await, theirs);
    assert_delivers(&world, &aws_name(&world, "b"), "shared").await;
    world.apply("EventRule", "s", rule_spec("b", &["q"])).await;
    world.ready("EventRule", "s").await;
    assert_eq!(sids(&world, "shared").await, theirs);
    for (kind, name) in [("EventRule", "r"), ("EventRule", "s"), ("EventSink", "q")] {
        world.delete(kind, name).await;
        world.gone(kind, name).await;
    }
    let policy: Value = serde_json::from_str(&world.aws.queue_attributes("shared").await["Policy"]).unwrap();
    assert_eq!(policy, json!({"Version": "2012-10-17", "Id": "theirs", "Statement": [foreign_statement("one"), foreign_statement("two")]}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_statement_takes_the_policy_with_it() {
    // Within the grace period of its rule the statement is still there when the sink goes.
    let world = World::with("last", Options { grant_grace: Duration::from_hours(1), ..options() }).await;
    foreign_queue(&world.aws, "bare", &[]).await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "q", existing_queue(&world.aws, "bare")).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    world.ready("EventRule", "r").await;
    assert_eq!(sids(&world, "bare").await, (vec![], 1));
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    assert_eq!(sids(&world, "bare").await, (vec![], 1));
    world.delete("EventSink", "q").await;
    world.gone("EventSink", "q").await;
    assert_eq!(world.aws.queue_attributes("bare").await.get("Policy").filter(|policy| !policy.is_empty()), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sinks_share_a_queue_without_conflict() {
    let world = World::with("share", fast_resync()).await;
    foreign_queue(&world.aws, "shared", &[foreign_statement("one")]).await;
    world.apply("EventBus", "b", json!({})).await;
    for (sink, rule_name) in [("q1", "r1"), ("q2", "r2")] {
        world.apply("EventSink", sink, existing_queue(&world.aws, "shared")).await;
        world.apply("EventRule", rule_name, rule_spec("b", &[sink])).await;
    }
    all_ready(&world, &[("EventRule", "r1"), ("EventRule", "r2"), ("EventSink", "q1"), ("EventSink", "q2")]).await;
    assert_eq!(sids(&world, "shared").await, (vec!["one".to_owned()], 2));
    let mark = world.aws.mark().await;
    reconcile_now(&world, "EventSink", "q1").await;
    reconcile_now(&world, "EventSink", "q2").await;
    assert!(world.aws.writes(mark).await.is_empty());
    world.delete("EventRule", "r1").await;
    world.gone("EventRule", "r1").await;
    world.delete("EventSink", "q1").await;
    world.gone("EventSink", "q1").await;
    assert_eq!(sids(&world, "shared").await, (vec!["one".to_owned()], 1));
    assert_delivers(&world, &aws_name(&world, "b"), "shared").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_statement_is_repaired_by_the_next_resync() {
    let world = World::with("drift", fast_resync()).await;
    world.apply("EventBus", "b", json!({"description": "mine"})).await;
    world.apply("EventSink", "q", json!({"sqs": {"managed": {"visibilityTimeoutSeconds": 50}}})).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    all_ready(&world, &[("EventBus", "b"), ("EventSink", "q"), ("EventRule", "r")]).await;
    let (bus, queue, name) = (aws_name(&world, "b"), aws_name(&world, "q"), aws_name(&world, "r"));
    let good = world.aws.contents().await;
    let aws = &world.aws;
    let repaired = |what: &'static str| {
        let good = good.clone();
        async move { aws.until(what, || async { (aws.contents().await == good).then_some(()) }).await }
    };
    set_policy(aws, &queue, &[]).await;
    repaired("the statement is back").await;
    set_attributes(aws, &queue, json!({"VisibilityTimeout": "1"})).await;
    repaired("the attribute is back").await;
    aws.events("DisableRule", json!({"Name": name, "EventBusName": bus})).await;
    repaired("the rule is enabled").await;
    aws.events(
        "PutTargets",
        json!({"Rule": name, "EventBusName": bus, "Targets": [{"Id": "q", "Arn": queue_arn(aws, &queue), "InputPath": "$.id"}]}),
    )
    .await;
    repaired("the target is back").await;
    aws.events("RemoveTargets", json!({"Rule": name, "EventBusName": bus, "Ids": ["q"]})).await;
    aws.events("DeleteRule", json!({"Name": name, "EventBusName": bus})).await;
    repaired("the rule is back with its target").await;
    aws.events("UpdateEventBus", json!({"Name": bus, "Description": "yours"})).await;
    repaired("the description is back").await;
    assert_delivers(&world, &bus, &queue).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn external_permissions_write_nothing_to_sqs_and_show_the_statement() {
    let world = World::with("external", fast_resync()).await;
    foreign_queue(&world.aws, "ext", &[]).await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "q", merged(existing_queue(&world.aws, "ext"), json!({"permissions": "External"}))).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    world.ready("EventRule", "r").await;
    let required = |sink: Option<&kube::api::DynamicObject>| sink?.data["status"]["requiredStatement"].as_str().map(str::to_owned);
    let required = world.wait("EventSink", "q", "needs a statement", required).await;
    world.aws.put_event(&aws_name(&world, "b"), "test", "t", &json!({})).await;
    assert_eq!(delivery_outcomes(&world).await, ["FAILED"], "nobody has given the permission yet");
    set_policy(&world.aws, "ext", &[serde_json::from_str(&required).unwrap()]).await;
    assert_delivers(&world, &aws_name(&world, "b"), "ext").await;
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    world.delete("EventSink", "q").await;
    world.gone("EventSink", "q").await;
    // Reads are for the rule's `Deliverable` only.
    let calls = world.aws.journal(0).await.0;
    assert!(!calls.iter().any(|call| call.service == "sqs" && call.is_write()), "{calls:?}");
    assert_eq!(world.aws.sids("ext").await.len(), 1, "what others keep stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eighty_rules_on_one_sink_fit_into_its_policy() {
    let aws = AwsOptions { quota: 0, sweep_quota: 0, ..options().aws };
    let world = World::with("eighty", Options { aws, ..options() }).await;
    // Long names: named one by one they would take 80 times 130 bytes.
    let bus = format!("{}-{}", aws_name(&world, "bus"), "b".repeat(60));
    world.apply("EventBus", "b", json!({"name": bus})).await;
    world.apply("EventSink", "q", managed_queue()).await;
    let rules: Vec<_> = (0..80).map(|n| format!("r{n:02}")).collect();
    for name in &rules {
        world.apply("EventRule", name, merged(rule_spec("b", &["q"]), json!({"eventPattern": {"source": [name]}}))).await;
    }
    for name in &rules {
        world.ready("EventRule", name).await;
    }
    let policy = world.aws.queue_attributes(&aws_name(&world, "q")).await["Policy"].clone();
    assert!(policy.len() <= 8_192, "{}", policy.len());
    for name in ["r00", "r79"] {
        world.aws.put_event(&bus, name, "t", &json!({})).await;
    }
    assert_eq!(delivery_outcomes(&world).await, ["DELIVERED", "DELIVERED"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_with_a_single_statement_keeps_it() {
    let world = World::start("scalar").await;
    // One statement as an object instead of a list, as AWS takes it.
    foreign_queue(&world.aws, "single", &[]).await;
    let policy = json!({"Version": "2012-10-17", "Statement": foreign_statement("only")}).to_string();
    set_attributes(&world.aws, "single", json!({"Policy": policy})).await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "q", existing_queue(&world.aws, "single")).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    world.ready("EventRule", "r").await;
    assert_eq!(sids(&world, "single").await, (vec!["only".to_owned()], 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retained_rule_keeps_its_permission_until_it_is_gone_from_aws() {
    let world = World::start("retained").await;
    apply_pipeline(&world).await;
    world.annotate("EventRule", "r", annotation::ORPHAN, Some("true")).await;
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    reconcile_now(&world, "EventSink", "q").await;
    let (bus, queue, rule) = (aws_name(&world, "b"), aws_name(&world, "q"), aws_name(&world, "r"));
    assert_delivers(&world, &bus, &queue).await;
    let ids: Vec<_> = world.aws.targets(&bus, &rule).await.iter().map(|target| target["Id"].clone()).collect();
    world.aws.events("RemoveTargets", json!({"EventBusName": bus, "Rule": rule, "Ids": ids})).await;
    world
        .aws
        .until("nobody sends any more, and the permission goes", || async { world.aws.sids(&queue).await.is_empty().then_some(()) })
        .await;
}
