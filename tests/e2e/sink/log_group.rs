//! Sink `logGroup`: the log group, and the one log resource policy of the installation.

use serde_json::{Value, json};
use tributary_testkit::{
    World, all_ready, assert_reason, fast_resync,
    partner::{entity, marks, rule, source, subscription},
    status,
};

async fn lims(name: &str) -> World {
    let world = World::with(name, fast_resync()).await;
    world.aws.make_source(&source(&world)).await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({}))).await;
    world
}

fn group(world: &World, name: &str) -> String {
    format!("/aws/events/{}-{name}", world.namespace)
}

fn managed(more: Value) -> Value {
    json!({"logGroup": {"managed": more}})
}

async fn registered(world: &World, mark: &str) {
    world.aws.partner_event(&source(world), "v2.entity.registered", &entity("Plasmid", mark)).await;
}

async fn policy(world: &World) -> Vec<Value> {
    let policies = world.aws.log_policies().await;
    policies.iter().find(|(name, _)| name.starts_with("tributary-")).map(|(_, statements)| statements.clone()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_managed_group_matches_the_spec_and_receives_events_until_its_statement_is_removed() {
    let mut world = lims("logs").await;
    let sink = |days: Value| managed(json!({"retentionDays": days, "class": "INFREQUENT_ACCESS", "tags": {"a": "1"}}));
    world.apply("EventSink", "all", sink(json!(14))).await;
    world.apply("EventRule", "r", rule(json!({}), &["all"])).await;
    all_ready(&world, &[("EventSink", "all"), ("EventRule", "r")]).await;
    let name = group(&world, "all");
    let have = world.aws.log_group(&name).await.unwrap();
    assert_eq!((&have["retentionInDays"], &have["logGroupClass"]), (&json!(14), &json!("INFREQUENT_ACCESS")), "{have}");
    registered(&world, "one").await;
    assert_eq!(marks(&world.aws.logged(&name).await), ["one"]);
    // The last event's time is told.
    let told_time = |object: Option<&kube::api::DynamicObject>| status(object?)["lastEventTime"].as_str().map(str::to_owned);
    world.wait("EventSink", "all", "last event", told_time).await;

    world.apply("EventSink", "all", sink(Value::Null)).await;
    let forever = || async { world.aws.log_group(&name).await.filter(|group| group["retentionInDays"].is_null()) };
    world.aws.until("no retention", forever).await;

    world.stop().await;
    world.aws.logs("DeleteResourcePolicy", json!({"policyName": world.aws.log_policies().await.keys().next().unwrap()})).await;
    registered(&world, "two").await;
    assert_eq!(world.aws.deliveries().await.last().unwrap()["code"], "NO_PERMISSIONS");
    world.run(fast_resync()).await;
    world.aws.until("the policy is back", || async { (policy(&world).await.len() == 2).then_some(()) }).await;
    registered(&world, "three").await;
    assert_eq!(world.aws.deliveries().await.last().unwrap()["outcome"], "DELIVERED");

    // Retained by default; our policy leaves with the last of us.
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    world.delete("EventSink", "all").await;
    world.gone("EventSink", "all").await;
    assert!(world.aws.log_group(&name).await.is_some() && world.aws.log_policies().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_policies_and_statements_survive_and_an_existing_group_only_gets_a_statement() {
    let world = lims("logs-foreign").await;
    world.aws.logs("CreateLogGroup", json!({"logGroupName": "/theirs"})).await;
    let theirs = json!({"Sid": "Theirs", "Effect": "Allow", "Principal": {"Service": "es.amazonaws.com"}, "Action": "logs:PutLogEvents", "Resource": "*"});
    let document = |statements: Value| json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    world.aws.logs("PutResourcePolicy", json!({"policyName": "theirs", "policyDocument": document(json!([theirs]))})).await;
    let sink = json!({"logGroup": {"existing": {"arn": format!("{}:*", world.aws.log_group_arn("/theirs"))}}});
    world.apply("EventSink", "all", sink).await;
    world.apply("EventRule", "r", rule(json!({}), &["all"])).await;
    all_ready(&world, &[("EventRule", "r")]).await;
    registered(&world, "one").await;
    assert_eq!(marks(&world.aws.logged("/theirs").await), ["one"]);
    // Somebody writes a statement of theirs into our policy.
    let (name, mut statements) = world.aws.log_policies().await.into_iter().find(|(name, _)| name.starts_with("tributary-")).unwrap();
    statements.push(theirs.clone());
    world.aws.logs("PutResourcePolicy", json!({"policyName": name, "policyDocument": document(json!(statements))})).await;
    world.apply("EventSink", "more", managed(json!({}))).await;
    world.apply("EventRule", "s", rule(json!({}), &["more"])).await;
    all_ready(&world, &[("EventRule", "s")]).await;
    assert_eq!(policy(&world).await.len(), 5);
    for (kind, name) in [("EventRule", "r"), ("EventRule", "s"), ("EventSink", "all"), ("EventSink", "more")] {
        world.delete(kind, name).await;
        world.gone(kind, name).await;
    }
    assert_eq!(policy(&world).await.iter().map(|s| s["Sid"].clone()).collect::<Vec<_>>(), [json!("Theirs")]);
    assert_eq!(world.aws.log_policies().await["theirs"].len(), 1);
    assert!(world.aws.log_group("/theirs").await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_full_of_policies_is_reported_with_their_names() {
    let world = lims("logs-full").await;
    let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "es.amazonaws.com"}, "Action": "logs:PutLogEvents", "Resource": "*"}]});
    for n in 0..10 {
        world.aws.logs("PutResourcePolicy", json!({"policyName": format!("other-{n}"), "policyDocument": document.to_string()})).await;
    }
    world.apply("EventSink", "all", managed(json!({}))).await;
    world.apply("EventRule", "r", rule(json!({}), &["all"])).await;
    assert_reason(&world, "EventSink", "all", "PolicyFull", &["10 log resource policies", "other-0", "other-9", "External"]).await;
    world.aws.logs("DeleteResourcePolicy", json!({"policyName": "other-3"})).await;
    all_ready(&world, &[("EventSink", "all"), ("EventRule", "r")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_groups_share_one_policy_of_five_thousand_characters() {
    let world = lims("logs-many").await;
    let sinks: Vec<_> = (0..12).map(|n| format!("group-{n:02}")).collect();
    for sink in &sinks {
        world.apply("EventSink", sink, managed(json!({}))).await;
    }
    for (n, chunk) in sinks.chunks(4).enumerate() {
        let names: Vec<_> = chunk.iter().map(String::as_str).collect();
        world.apply("EventRule", &format!("r{n}"), rule(json!({}), &names)).await;
    }
    for n in 0..3 {
        world.ready("EventRule", &format!("r{n}")).await;
    }
    registered(&world, "all").await;
    for sink in &sinks {
        assert_eq!(marks(&world.aws.logged(&group(&world, sink)).await), ["all"], "{sink}");
    }
    let policies = world.aws.log_policies().await;
    assert_eq!(policies.len(), 1);
    assert!(json!(policy(&world).await).to_string().len() < 5_120);
    let mark = world.aws.mark().await;
    let looked = || async {
        Some(world.aws.calls(mark).await).filter(|calls| calls.iter().filter(|c| c.ends_with("DescribeLogGroups")).count() > 24)
    };
    world.aws.until("two sweeps", looked).await;
    assert!(world.aws.writes(mark).await.is_empty(), "in sync is silent: {:?}", world.aws.writes(mark).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_group_is_not_adopted_and_a_missing_one_is_reported() {
    let world = lims("logs-owned").await;
    world.aws.logs("CreateLogGroup", json!({"logGroupName": "/their/group"})).await;
    world.apply("EventSink", "all", managed(json!({"name": "/their/group", "retentionDays": 1}))).await;
    assert_reason(&world, "EventSink", "all", "NotOwned", &["log group /their/group", "tributary.dev/adopt"]).await;
    assert!(world.aws.log_group("/their/group").await.unwrap()["retentionInDays"].is_null());
    world.annotate("EventSink", "all", "tributary.dev/adopt", Some("true")).await;
    all_ready(&world, &[("EventSink", "all")]).await;
    // A prefix of the name is another group.
    let sink = json!({"logGroup": {"existing": {"arn": world.aws.log_group_arn("/their")}}});
    world.apply("EventSink", "none", sink).await;
    assert_reason(&world, "EventSink", "none", "TargetNotFound", &["spec.logGroup.existing: AWS has no log group", "/their", "Create it"])
        .await;
}
