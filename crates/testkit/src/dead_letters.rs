//! Dead letters: a queue of them, a rule with targets, and messages as `EventBridge` puts them there.

use serde_json::{Value, json};

use crate::{World, all_ready, aws_name};

/// Name of the sink that is the dead-letter queue.
pub const DEAD: &str = "d";

/// Applies bus `b` and the dead-letter queue [`DEAD`].
pub async fn dead_letter_queue(world: &World) {
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", DEAD, json!({"sqs": {"managed": {}}})).await;
}

/// Applies a rule of bus `b` with a target for each of these sinks, whose dead letters go to [`DEAD`], and waits until all are Ready. The
/// rule matches nothing that a test sends.
pub async fn dead_lettered_rule(world: &World, name: &str, targets: &[(&str, Value)]) {
    let targets: Vec<_> = targets
        .iter()
        .map(|(sink, more)| {
            let mut target = json!({"name": sink, "sinkRef": {"name": sink}, "deadLetter": {"sinkRef": {"name": DEAD}}});
            target.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
            target
        })
        .collect();
    world.apply("EventRule", name, json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["nobody"]}, "targets": targets})).await;
    all_ready(world, &[("EventSink", DEAD), ("EventRule", name)]).await;
}

/// ARN of a rule of bus `b`.
pub fn rule_arn(world: &World, rule: &str) -> String {
    format!("arn:aws:events:{}:{}:rule/b/{}", crate::REGION, world.aws.account, aws_name(world, rule))
}

/// ARN of a target of a rule of bus `b`, as AWS has it.
pub async fn target_arn(world: &World, rule: &str, target: &str) -> String {
    let targets = world.aws.targets("b", &aws_name(world, rule)).await;
    let target = targets.into_iter().find(|have| have["Id"] == target).unwrap_or_else(|| panic!("no target {target}"));
    target["Arn"].as_str().unwrap().to_owned()
}

/// The event of a dead letter.
pub fn dead_event(mark: &str) -> Value {
    json!({"version": "0", "id": format!("id-{mark}"), "detail-type": "test", "source": "test", "account": "111122223333",
        "time": "2026-11-20T10:00:00Z", "region": crate::REGION, "resources": [], "detail": {"mark": mark}})
}

/// Puts a dead letter with these attributes into [`DEAD`], as `EventBridge` does. Returns the id of the message.
pub async fn put_letter(world: &World, rule_arn: &str, target_arn: &str, code: &str, mark: &str) -> String {
    let url = world.aws.queue_url(&aws_name(world, DEAD)).await.unwrap();
    let text = |value: &str| json!({"DataType": "String", "StringValue": value});
    let attributes = json!({"RULE_ARN": text(rule_arn), "TARGET_ARN": text(target_arn), "ERROR_CODE": text(code),
        "ERROR_MESSAGE": text("no"), "RETRY_ATTEMPTS": text("0")});
    let body = dead_event(mark).to_string();
    let sent = world.aws.sqs("SendMessage", json!({"QueueUrl": url, "MessageBody": body, "MessageAttributes": attributes})).await;
    sent["MessageId"].as_str().unwrap().to_owned()
}

/// Puts a dead letter for a target of a rule of bus `b` into [`DEAD`]. Returns the id of the message.
pub async fn dead_letter(world: &World, rule: &str, target: &str, code: &str, mark: &str) -> String {
    let target = target_arn(world, rule, target).await;
    put_letter(world, &rule_arn(world, rule), &target, code, mark).await
}

/// Marks of the events that lie visible in a queue, sorted; they stay hidden for a moment only.
pub async fn marks_in(world: &World, queue: &str) -> Vec<String> {
    let url = world.aws.queue_url(queue).await.unwrap();
    let (mut marks, mut receipts) = (vec![], vec![]);
    loop {
        let got = world.aws.sqs("ReceiveMessage", json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 20})).await;
        let messages = got["Messages"].as_array().cloned().unwrap_or_default();
        if messages.is_empty() {
            break;
        }
        for message in messages {
            let body: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
            let mark = body.get("detail").unwrap_or(&body)["mark"].as_str().unwrap_or_default().to_owned();
            marks.push(mark);
            receipts.push(message["ReceiptHandle"].clone());
        }
    }
    for receipt in receipts {
        world.aws.sqs("ChangeMessageVisibility", json!({"QueueUrl": url, "ReceiptHandle": receipt, "VisibilityTimeout": 0})).await;
    }
    marks.sort();
    marks
}
