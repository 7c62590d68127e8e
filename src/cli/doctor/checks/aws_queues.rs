//! Messages in dead-letter queues, counted now.

use crate::cli::doctor::{
    aws_facts::{AwsFacts, QueueUse},
    checks::dead_letters,
    finding::{Finding, Severity},
    object::Object,
    snapshot::Snapshot,
};

pub(super) fn check(facts: &AwsFacts, snapshot: &Snapshot) -> Vec<Finding> {
    let queues = facts.accounts.iter().flat_map(|account| &account.queues);
    queues.filter(|queue| !is_reported(queue, snapshot)).filter_map(|queue| of_queue(queue, snapshot)).collect()
}

/// Whether the status of a rule reports messages, which the check of dead letters shows with their error codes.
fn is_reported(queue: &QueueUse, snapshot: &Snapshot) -> bool {
    let sends = |object: &&Object| queue.senders.contains(&object.reference());
    snapshot.objects.iter().filter(sends).any(dead_letters::has_messages)
}

fn of_queue(queue: &QueueUse, snapshot: &Snapshot) -> Option<Finding> {
    let sink = snapshot.of_kind("EventSink").find(|sink| sink.reference() == queue.sink)?;
    let senders = queue.senders.iter().take(3).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let more = match queue.senders.len() {
        0..4 => String::new(),
        count => format!(" and {} more", count - 3),
    };
    let message = format!(
        "dead-letter queue {} holds about {} messages, and {} more are being processed. It is for {senders}{more}. Correct the cause, then move the messages back before the queue deletes them.",
        queue.name, queue.depths.waiting, queue.depths.in_flight
    );
    Some(Finding::new("dead-letter-queue", Severity::Warning, message, sink.describe()).of(queue.sink.clone()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;
    use tributary_aws::Depths;

    use super::{super::tests::*, *};
    use crate::cli::doctor::{aws_facts::AccountFacts, finding::ObjectRef};

    #[test]
    fn a_queue_is_reported_unless_the_status_of_its_rule_reports_it() {
        let queue = QueueUse {
            sink: ObjectRef::new("EventSink", Some("prod"), "dead"),
            name: "prod-dead".into(),
            depths: Depths { waiting: 3, in_flight: 1 },
            senders: BTreeSet::from([ObjectRef::new("EventRule", Some("prod"), "r")]),
        };
        let account = AccountFacts { queues: vec![queue], ..AccountFacts::default() };
        let facts = AwsFacts { accounts: vec![account], ..AwsFacts::default() };
        let found = |messages: i64| {
            let status = json!({"targets": [{"name": "t", "ready": true, "deadLetters": {"messages": messages}}]});
            let objects = vec![object("EventSink", "dead", json!({}), json!({})), object("EventRule", "r", json!({}), status)];
            check(&facts, &Snapshot { objects, ..healthy() })
        };
        let finding = &found(0)[0];
        assert!(finding.message.starts_with("dead-letter queue prod-dead holds about 3 messages, and 1 more are being"), "{finding:?}");
        assert_eq!(finding.command, "kubectl describe eventsinks dead -n prod");
        assert_eq!(found(3), []);
    }
}
