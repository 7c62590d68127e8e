//! Dead-letter queues of an account, and how many messages are in them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tributary_api::EventSink;
use tributary_aws::Session;
use tributary_core::{destinations::dead_letter_queue, error::ReconcileError, names::is_foreign};

use crate::cli::doctor::{aws_facts::QueueUse, finding::ObjectRef, object::Object, snapshot::Snapshot};

/// A dead-letter queue, as the objects refer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Queue {
    pub(super) sink: ObjectRef,
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) region: String,
    pub(super) senders: BTreeSet<ObjectRef>,
}

/// Fields that refer to the sink of a dead-letter queue.
const FIELDS: [&str; 2] = ["deadLetter", "onFailure"];

/// Returns the queues that the spec of an object refers to.
pub(super) fn referenced(object: &Object, snapshot: &Snapshot) -> Vec<Queue> {
    let mut references = Vec::new();
    collect(&object.data["spec"], &mut references);
    let of = |reference: &Value| {
        let namespace = reference["namespace"].as_str().or(object.meta.namespace.as_deref());
        let is_it = |sink: &&Object| sink.meta.namespace.as_deref() == namespace && Some(sink.name()) == reference["name"].as_str();
        let sink = snapshot.of_kind("EventSink").find(is_it)?;
        let identity = sink.status.identity.as_ref().filter(|identity| !is_foreign(identity))?;
        Some(Queue {
            sink: sink.reference(),
            name: identity.name.clone(),
            arn: identity.arn.clone(),
            region: identity.region.clone(),
            senders: BTreeSet::from([object.reference()]),
        })
    };
    references.into_iter().filter_map(of).collect()
}

/// Collects all values of `sinkRef` below the fields.
fn collect<'a>(value: &'a Value, references: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        Value::Object(map) => {
            for (name, value) in map {
                match value.get("sinkRef").filter(|_| FIELDS.contains(&name.as_str())) {
                    Some(reference) => references.push(reference),
                    None => collect(value, references),
                }
            }
        }
        _ => {}
    }
}

/// Returns the dead-letter queues of an account, also those that the operator creates with a queue.
pub(super) fn of_account(snapshot: &Snapshot, account: &str) -> Vec<Queue> {
    let mut all: BTreeMap<String, Queue> = BTreeMap::new();
    let referenced = snapshot.objects.iter().flat_map(|object| referenced(object, snapshot));
    for queue in referenced.chain(snapshot.of_kind("EventSink").filter_map(created_with)) {
        let senders = queue.senders.clone();
        all.entry(queue.arn.clone()).or_insert(queue).senders.extend(senders);
    }
    let is_of_account = |queue: &Queue| {
        let is_it = |sink: &&Object| sink.reference() == queue.sink;
        let sink = snapshot.of_kind("EventSink").find(is_it);
        sink.and_then(|sink| sink.status.identity.as_ref()).is_some_and(|identity| identity.account == account)
    };
    all.into_values().filter(is_of_account).collect()
}

fn created_with(sink: &Object) -> Option<Queue> {
    let spec = serde_json::from_value(sink.data["spec"].clone()).ok()?;
    let typed = EventSink::new(sink.name(), spec);
    typed.managed_queue()?.dead_letter.as_ref()?;
    let identity = sink.status.identity.as_ref()?;
    Some(Queue {
        sink: sink.reference(),
        name: dead_letter_queue::name(&identity.name),
        arn: dead_letter_queue::name(&identity.arn),
        region: identity.region.clone(),
        senders: BTreeSet::from([sink.reference()]),
    })
}

/// Returns the queue if messages are in it.
pub(super) async fn read(session: &Session, queue: Queue) -> Result<Option<QueueUse>, ReconcileError> {
    let url = session.queue_to_read(&queue.name).await?;
    let depths = session.queue_depths(&url).await.map_err(ReconcileError::from)?;
    let Queue { sink, name, senders, .. } = queue;
    Ok((depths.waiting + depths.in_flight > 0).then_some(QueueUse { sink, name, depths, senders }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::doctor::checks::tests::{healthy, object};

    #[test]
    fn queues_are_found_by_reference_and_those_that_the_operator_creates_too() {
        let sink = |name: &str, spec: Value| {
            let arn = format!("arn:aws:sqs:eu-west-1:111122223333:prod-{name}");
            let identity = json!({"account": "a", "accountId": "111122223333", "partition": "aws", "region": "eu-west-1",
                "name": format!("prod-{name}"), "arn": arn});
            object("EventSink", name, spec, json!({"identity": identity}))
        };
        let target = |dead_letter: Value| json!({"name": "t", "sinkRef": {"name": "q"}, "deadLetter": dead_letter});
        let rule = |name: &str| {
            let targets = [target(json!({"sinkRef": {"name": "dead"}})), target(json!({"sinkRef": {"name": "gone"}}))];
            object("EventRule", name, json!({"targets": targets}), json!({}))
        };
        let redriven = sink("q", json!({"sqs": {"managed": {"deadLetter": {"maxReceiveCount": 3}}}}));
        let objects = vec![sink("dead", json!({"sqs": {"managed": {}}})), redriven, rule("r"), rule("s")];
        let snapshot = Snapshot { objects, ..healthy() };
        let found = of_account(&snapshot, "a");
        let names: Vec<_> = found.iter().map(|queue| (queue.name.as_str(), queue.senders.len())).collect();
        assert_eq!(names, [("prod-dead", 2), ("prod-q-dlq", 1)]);
        assert_eq!(of_account(&snapshot, "b"), []);
    }
}
