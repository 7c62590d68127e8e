//! Condition `Deliverable` after somebody revokes a permission: exactly the affected target is reported. The operator repairs its own
//! permission and names that of another owner.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tributary_testkit::{
    REGION, World, all_ready, aws_name, condition, existing_queue, foreign_queue, merged, reconcile_now, rule_spec, set_policy,
};

use super::causes::{arn, document};

/// One target for each kind of grant: a queue's policy, a topic's, a function's, a log group's, a role.
const TARGETS: [&str; 5] = ["queue", "topic", "function", "group", "stream"];

/// What the rule says of each target.
async fn words(world: &World) -> BTreeMap<String, (String, String)> {
    reconcile_now(world, "EventRule", "r").await;
    let object = world.get("EventRule", "r").await.unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = object.data["status"]["targets"].as_array().unwrap().iter();
    rows.map(|row| (text(&row["name"]), (text(&row["deliverable"]), text(&row["deliverableMessage"])))).collect()
}

/// Targets that are not `Yes`, and what an event comes to at them.
async fn broken(world: &World) -> (Vec<String>, Vec<String>) {
    let no: Vec<_> = words(world).await.into_iter().filter(|(_, (word, _))| word != "Yes").map(|(name, _)| name).collect();
    let before = world.aws.deliveries().await.len();
    world.aws.put_event("b", "test", "test", &json!({"mark": "x"})).await;
    let all = world.aws.deliveries().await;
    assert_eq!(all.len() - before, TARGETS.len());
    let mut failed: Vec<_> =
        all[before..].iter().filter(|d| d["outcome"] != "DELIVERED").map(|d| d["target"].as_str().unwrap().to_owned()).collect();
    failed.sort();
    (no, failed)
}

/// Takes the grant away, as somebody with a console would.
async fn revoke(world: &World, target: &str) {
    let aws = &world.aws;
    let without = |statements: Vec<Value>| {
        let left: Vec<_> = statements.into_iter().filter(|s| s["Principal"]["Service"] != "events.amazonaws.com").collect();
        document(&left)
    };
    match target {
        "queue" => set_policy(aws, "queue", &[]).await,
        "topic" => {
            let topic = arn(world, "sns", "topic");
            let left = without(aws.topic_policy(&topic).await);
            let set =
                [("Action", "SetTopicAttributes"), ("TopicArn", topic.as_str()), ("AttributeName", "Policy"), ("AttributeValue", &left)];
            aws.query("sns", &set).await;
        }
        "function" => {
            for statement in aws.function_policy("function").await {
                let path = format!("functions/function/policy/{}", statement["Sid"].as_str().unwrap());
                aws.lambda("DELETE", &path, None).await.unwrap();
            }
        }
        "group" => {
            for name in aws.log_policies().await.into_keys() {
                aws.logs("DeleteResourcePolicy", json!({"policyName": name})).await;
            }
        }
        _ => {
            for (name, role) in aws.roles().await {
                if !role.policy.is_null() {
                    aws.query("iam", &[("Action", "DeleteRolePolicy"), ("RoleName", &name), ("PolicyName", "tributary")]).await;
                }
            }
        }
    }
}

/// A rule with all the targets, whose things somebody else made.
async fn rig(name: &str) -> World {
    let world = World::start(name).await;
    foreign_queue(&world.aws, "queue", &[]).await;
    world.aws.make_topic("topic").await;
    world.aws.make_function("function").await;
    world.aws.logs("CreateLogGroup", json!({"logGroupName": "/aws/events/group"})).await;
    world.aws.call("kinesis", "CreateStream", json!({"StreamName": "stream", "ShardCount": 1})).await.unwrap();
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world
}

fn sink(world: &World, target: &str) -> Value {
    match target {
        "queue" => existing_queue(&world.aws, "queue"),
        "topic" => json!({"sns": {"existing": {"arn": arn(world, "sns", "topic")}}}),
        "function" => json!({"lambda": {"existing": {"arn": world.aws.function_arn("function")}}}),
        "group" => json!({"logGroup": {"existing": {"arn": world.aws.log_group_arn("/aws/events/group")}}}),
        _ => json!({"kinesis": {"existing": {"arn": arn(world, "kinesis", "stream/stream")}}}),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_the_target_that_lost_its_grant_is_reported_and_repaired() {
    let world = rig("revoked").await;
    for target in TARGETS {
        world.apply("EventSink", target, sink(&world, target)).await;
    }
    world.apply("EventRule", "r", rule_spec("b", &TARGETS)).await;
    all_ready(&world, &TARGETS.map(|target| ("EventSink", target))).await;
    all_ready(&world, &[("EventRule", "r")]).await;
    assert_eq!(broken(&world).await, (vec![], vec![]), "no false alarm");
    for target in TARGETS {
        // Else the sink, which the rule wakes, repairs it before an event can fail.
        world.annotate("EventSink", target, "tributary.dev/paused", Some("true")).await;
        revoke(&world, target).await;
        assert_eq!(broken(&world).await, (vec![target.to_owned()], vec![target.to_owned()]), "without the grant of {target}");
        world.annotate("EventSink", target, "tributary.dev/paused", None).await;
        reconcile_now(&world, "EventSink", target).await;
        assert_eq!(broken(&world).await, (vec![], vec![]), "{target} is repaired");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_foreign_grant_is_reported_and_not_repaired() {
    let world = rig("revoked-external").await;
    let aws = &world.aws;
    let role = aws.make_role("given", "events.amazonaws.com").await;
    aws.query("iam", &[("Action", "DeleteRolePolicy"), ("RoleName", "given"), ("PolicyName", "p")]).await;
    for target in TARGETS {
        let keeper = if target == "stream" { json!({"roleArn": role}) } else { json!({"permissions": "External"}) };
        // Log policies are the account's: the operator keeps them, or the user does without a sink's word for it.
        let keeper = if target == "group" { json!({}) } else { keeper };
        world.apply("EventSink", target, merged(sink(&world, target), keeper)).await;
    }
    world.apply("EventRule", "r", rule_spec("b", &TARGETS)).await;
    all_ready(&world, &[("EventRule", "r")]).await;
    let source = format!("arn:aws:events:{REGION}:{}:rule/b/{}", aws.account, aws_name(&world, "r"));
    let since = aws.mark().await;
    let found = words(&world).await;
    for (target, action) in
        [("queue", "sqs:SendMessage"), ("topic", "sns:Publish"), ("function", "lambda:InvokeFunction"), ("stream", "kinesis:PutRecord")]
    {
        let (verdict, message) = &found[target];
        assert!(verdict == "No" && message.contains(action), "{target}: {verdict}: {message}");
        assert!(target == "stream" || target == "topic" || message.contains(&source), "{target}: {message}");
    }
    assert_eq!(found["group"].0, "Yes");
    let condition = condition(&world.get("EventRule", "r").await.unwrap(), "Deliverable").unwrap();
    assert_eq!(condition.0, "False", "{condition:?}");
    assert_eq!(aws.writes(since).await, [""; 0], "what is somebody else's is only named");
}
