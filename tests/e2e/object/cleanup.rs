//! What the operator wrote goes when it should, and not before: decided from what AWS holds and status notes, not from the present spec.

use serde_json::{Value, json};
use tributary_testkit::{
    REGION, World, all_ready, assert_reason, aws_name, disposable_queue, existing_queue, fast_resync, fault_rule, foreign_queue,
    foreign_statement, gone_after_request, merged, rule_spec, set_policy, status,
};

async fn destination(world: &World) -> Value {
    let config = world.aws.lambda("GET", "functions/f/event-invoke-config", None).await.unwrap_or_default();
    config["DestinationConfig"]["OnFailure"]["Destination"].clone()
}

async fn set_destination(world: &World, arn: &str) {
    let body = json!({"DestinationConfig": {"OnFailure": {"Destination": arn}}});
    world.aws.lambda("PUT", "functions/f/event-invoke-config", Some(body)).await.unwrap();
}

fn function(arn: &str, on_failure: Option<&str>) -> Value {
    let on_failure = on_failure.map_or(Value::Null, |sink| json!({"sinkRef": {"name": sink}}));
    merged(json!({"lambda": {"existing": {"arn": arn}}}), json!({"lambda": {"onFailure": on_failure}}))
}

fn queue(world: &World, sink: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{}:{}-{sink}", world.aws.account, world.namespace)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn external_takes_away_what_was_managed_and_leaves_what_the_owner_added() {
    let world = World::with("to-external", fast_resync()).await;
    let arn = world.aws.make_function("f").await;
    foreign_queue(&world.aws, "ext", &[foreign_statement("one")]).await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "failed", json!({"sqs": {"managed": {}}})).await;
    world.apply("EventSink", "f", function(&arn, Some("failed"))).await;
    world.apply("EventSink", "q", existing_queue(&world.aws, "ext")).await;
    world.apply("EventRule", "r", rule_spec("b", &["f", "q"])).await;
    all_ready(&world, &[("EventRule", "r"), ("EventSink", "f"), ("EventSink", "q")]).await;
    assert_eq!((world.aws.function_policy("f").await.len(), destination(&world).await), (1, json!(queue(&world, "failed"))));
    assert_eq!(world.aws.sids("ext").await.len(), 2);

    world.apply("EventSink", "f", merged(function(&arn, None), json!({"permissions": "External"}))).await;
    world.apply("EventSink", "q", merged(existing_queue(&world.aws, "ext"), json!({"permissions": "External"}))).await;
    let handed_over = || async {
        let gone = world.aws.function_policy("f").await.is_empty() && destination(&world).await.is_null();
        (gone && world.aws.sids("ext").await == ["one"]).then_some(())
    };
    world.aws.until("what was managed is gone", handed_over).await;
    let forgotten = |object: Option<&kube::api::DynamicObject>| {
        let status = status(object?);
        (status["written"].is_null() && status["requiredStatement"].is_string()).then(|| status["requiredStatement"].clone())
    };
    let required = world.wait("EventSink", "q", "nothing is noted any more", forgotten).await;
    let required: Value = serde_json::from_str(required.as_str().unwrap()).unwrap();
    set_policy(&world.aws, "ext", &[foreign_statement("one"), required]).await;
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    for sink in ["f", "q", "failed"] {
        world.delete("EventSink", sink).await;
        world.gone("EventSink", sink).await;
    }
    assert_eq!(world.aws.sids("ext").await.len(), 2, "the owner's statements stay");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_destination_changed_around_a_failed_write_is_still_ours() {
    let world = World::with("on-failure-ab", fast_resync()).await;
    let arn = world.aws.make_function("f").await;
    for sink in ["a", "b"] {
        world.apply("EventSink", sink, json!({"sqs": {"managed": {}}})).await;
    }
    world.apply("EventSink", "f", function(&arn, Some("a"))).await;
    all_ready(&world, &[("EventSink", "f")]).await;
    assert_eq!(destination(&world).await, json!(queue(&world, "a")));
    world.aws.faults(json!([fault_rule("lambda.PutFunctionEventInvokeConfig", "error", json!({"times": 1, "status": 500}))])).await;
    world.apply("EventSink", "f", function(&arn, Some("b"))).await;
    world.aws.until("b is set", || async { (destination(&world).await == json!(queue(&world, "b"))).then_some(()) }).await;
    world.apply("EventSink", "f", function(&arn, None)).await;
    world.aws.until("nothing is set", || async { destination(&world).await.is_null().then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_set_stays_though_it_is_equal_and_two_sinks_share_what_one_set() {
    let world = World::with("on-failure-equal", fast_resync()).await;
    let arn = world.aws.make_function("f").await;
    world.apply("EventSink", "a", json!({"sqs": {"managed": {}}})).await;
    all_ready(&world, &[("EventSink", "a")]).await;
    set_destination(&world, &queue(&world, "a")).await;
    world.apply("EventSink", "f", function(&arn, Some("a"))).await;
    all_ready(&world, &[("EventSink", "f")]).await;
    world.delete("EventSink", "f").await;
    world.gone("EventSink", "f").await;
    assert_eq!(destination(&world).await, json!(queue(&world, "a")), "somebody else set it");

    world.aws.lambda("DELETE", "functions/f/event-invoke-config", None).await.unwrap();
    for sink in ["f", "g"] {
        world.apply("EventSink", sink, function(&arn, Some("a"))).await;
        all_ready(&world, &[("EventSink", sink)]).await;
    }
    world.delete("EventSink", "f").await;
    world.gone("EventSink", "f").await;
    assert_eq!(destination(&world).await, json!(queue(&world, "a")), "the other sink needs it");
    world.delete("EventSink", "g").await;
    world.gone("EventSink", "g").await;
    assert!(destination(&world).await.is_null());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_boundary_of_somebody_else_stays_and_ours_goes() {
    let world = World::with("role-boundary", fast_resync()).await;
    let machine = world.aws.make_machine("theirs").await;
    let (ours, theirs) = ("arn:aws:iam::aws:policy/PowerUserAccess", "arn:aws:iam::aws:policy/ReadOnlyAccess");
    let mut account = world.account_spec();
    account["grants"][0]["arns"].as_array_mut().unwrap().push(json!(ours));
    world.apply_account(account).await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    let sink = |role: Value| merged(json!({"stateMachine": {"existing": {"arn": machine}}}), json!({"invocationRole": role}));
    world.apply("EventSink", "m", sink(json!({"permissionsBoundaryArn": ours}))).await;
    world.apply("EventRule", "r", rule_spec("b", &["m"])).await;
    all_ready(&world, &[("EventRule", "r"), ("EventSink", "m")]).await;
    let (name, _) = world.aws.role_like(&aws_name(&world, "m")).await.unwrap();
    let boundary = || async { world.aws.role(&name).await.and_then(|role| role.boundary) };
    assert_eq!(boundary().await.as_deref(), Some(ours));
    world.apply("EventSink", "m", sink(json!({}))).await;
    world.aws.until("the boundary of the spec is removed", || async { boundary().await.is_none().then_some(()) }).await;
    world.aws.query("iam", &[("Action", "PutRolePermissionsBoundary"), ("RoleName", &name), ("PermissionsBoundary", theirs)]).await;
    // A change that the operator repairs in the same reconcile in which it sees the boundary.
    world.aws.query("iam", &[("Action", "DeleteRolePolicy"), ("RoleName", &name), ("PolicyName", "tributary")]).await;
    let repaired = || async { (!world.aws.role(&name).await?.policy.is_null()).then_some(()) };
    world.aws.until("the rights are back", repaired).await;
    assert_eq!(boundary().await.as_deref(), Some(theirs), "what narrows stays");
}

/// Retargets rule `r` from `old` to `new` while AWS refuses for a while, and deletes `old` at the same moment.
async fn retargeted(world: &World, fault: &str, kind: &str, name: &str, spec: Value, last_use: &str) {
    world.aws.faults(json!([fault_rule(fault, "error", json!({"times": 3, "status": 500}))])).await;
    let mark = world.aws.mark().await;
    world.apply(kind, name, spec).await;
    world.delete("EventSink", "old").await;
    world.gone("EventSink", "old").await;
    let calls = world.aws.journal(mark).await.0;
    let written = |call: &tributary_testkit::Call, op: &str| call.op == op && call.error.is_none() && call.fault.is_none();
    let freed = calls.iter().position(|call| written(call, last_use)).expect("AWS has the new queue");
    let deleted = calls.iter().position(|call| written(call, "DeleteQueue")).expect("the old queue is deleted");
    assert!(freed < deleted, "{calls:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_stays_while_aws_still_has_it_as_target_or_dead_letter_queue() {
    let world = World::with("in-use", fast_resync()).await;
    world.apply("EventBus", "b", json!({})).await;
    for sink in ["old", "new"] {
        world.apply("EventSink", sink, disposable_queue()).await;
    }
    world.apply("EventRule", "r", rule_spec("b", &["old"])).await;
    // The sink of the new target has to be ready before.
    world.apply("EventRule", "s", rule_spec("b", &["new"])).await;
    all_ready(&world, &[("EventRule", "r"), ("EventRule", "s")]).await;
    let target = |sink: &str| json!([{"name": "t", "sinkRef": {"name": sink}}]);
    world.apply("EventRule", "r", merged(rule_spec("b", &[]), json!({"targets": target("old")}))).await;
    all_ready(&world, &[("EventRule", "r")]).await;
    let spec = merged(rule_spec("b", &[]), json!({"targets": target("new")}));
    retargeted(&world, "events.PutTargets", "EventRule", "r", spec, "PutTargets").await;

    let dead_letter = |sink: &str| json!({"deadLetter": {"sinkRef": {"name": sink}}});
    world.apply("EventSink", "old", merged(disposable_queue(), json!({"sqs": {"managed": {"name": aws_name(&world, "old2")}}}))).await;
    world.apply("EventBus", "b", dead_letter("old")).await;
    all_ready(&world, &[("EventBus", "b")]).await;
    retargeted(&world, "events.UpdateEventBus", "EventBus", "b", dead_letter("new"), "UpdateEventBus").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retained_rule_keeps_its_permission_and_its_queue() {
    let world = World::with("retained", fast_resync()).await;
    foreign_queue(&world.aws, "ext", &[]).await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "q", existing_queue(&world.aws, "ext")).await;
    world.apply("EventSink", "m", disposable_queue()).await;
    world.apply("EventRule", "r", merged(rule_spec("b", &["q", "m"]), json!({"deletionPolicy": "Retain"}))).await;
    all_ready(&world, &[("EventRule", "r")]).await;
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    world.delete("EventSink", "q").await;
    world.gone("EventSink", "q").await;
    assert_eq!(world.aws.sids("ext").await.len(), 1, "the rule in AWS still sends");
    let said = tributary_testkit::event_notes(&world, "EventSink", "q", "LeftAlone").await;
    assert!(said.iter().any(|note| note.contains(&aws_name(&world, "r"))), "{said:?}");
    world.delete("EventSink", "m").await;
    assert_reason(&world, "EventSink", "m", "InUse", &[&aws_name(&world, "r"), "deletionPolicy: Retain"]).await;
    let (bus, rule) = (aws_name(&world, "b"), aws_name(&world, "r"));
    world.aws.events("RemoveTargets", json!({"EventBusName": bus, "Rule": rule, "Ids": ["q", "m"]})).await;
    gone_after_request(&world, "EventSink", "m").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_leaves_what_belongs_to_others_and_takes_what_is_its_own() {
    let world = World::start("partly-ours").await;
    world.apply("EventBus", "b", json!({})).await;
    let sink = json!({"sqs": {"managed": {"deadLetter": {"maxReceiveCount": 3}}}, "deletionPolicy": "Delete"});
    world.apply("EventSink", "q", sink).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    all_ready(&world, &[("EventRule", "r"), ("EventSink", "q")]).await;
    let name = aws_name(&world, "q");
    let url = world.aws.queue_url(&name).await.unwrap();
    world.aws.sqs("TagQueue", json!({"QueueUrl": url, "Tags": {"tributary.dev/owner": "somebody"}})).await;
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    world.delete("EventSink", "q").await;
    world.gone("EventSink", "q").await;
    assert!(world.aws.queue_url(&name).await.is_some(), "the queue has another owner");
    assert!(world.aws.queue_url(&format!("{name}-dlq")).await.is_none(), "the dead-letter queue is ours");
    assert!(world.aws.sids(&name).await.is_empty(), "the statement is ours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_others_use_stalls_its_deletion_and_says_what_to_do() {
    let world = World::start("role-conflict").await;
    let machine = world.aws.make_machine("theirs").await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "m", json!({"stateMachine": {"existing": {"arn": machine}}})).await;
    world.apply("EventRule", "r", rule_spec("b", &["m"])).await;
    all_ready(&world, &[("EventRule", "r"), ("EventSink", "m")]).await;
    let refused = json!({"status": 409, "code": "DeleteConflict", "message": "Cannot delete entity, must detach all policies first."});
    world.aws.faults(json!([fault_rule("iam.DeleteRole", "error", refused)])).await;
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    world.delete("EventSink", "m").await;
    tributary_testkit::assert_not_ready(
        &world,
        "EventSink",
        "m",
        "InUse",
        true,
        &["iam:DeleteRole", "Detach them", "tributary.dev/orphan"],
    )
    .await;
    world.aws.faults(json!([])).await;
    gone_after_request(&world, "EventSink", "m").await;
    assert!(world.aws.roles().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_that_was_never_confirmed_goes_with_its_line() {
    let world = World::with("tag-note", fast_resync()).await;
    world.apply("EventBus", "b", json!({"name": "tagged", "description": "one"})).await;
    all_ready(&world, &[("EventBus", "b")]).await;
    let arn = format!("arn:aws:events:{REGION}:{}:event-bus/tagged", world.aws.account);
    let has_tag = || async { world.aws.tags(&arn).await.contains_key("extra") };
    world.aws.faults(json!([fault_rule("events.UpdateEventBus", "error", json!({"status": 500}))])).await;
    world.apply("EventBus", "b", json!({"name": "tagged", "description": "two", "tags": {"extra": "x"}})).await;
    world.aws.until("the tag is there", || async { has_tag().await.then_some(()) }).await;
    world.apply("EventBus", "b", json!({"name": "tagged", "description": "one"})).await;
    world.aws.faults(json!([])).await;
    world.aws.until("the tag is gone", || async { (!has_tag().await).then_some(()) }).await;
}
