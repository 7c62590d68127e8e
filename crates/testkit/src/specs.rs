//! Specs of objects, as values for [`World::apply`](crate::World::apply), and the names in AWS that follow from them.

use serde_json::{Value, json};

use crate::{Aws, REGION, World};

/// API version of all our kinds.
pub const API_VERSION: &str = "tributary.dev/v1alpha1";

/// Source of the events that [`rule_spec`] matches.
pub const SOURCE: &str = "test";

/// Spec of a rule that sends every event of [`SOURCE`] to these sinks, by a target of the sink's name.
pub fn rule_spec(bus: &str, sinks: &[&str]) -> Value {
    json!({"busRef": {"name": bus}, "eventPattern": {"source": [SOURCE]}, "targets": targets(sinks)})
}

/// Targets named like the sinks that they refer to.
pub(crate) fn targets(sinks: &[&str]) -> Value {
    sinks.iter().map(|sink| json!({"name": sink, "sinkRef": {"name": sink}})).collect()
}

/// Spec of a sink with a managed queue, which stays in AWS when the sink is deleted.
pub fn managed_queue() -> Value {
    json!({"sqs": {"managed": {}}})
}

/// The same, with a queue that is deleted with its sink.
pub fn disposable_queue() -> Value {
    json!({"sqs": {"managed": {}}, "deletionPolicy": "Delete"})
}

/// Spec of a sink with an existing queue of this account.
pub fn existing_queue(aws: impl AsRef<Aws>, queue: &str) -> Value {
    json!({"sqs": {"existing": {"arn": queue_arn(aws, queue)}}})
}

/// ARN of a queue of this account.
pub fn queue_arn(aws: impl AsRef<Aws>, queue: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{}:{queue}", aws.as_ref().account)
}

/// The name in AWS of an object of the world whose spec names none.
pub fn aws_name(world: &World, name: &str) -> String {
    crate::product::plan::default_name(&world.namespace, name, 64, crate::product::plan::queue_character, None)
}

/// A statement of a resource policy that is not ours.
pub fn foreign_statement(sid: &str) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999988887777:root"}, "Action": "sqs:ReceiveMessage", "Resource": "*"})
}

/// A fault for [`Aws::faults`]: matching calls fail in this way, as often as `more` says.
pub fn fault_rule(call: &str, kind: &str, more: Value) -> Value {
    merged(json!({"match": call, "kind": kind}), more)
}

/// The value with the JSON merge patch applied: objects are merged, `null` removes a field.
pub fn merged(mut value: Value, patch: Value) -> Value {
    merge(&mut value, patch);
    value
}

fn merge(value: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *value = patch;
        return;
    };
    if !value.is_object() {
        *value = json!({});
    }
    let object = value.as_object_mut().unwrap();
    for (key, new) in patch {
        if new.is_null() {
            object.remove(&key);
        } else {
            merge(object.entry(key).or_insert(Value::Null), new);
        }
    }
}
