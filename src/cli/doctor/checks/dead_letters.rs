//! Messages in dead-letter queues: events that did not arrive and are deleted when the queue's retention period ends.

use tributary_api::{EventRuleStatus, TargetStatus};

use crate::cli::doctor::{
    finding::{Finding, Severity},
    object::Object,
    snapshot::Snapshot,
};

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let rules = snapshot.of_kind("EventRule");
    rules.flat_map(|rule| targets(rule).into_iter().filter_map(|target| of_target(rule, &target))).collect()
}

fn targets(rule: &Object) -> Vec<TargetStatus> {
    rule.kind_status::<EventRuleStatus>().unwrap_or_default().targets
}

/// Whether the status of a rule reports messages.
pub(super) fn has_messages(rule: &Object) -> bool {
    rule.is("EventRule") && targets(rule).iter().any(|target| target.dead_letters.as_ref().is_some_and(|letters| letters.messages > 0))
}

fn of_target(rule: &Object, target: &TargetStatus) -> Option<Finding> {
    let letters = target.dead_letters.as_ref().filter(|letters| letters.messages > 0)?;
    let codes: Vec<_> = letters.error_codes.iter().map(|(code, count)| format!("{code} {count}")).collect();
    let codes = if codes.is_empty() { String::new() } else { format!(" Error codes in a sample: {}.", codes.join(", ")) };
    let message = format!(
        "the dead-letter queue of target {} holds about {} messages.{codes} Correct the cause, then move the messages back before the queue deletes them.",
        target.name, letters.messages
    );
    Some(Finding::new("dead-letters", Severity::Warning, message, rule.describe()).of(rule.reference()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::tests::*, *};

    #[test]
    fn waiting_messages_are_counted_with_their_error_codes() {
        let letters = |count: i64| json!({"messages": count, "errorCodes": {"NO_PERMISSIONS": 2}});
        let status = json!({"targets": [
            {"name": "empty", "ready": true, "deadLetters": letters(0)}, {"name": "full", "ready": true, "deadLetters": letters(3)},
        ]});
        let found = check(&Snapshot { objects: vec![object("EventRule", "orders", json!({}), status)], ..healthy() });
        assert_eq!(found.len(), 1);
        assert!(
            found[0]
                .message
                .starts_with("the dead-letter queue of target full holds about 3 messages. Error codes in a sample: NO_PERMISSIONS 2.")
        );
    }
}
