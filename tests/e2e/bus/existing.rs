//! `EventBus` with `existing`: rules on a bus that another tool manages, which is read and never changed.

use serde_json::{Value, json};
use tributary_testkit::{
    Aws, Call, REGION, World, all_ready, assert_reason, aws_name, condition, disposable_queue, merged, options, patch_spec, reconcile_now,
    rule_spec,
};

fn bus_arn(account: &str, bus: &str) -> String {
    format!("arn:aws:events:{REGION}:{account}:event-bus/{bus}")
}

/// A bus as another tool made it, with its tags, a policy and a rule.
async fn theirs(aws: &Aws, bus: &str) {
    aws.events("CreateEventBus", json!({"Name": bus, "Description": "theirs", "Tags": [{"Key": "made-by", "Value": "terraform"}]})).await;
    aws.events(
        "PutPermission",
        json!({"EventBusName": bus, "StatementId": "theirs", "Principal": "999988887777", "Action": "events:PutEvents"}),
    )
    .await;
    aws.events("PutRule", json!({"EventBusName": bus, "Name": "theirs", "EventPattern": r#"{"source":["theirs"]}"#})).await;
}

/// Writes to the bus itself, of all accounts in the calls.
fn bus_writes(calls: &[Call], arn: &str) -> Vec<String> {
    let of_bus = ["EventBus", "Permission", "Archive", "EventSource"];
    let about = |call: &&Call| call.is_write() && (of_bus.iter().any(|part| call.op.ends_with(part)) || call.request["ResourceARN"] == arn);
    calls.iter().filter(about).map(Call::name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_work_on_a_bus_of_another_tool_and_nothing_of_it_changes() {
    let world = World::empty("existing-bus").await;
    theirs(&world.aws, "central").await;
    let before = world.aws.contents().await;
    let mut world = world;
    world.run(options()).await;
    let arn = bus_arn(&world.aws.account, "central");
    world.apply_in(Some(&world.namespace), "v1", "ConfigMap", "told", json!({"data": {"arn": arn}})).await;
    let from = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "told", "fieldPath": "data.arn"});
    let references = [("by-name", json!({"name": "central"})), ("by-arn", json!({"arn": arn})), ("by-object", json!({"arnFrom": from}))];
    world.apply("EventSink", "q", disposable_queue()).await;
    for (name, existing) in &references {
        world.apply("EventBus", name, json!({"existing": existing})).await;
        world.apply("EventRule", name, rule_spec(name, &["q"])).await;
    }
    for (name, _) in &references {
        all_ready(&world, &[("EventBus", name), ("EventRule", name)]).await;
        assert!(world.aws.rule("central", &aws_name(&world, name)).await.is_some());
    }
    // Its archives are its owner's, also where one has the name.
    let replay =
        json!({"busRef": {"name": "by-name"}, "archive": "theirs", "startTime": "2026-01-01T00:00:00Z", "endTime": "2026-01-02T00:00:00Z"});
    world.apply("EventReplay", "replay", replay).await;
    assert_reason(&world, "EventReplay", "replay", "InvalidSpec", &["spec.busRef", "belong to its owner"]).await;
    world.delete("EventReplay", "replay").await;
    world.gone("EventReplay", "replay").await;
    world.aws.put_event("central", "test", "x", &json!({"mark": "one"})).await;
    assert_eq!(world.aws.receive(&aws_name(&world, "q")).await.len(), references.len());

    // The bus waits for its rules, and stays.
    world.delete("EventBus", "by-name").await;
    let blocked = |object: Option<&kube::api::DynamicObject>| condition(object?, "Ready").filter(|ready| ready.1 == "InUse");
    world.wait("EventBus", "by-name", "InUse", blocked).await;
    for (name, _) in &references {
        world.delete("EventRule", name).await;
        world.gone("EventRule", name).await;
        if *name != "by-name" {
            world.delete("EventBus", name).await;
        }
        world.gone("EventBus", name).await;
    }
    world.delete("EventSink", "q").await;
    world.gone("EventSink", "q").await;
    assert_eq!(world.aws.contents().await, before);
    assert_eq!(bus_writes(&world.aws.journal(0).await.0, &arn), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_that_is_not_there_is_reported_and_its_rules_wait() {
    let world = World::start("existing-gone").await;
    world.apply("EventBus", "b", json!({"existing": {"name": "central"}})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    assert_reason(&world, "EventBus", "b", "BusNotFound", &["spec.existing", "event-bus/central"]).await;
    assert_reason(&world, "EventRule", "r", "BusNotReady", &["EventBus"]).await;
    theirs(&world.aws, "central").await;
    reconcile_now(&world, "EventBus", "b").await;
    all_ready(&world, &[("EventBus", "b"), ("EventRule", "r")]).await;

    // What its owner deletes is not made again.
    world.aws.events("DeleteRule", json!({"EventBusName": "central", "Name": "theirs"})).await;
    let rule = aws_name(&world, "r");
    world.aws.events("RemoveTargets", json!({"EventBusName": "central", "Rule": rule, "Ids": ["q"]})).await;
    world.aws.events("DeleteRule", json!({"EventBusName": "central", "Name": rule})).await;
    world.aws.events("DeleteEventBus", json!({"Name": "central"})).await;
    let mark = world.aws.mark().await;
    world.annotate("EventBus", "b", "tributary.dev/reconcile-at", Some("gone")).await;
    assert_reason(&world, "EventBus", "b", "BusNotFound", &["event-bus/central"]).await;
    assert_reason(&world, "EventRule", "r", "BusNotReady", &["EventBus"]).await;
    assert!(!world.aws.writes(mark).await.contains(&"CreateEventBus".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_existing_bus_needs_a_grant_and_a_withdrawn_one_removes_its_rules() {
    let world = World::empty("existing-grant").await;
    theirs(&world.aws, "central").await;
    theirs(&world.aws, "other").await;
    let mut account = world.account_spec();
    let id = world.aws.account.clone();
    let arns = |buses: &[&str]| -> Value { buses.iter().map(|bus| bus_arn(&id, bus)).collect() };
    account["grants"][0]["arns"] = arns(&["central"]);
    world.apply_account(account.clone()).await;
    let mut world = world;
    world.run(options()).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    for (name, existing) in [
        ("name", json!({"name": "other"})),
        ("default", json!({"name": "default"})),
        ("arn", json!({"arn": bus_arn(&world.aws.account, "other")})),
        ("elsewhere", json!({"arn": bus_arn("999988887777", "central")})),
    ] {
        world.apply("EventBus", name, json!({"existing": existing})).await;
        world.apply("EventRule", name, rule_spec(name, &["q"])).await;
        assert_reason(&world, "EventBus", name, "ArnNotPermitted", &["spec.existing", "spec.grants[].arns"]).await;
        assert_reason(&world, "EventRule", name, "BusNotReady", &["EventBus"]).await;
    }
    world.apply("EventBus", "b", json!({"existing": {"name": "central"}})).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    all_ready(&world, &[("EventBus", "b"), ("EventRule", "r")]).await;
    account["grants"][0]["arns"] = arns(&["none"]);
    world.apply_account(account.clone()).await;
    assert_reason(&world, "EventRule", "r", "ArnNotPermitted", &["spec.existing"]).await;
    assert!(world.aws.rule("central", &aws_name(&world, "r")).await.is_none(), "no event is sent on without the grant");
    assert!(world.aws.rule("central", "theirs").await.is_some());
    account["grants"][0]["arns"] = arns(&["central"]);
    world.apply_account(account).await;
    all_ready(&world, &[("EventBus", "b"), ("EventRule", "r")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_work_on_a_bus_of_another_account_as_far_as_its_policy_allows() {
    let world = World::empty("shared-bus").await;
    let there = Aws::new(tributary_testkit::Bed::get());
    theirs(&there, "central").await;
    let before = there.contents().await;
    let arn = bus_arn(&there.account, "central");
    let mut account = world.account_spec();
    account["grants"][0]["arns"].as_array_mut().unwrap().push(json!(arn));
    world.apply_account(account).await;
    let mut world = world;
    world.run(options()).await;
    world.apply("EventBus", "central", json!({"existing": {"arn": arn}})).await;
    world.apply("EventBus", "own", json!({"name": "own", "deletionPolicy": "Delete"})).await;
    world.apply("EventSink", "own", json!({"eventBus": {"existing": {"arn": bus_arn(&world.aws.account, "own")}}})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    world.apply("EventRule", "to-queue", rule_spec("own", &["q"])).await;
    world.apply("EventRule", "r", rule_spec("central", &["own"])).await;
    assert_reason(&world, "EventBus", "central", "AccessDenied", &["events:DescribeEventBus", "status.requiredStatement"]).await;
    assert_reason(&world, "EventRule", "r", "AccessDenied", &["events:"]).await;

    // The owner of the bus adds what the status says.
    let status = world.get("EventBus", "central").await.unwrap().data["status"].clone();
    let statements: Value = serde_json::from_str(status["requiredStatement"].as_str().unwrap()).unwrap();
    let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    there.events("PutPermission", json!({"EventBusName": "central", "Policy": policy})).await;
    for (kind, name) in [("EventBus", "central"), ("EventRule", "r")] {
        world.annotate(kind, name, "tributary.dev/reconcile-at", Some("allowed")).await;
        world.ready(kind, name).await;
    }
    world.ready("EventRule", "to-queue").await;
    let rule = there.rule("central", &aws_name(&world, "r")).await.unwrap();
    assert_eq!(
        (rule["CreatedBy"].as_str(), rule["Arn"].as_str().unwrap().contains(&there.account)),
        (Some(world.aws.account.as_str()), true)
    );
    let identity = world.get("EventRule", "r").await.unwrap().data["status"]["identity"].clone();
    assert_eq!((&identity["arn"], &identity["bus"]), (&rule["Arn"], &json!(arn)));
    there.put_event("central", "test", "x", &json!({"mark": "one"})).await;
    assert_eq!(world.aws.receive(&aws_name(&world, "q")).await.len(), 1);
    let deliverable = world.get("EventRule", "r").await.and_then(|rule| condition(&rule, "Deliverable")).unwrap();
    assert_eq!(deliverable.0, "True", "{}", deliverable.2);

    // A rule of the bus's own account is not ours, whatever the annotation says; other targets than buses are not put.
    let theirs = merged(rule_spec("central", &["own"]), json!({"name": "theirs"}));
    world.apply("EventRule", "theirs", theirs).await;
    world.annotate("EventRule", "theirs", "tributary.dev/adopt", Some("true")).await;
    world.not_ready("EventRule", "theirs", "AccessDenied").await;
    world.apply("EventRule", "queue", rule_spec("central", &["q"])).await;
    assert_reason(&world, "EventRule", "queue", "InvalidSpec", &["spec.targets[0]", "only event buses"]).await;

    // Drift is found and repaired, and at rest nothing is written.
    there.events("DisableRule", json!({"EventBusName": "central", "Name": aws_name(&world, "r")})).await;
    reconcile_now(&world, "EventRule", "r").await;
    assert_eq!(there.rule("central", &aws_name(&world, "r")).await.unwrap()["State"], "ENABLED");
    let mark = world.aws.mark().await;
    reconcile_now(&world, "EventRule", "r").await;
    reconcile_now(&world, "EventBus", "central").await;
    assert_eq!(world.aws.writes(mark).await, [""; 0]);

    for (kind, name) in [("EventRule", "theirs"), ("EventRule", "queue"), ("EventRule", "r"), ("EventBus", "central")] {
        world.delete(kind, name).await;
        world.gone(kind, name).await;
    }
    let mut after = there.contents().await;
    let mut want = before;
    for contents in [&mut after, &mut want] {
        for value in contents.values_mut() {
            drop(value[0].as_object_mut().and_then(|bus| bus.remove("Policy")));
        }
    }
    assert_eq!(after, want, "only the policy, by the owner of the bus");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_work_on_a_bus_that_is_only_observed() {
    let world = World::empty("observed-bus").await;
    theirs(&world.aws, "central").await;
    let mut world = world;
    world.run(options()).await;
    world.apply("EventBus", "b", json!({"name": "central", "managementPolicy": "Observe"})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    world.ready("EventRule", "r").await;
    assert_reason(&world, "EventBus", "b", "Drifted", &[]).await;
    let plan = world.get("EventBus", "b").await.unwrap().data["status"]["plan"].to_string();
    assert!(plan.contains("TagResource") && plan.contains("UpdateEventBus"), "{plan}");
    assert_eq!(bus_writes(&world.aws.journal(0).await.0, &bus_arn(&world.aws.account, "central")), [""; 0]);
    patch_spec(&world, "EventBus", "b", json!({"managementPolicy": "Manage"})).await;
    world.not_ready("EventBus", "b", "NotOwned").await;
    reconcile_now(&world, "EventRule", "r").await;
    world.ready("EventRule", "r").await;
    assert_eq!(publish_to(&world, "central").await, 1);
}

async fn publish_to(world: &World, bus: &str) -> usize {
    world.aws.put_event(bus, "test", "x", &json!({"mark": "one"})).await;
    world.aws.receive(&aws_name(world, "q")).await.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_event_source_of_an_existing_partner_bus_is_watched() {
    let world = World::empty("existing-partner").await;
    let source = tributary_testkit::partner::source(&world);
    world.aws.make_source(&source).await;
    world.aws.events("CreateEventBus", json!({"Name": source, "EventSourceName": source})).await;
    let mut world = world;
    world.run(options()).await;
    world.apply("EventBus", "b", json!({"existing": {"name": source}})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    let rule = json!({"busRef": {"name": "b"}, "benchling": {}, "targets": [{"name": "q", "sinkRef": {"name": "q"}}]});
    world.apply("EventRule", "r", rule).await;
    all_ready(&world, &[("EventBus", "b"), ("EventRule", "r")]).await;
    world.aws.partner_event(&source, "v2.entity.registered", &json!({"id": "evt_1"})).await;
    assert_eq!(world.aws.receive(&aws_name(&world, "q")).await.len(), 1);
    world.aws.delete_source(&source).await;
    for (kind, name) in [("EventBus", "b"), ("EventRule", "r")] {
        world.annotate(kind, name, "tributary.dev/reconcile-at", Some("gone")).await;
    }
    assert_reason(&world, "EventBus", "b", "SourceDeleted", &["receives no events", "The owner of event bus"]).await;
    let stops = |object: Option<&kube::api::DynamicObject>| condition(object?, "Deliverable").filter(|it| it.1 == "SourceNotActive");
    world.wait("EventRule", "r", "not deliverable", stops).await;
    // Its partner makes it anew: its owner activates it.
    world.aws.make_source(&source).await;
    world.annotate("EventBus", "b", "tributary.dev/reconcile-at", Some("pending")).await;
    let pending = |object: Option<&kube::api::DynamicObject>| condition(object?, "Ready").filter(|ready| ready.2.contains("is Pending"));
    world.wait("EventBus", "b", "pending", pending).await;
    let writes = bus_writes(&world.aws.journal(0).await.0, &bus_arn(&world.aws.account, &source));
    assert_eq!(writes, [""; 0], "nothing of it is changed");
}
