//! Messages in a dead-letter queue: how many, and why `EventBridge` could not deliver them. Pure.
//!
//! `EventBridge` sets rule, target and error as attributes of each message (EventBridge user guide, "Using dead-letter queues").

use std::collections::BTreeMap;

use tributary_api::DeadLettersStatus;

use super::facts::Fact;

/// The attributes of one message. Its body is never read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetter {
    /// ARN of the rule that matched.
    pub rule_arn: String,
    /// ARN of the target that was not reached.
    pub target_arn: String,
    /// `ERROR_CODE`, such as `NO_PERMISSIONS`.
    pub code: String,
}

/// Returns the status of a target's dead-letter queue. `sample` holds some of its messages, `None` if they were not read.
pub fn status(messages: u64, sample: Option<&Fact<Vec<DeadLetter>>>, rule_arn: &str, target_arn: &str) -> DeadLettersStatus {
    let mut codes = BTreeMap::new();
    let mut message = None;
    match sample {
        Some(Fact::Known(sample)) => {
            for letter in sample.iter().filter(|letter| letter.rule_arn == rule_arn && letter.target_arn == target_arn) {
                *codes.entry(letter.code.clone()).or_default() += 1;
            }
        }
        Some(Fact::Denied { action }) => {
            message = Some(format!("the operator's role lacks {action} on the queue. Add it, or remove inspect from the target."));
        }
        Some(Fact::Missing | Fact::Unavailable) | None => {}
    }
    DeadLettersStatus { messages: i64::try_from(messages).unwrap_or(i64::MAX), error_codes: codes, message }
}

/// Returns the message of a Warning Event where the queue got its first message or one with a new code.
pub fn warning(target: &str, before: Option<&DeadLettersStatus>, now: Option<&DeadLettersStatus>) -> Option<String> {
    let now = now.filter(|now| now.messages > 0)?;
    let grown = before.is_none_or(|before| before.messages == 0);
    let new_code = now.error_codes.keys().any(|code| before.is_none_or(|before| !before.error_codes.contains_key(code)));
    if !grown && !new_code {
        return None;
    }
    let codes: Vec<_> = now.error_codes.iter().map(|(code, count)| format!("{code} {count}")).collect();
    let sample = if codes.is_empty() { String::new() } else { format!("; error codes of this target in a sample: {}", codes.join(", ")) };
    Some(format!("target {target}: the dead-letter queue holds {} undelivered messages{sample}", now.messages))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(rule: &str, target: &str, code: &str) -> DeadLetter {
        DeadLetter { rule_arn: rule.into(), target_arn: target.into(), code: code.into() }
    }

    #[test]
    fn a_shared_queue_counts_for_each_target_its_own_messages() {
        let seen = Fact::Known(vec![letter("r", "t", "A"), letter("r", "t", "A"), letter("r", "u", "B"), letter("s", "t", "C")]);
        let status_of_t = status(9, Some(&seen), "r", "t");
        assert_eq!((status_of_t.messages, status_of_t.error_codes), (9, BTreeMap::from([("A".to_owned(), 2)])));
        let denied = status(9, Some(&Fact::Denied { action: "sqs:ReceiveMessage" }), "r", "t");
        assert!(denied.error_codes.is_empty() && denied.message.is_some_and(|message| message.contains("sqs:ReceiveMessage")));
    }

    #[test]
    fn a_warning_is_the_first_message_and_each_new_code() {
        let of = |messages, codes: &[&str]| DeadLettersStatus {
            messages,
            error_codes: codes.iter().map(|code| ((*code).to_owned(), 1)).collect(),
            message: None,
        };
        assert_eq!(warning("t", None, Some(&of(0, &[]))), None);
        assert!(
            warning("t", Some(&of(0, &[])), Some(&of(2, &["A"])))
                .is_some_and(|text| text.contains("2 undelivered messages") && text.contains("A 1"))
        );
        assert_eq!(warning("t", Some(&of(2, &["A"])), Some(&of(3, &["A"]))), None);
        assert!(warning("t", Some(&of(2, &["A"])), Some(&of(3, &["A", "B"]))).is_some());
        assert_eq!(warning("t", Some(&of(2, &["A"])), None), None);
    }
}
