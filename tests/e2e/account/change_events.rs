//! `changeEvents` of an account: changes by hand are repaired within seconds and named, the operator's own cause nothing, a burst is few
//! reconciles; and what the account creates for it in AWS.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kube::api::DynamicObject;
use serde_json::{Value, json};
use tributary_testkit::{
    World, apply_pipeline, aws_name, condition, event_notes, fault_rule, merged, options, patch_spec, position, reconcile_now,
    scaled_by_load, until_within,
};

const KIND: &str = "AwsAccount";

/// Spec of the world's account with change events.
fn watching(world: &World) -> Value {
    merged(world.account_spec(), json!({"changeEvents": {}}))
}

/// A world whose account records calls and receives change events. Resyncs come once an hour.
async fn watched(name: &str) -> World {
    let mut world = World::empty(name).await;
    world.aws.settings(json!({"trail": 1})).await;
    world.apply_account(watching(&world)).await;
    world.run(options()).await;
    has_condition(&world, "True", "Receiving").await;
    apply_pipeline(&world).await;
    drained(&world).await;
    world
}

/// Waits for status and reason of the account's condition; gives the message.
async fn has_condition(world: &World, status: &str, reason: &str) -> String {
    let has = |object: Option<&DynamicObject>| condition(object?, "ChangeEvents").filter(|c| c.0 == status && c.1 == reason).map(|c| c.2);
    world.wait(KIND, &world.account, reason, has).await
}

/// Name of the account's rule and queue.
async fn name_in_aws(world: &World) -> String {
    let account = world.get(KIND, &world.account).await.unwrap();
    let arn = account.data["status"]["changeEvents"][0]["queueArn"].as_str().unwrap().to_owned();
    arn.rsplit(':').next().unwrap().to_owned()
}

/// Waits until the operator has consumed all change events.
async fn drained(world: &World) {
    let url = world.aws.queue_url(&name_in_aws(world).await).await.unwrap();
    let counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
    let empty = || async {
        let answer = world.aws.sqs("GetQueueAttributes", json!({"QueueUrl": url, "AttributeNames": counts})).await;
        counts.iter().all(|count| answer["Attributes"][count] == "0").then_some(())
    };
    // What a consumer that was stopped had received is hidden for a minute, as in SQS.
    until_within(scaled_by_load(Duration::from_secs(90)), "all change events consumed", empty).await;
}

/// The resources of change events that AWS has.
async fn left(world: &World) -> Vec<String> {
    world.aws.contents().await.into_keys().filter(|name| name.contains("tributary-changes-")).collect()
}

/// How often the operator read this resource closely since the mark.
async fn close_reads(world: &World, mark: u64, arn: &str) -> usize {
    let calls = world.aws.journal(mark).await.0;
    calls.iter().filter(|call| call.op == "ListTagsForResource" && call.request["ResourceARN"] == arn).count()
}

fn rule_arn(world: &World) -> String {
    format!("arn:aws:events:eu-west-1:{}:rule/{}/{}", world.aws.account, aws_name(world, "b"), aws_name(world, "r"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_removed_by_hand_is_put_again_within_seconds_and_the_event_names_who_removed_it() {
    let world = watched("by-hand").await;
    let user = world.aws.make_user("alice").await;
    let (bus, rule, mark) = (aws_name(&world, "b"), aws_name(&world, "r"), world.aws.mark().await);
    let removed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    world.aws.call_by(&user, "events", "RemoveTargets", json!({"EventBusName": bus, "Rule": rule, "Ids": ["q"]})).await;
    let put = || async { world.aws.journal(mark).await.0.into_iter().find(|call| call.op == "PutTargets") };
    let put = world.aws.until("the target is put again", put).await;
    assert!(put.start - removed < scaled_by_load(Duration::from_secs(5)).as_secs_f64(), "{} s", put.start - removed);
    let notes = || async { event_notes(&world, "EventRule", "r", "ChangedInAws").await.pop() };
    let note = world.aws.until("the event", notes).await;
    let who = format!("changed by arn:aws:iam::{}:user/alice at ", world.aws.account);
    assert!(note.starts_with(&who) && note.contains(": RemoveTargets (request "), "{note}");
    assert_eq!(world.aws.targets(&bus, &rule).await.len(), 1);
    assert!(event_notes(&world, "EventBus", "b", "ChangedInAws").await.is_empty(), "no other object is concerned");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_and_a_policy_removed_by_hand_are_restored() {
    let world = watched("by-hand-tag").await;
    let (user, arn, queue) = (world.aws.make_user("alice").await, rule_arn(&world), aws_name(&world, "q"));
    world.aws.call_by(&user, "events", "UntagResource", json!({"ResourceARN": arn, "TagKeys": ["team"]})).await;
    let tagged = || async { world.aws.tags(&arn).await.contains_key("team").then_some(()) };
    world.aws.until("the tag is restored", tagged).await;
    let url = world.aws.queue_url(&queue).await.unwrap();
    world.aws.call_by(&user, "sqs", "SetQueueAttributes", json!({"QueueUrl": url, "Attributes": {"Policy": ""}})).await;
    let allowed = || async { (!world.aws.sids(&queue).await.is_empty()).then_some(()) };
    world.aws.until("the policy is restored", allowed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_delivery_deleted_by_hand_is_created_again() {
    let world = watched("by-hand-log").await;
    let log = json!({"level": "ERROR", "delivery": {"logGroup": {"managed": {}}}});
    patch_spec(&world, "EventBus", "b", json!({"log": log})).await;
    world.ready("EventBus", "b").await;
    drained(&world).await;
    let user = world.aws.make_user("alice").await;
    let delivery = world.aws.log_deliveries().await["deliveries"][0].clone();
    world.aws.call_by(&user, "logs", "DeleteDelivery", json!({"id": delivery["id"]})).await;
    let created = || async {
        let source = world.aws.log_deliveries().await["deliveries"].first()?["deliverySourceName"].clone();
        (source == delivery["deliverySourceName"]).then_some(())
    };
    world.aws.until("the delivery is created again", created).await;
    let notes = || async { event_notes(&world, "EventBus", "b", "ChangedInAws").await.pop() };
    let note = world.aws.until("the event", notes).await;
    assert!(note.contains("user/alice at ") && note.contains(": DeleteDelivery (request "), "{note}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_repaired_also_if_the_first_reconcile_after_it_fails() {
    let world = watched("by-hand-again").await;
    let (user, bus, rule) = (world.aws.make_user("alice").await, aws_name(&world, "b"), aws_name(&world, "r"));
    // More than a read is sent again within one reconcile.
    world.aws.faults(json!([fault_rule("events.ListTargetsByRule", "error", json!({"times": 4}))])).await;
    world.aws.call_by(&user, "events", "RemoveTargets", json!({"EventBusName": bus, "Rule": rule, "Ids": ["q"]})).await;
    let restored = || async { (!world.aws.targets(&bus, &rule).await.is_empty()).then_some(()) };
    world.aws.until("the target is restored", restored).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operators_own_changes_cause_no_reconcile() {
    let world = watched("own").await;
    let mark = world.aws.mark().await;
    patch_spec(&world, "EventRule", "r", json!({"description": "changed"})).await;
    world.ready("EventRule", "r").await;
    drained(&world).await;
    assert!(world.aws.calls(mark).await.contains(&"sqs:DeleteMessageBatch".to_owned()), "the call arrived as a change event");
    reconcile_now(&world, "EventSink", "q").await;
    assert_eq!(close_reads(&world, mark, &rule_arn(&world)).await, 1, "that of the changed spec");
    assert!(event_notes(&world, "EventRule", "r", "ChangedInAws").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_while_the_operator_is_away_is_few_reconciles_and_a_message_that_is_no_event_stops_nothing() {
    let mut world = watched("burst").await;
    world.stop().await;
    let (user, arn) = (world.aws.make_user("alice").await, rule_arn(&world));
    let url = world.aws.queue_url(&name_in_aws(&world).await).await.unwrap();
    for body in ["not JSON", "{}", "[1]"] {
        world.aws.sqs("SendMessage", json!({"QueueUrl": url, "MessageBody": body})).await;
    }
    for n in 0..500 {
        let tags = json!([{"Key": "by-hand", "Value": n.to_string()}]);
        world.aws.call_by(&user, "events", "TagResource", json!({"ResourceARN": arn, "Tags": tags})).await;
    }
    let mark = world.aws.mark().await;
    world.run(options()).await;
    drained(&world).await;
    reconcile_now(&world, "EventRule", "r").await;
    let reads = close_reads(&world, mark, &arn).await;
    assert!((2..=8).contains(&reads), "{reads} reconciles for 500 changes");
    assert!(event_notes(&world, "EventRule", "r", "ChangedInAws").await.is_empty(), "the spec says nothing about that tag");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opting_out_removes_rule_and_queue_in_order() {
    let world = watched("opt-out").await;
    let created = world.aws.writes(0).await;
    assert!(
        position(&created, "CreateQueue") < position(&created, "PutRule")
            && position(&created, "PutRule") < position(&created, "PutTargets")
    );
    assert_eq!(left(&world).await.len(), 2);
    let mark = world.aws.mark().await;
    world.apply_account(world.account_spec()).await;
    let removed = |object: Option<&DynamicObject>| {
        let object = object.filter(|object| condition(object, "Ready").is_some_and(|c| c.0 == "True"))?;
        (object.data["status"]["changeEvents"].is_null() && condition(object, "ChangeEvents").is_none()).then_some(())
    };
    world.wait(KIND, &world.account, "without change events", removed).await;
    assert_eq!(left(&world).await, Vec::<String>::new());
    let mut removal = world.aws.writes(mark).await;
    removal.retain(|op| op.starts_with("Remove") || (op.starts_with("Delete") && !op.starts_with("DeleteMessage")));
    assert_eq!(removal, ["RemoveTargets", "DeleteRule", "DeleteQueue"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_the_account_removes_rule_and_queue() {
    let mut world = World::empty("account-gone").await;
    world.apply_account(watching(&world)).await;
    world.run(options()).await;
    world.ready(KIND, &world.account).await;
    assert_eq!(left(&world).await.len(), 2);
    world.delete(KIND, &world.account).await;
    world.gone(KIND, &world.account).await;
    assert_eq!(left(&world).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_trail_the_condition_is_unknown_and_another_region_gets_its_own_queue() {
    let mut world = World::empty("no-trail").await;
    world.apply_account(watching(&world)).await;
    world.run(options()).await;
    let message = has_condition(&world, "Unknown", "NoEventsYet").await;
    assert!(message.contains("eu-west-1") && message.contains("CloudTrail trail"), "{message}");
    world.ready(KIND, &world.account).await;
    world.apply("EventBus", "far", json!({"region": "us-west-2"})).await;
    world.ready("EventBus", "far").await;
    let both = |object: Option<&DynamicObject>| {
        let regions: Vec<_> = object?.data["status"]["changeEvents"].as_array()?.iter().map(|row| row["region"].clone()).collect();
        (regions == ["eu-west-1", "us-west-2"]).then_some(())
    };
    world.wait(KIND, &world.account, "in both Regions", both).await;
    world.ready(KIND, &world.account).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_permission_is_in_the_condition_and_blocks_no_object() {
    let mut world = World::empty("no-right").await;
    world.aws.settings(json!({"trail": 1})).await;
    let denied = json!({"status": 403, "code": "AccessDenied", "message": "not authorized to perform: sqs:createqueue"});
    world.aws.faults(json!([fault_rule("sqs.CreateQueue", "error", denied)])).await;
    world.apply_account(watching(&world)).await;
    world.run(options()).await;
    let message = has_condition(&world, "False", "AccessDenied").await;
    assert!(message.contains("sqs:CreateQueue"), "{message}");
    world.not_ready(KIND, &world.account, "AccessDenied").await;
    world.apply("EventBus", "b", json!({})).await;
    world.ready("EventBus", "b").await;
    let denied = json!({"status": 403, "code": "AccessDenied", "message": "not authorized to perform: sqs:receivemessage"});
    world.aws.faults(json!([fault_rule("sqs.ReceiveMessage", "error", denied)])).await;
    reconcile_now(&world, KIND, &world.account).await;
    world.ready(KIND, &world.account).await;
    let message = has_condition(&world, "False", "AccessDenied").await;
    assert!(message.contains("cannot consume change events of eu-west-1"), "{message}");
    world.aws.faults(json!([])).await;
    has_condition(&world, "True", "Receiving").await;
}
