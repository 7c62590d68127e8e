//! What lies in a dead-letter queue: how much, and why it could not be delivered. Pure.
//!
//! `EventBridge` writes the rule, the target and the error into attributes of each message (EventBridge user guide, "Using dead-letter queues").

use std::collections::BTreeMap;

use tributary_api::DeadLettersStatus;

use crate::delivery::Seen;

/// One message, as far as it is told. Its body is never read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetter {
    pub rule_arn: String,
    pub target_arn: String,
    /// `ERROR_CODE`, such as `NO_PERMISSIONS`.
    pub code: String,
}

/// What is told of a target's queue; `letters` is `None` where nobody asked for them.
pub fn status(messages: u64, letters: Option<&Seen<Vec<DeadLetter>>>, rule_arn: &str, target_arn: &str) -> DeadLettersStatus {
    let mut codes = BTreeMap::new();
    let mut message = None;
    match letters {
        Some(Seen::Is(letters)) => {
            for letter in letters.iter().filter(|letter| letter.rule_arn == rule_arn && letter.target_arn == target_arn) {
                *codes.entry(letter.code.clone()).or_default() += 1;
            }
        }
        Some(Seen::Unseen(right)) => message = Some(format!("give the operator's identity {right} on the queue, or take inspect away")),
        Some(Seen::Missing | Seen::Later) | None => {}
    }
    DeadLettersStatus { messages: i64::try_from(messages).unwrap_or(i64::MAX), error_codes: codes, message }
}

/// What is new between two looks, in one sentence; `None`: nothing that somebody has to be told.
pub fn news(target: &str, before: Option<&DeadLettersStatus>, now: Option<&DeadLettersStatus>) -> Option<String> {
    let now = now.filter(|now| now.messages > 0)?;
    let grown = before.is_none_or(|before| before.messages == 0);
    let new_code = now.error_codes.keys().any(|code| before.is_none_or(|before| !before.error_codes.contains_key(code)));
    if !grown && !new_code {
        return None;
    }
    let codes: Vec<_> = now.error_codes.iter().map(|(code, count)| format!("{code} {count}")).collect();
    let why = if codes.is_empty() { String::new() } else { format!("; of this target, in a sample: {}", codes.join(", ")) };
    Some(format!("target {target}: its dead-letter queue holds {} messages that could not be delivered{why}", now.messages))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(rule: &str, target: &str, code: &str) -> DeadLetter {
        DeadLetter { rule_arn: rule.into(), target_arn: target.into(), code: code.into() }
    }

    #[test]
    fn a_shared_queue_tells_each_target_of_its_own() {
        let seen = Seen::Is(vec![letter("r", "t", "A"), letter("r", "t", "A"), letter("r", "u", "B"), letter("s", "t", "C")]);
        let told = status(9, Some(&seen), "r", "t");
        assert_eq!((told.messages, told.error_codes), (9, BTreeMap::from([("A".to_owned(), 2)])));
        let blind = status(9, Some(&Seen::Unseen("sqs:ReceiveMessage".into())), "r", "t");
        assert!(blind.error_codes.is_empty() && blind.message.is_some_and(|message| message.contains("sqs:ReceiveMessage")));
    }

    #[test]
    fn news_is_the_first_message_and_each_new_code() {
        let of = |messages, codes: &[&str]| DeadLettersStatus {
            messages,
            error_codes: codes.iter().map(|code| ((*code).to_owned(), 1)).collect(),
            message: None,
        };
        assert_eq!(news("t", None, Some(&of(0, &[]))), None);
        assert!(news("t", Some(&of(0, &[])), Some(&of(2, &["A"]))).is_some_and(|news| news.contains("2 messages") && news.contains("A 1")));
        assert_eq!(news("t", Some(&of(2, &["A"])), Some(&of(3, &["A"]))), None);
        assert!(news("t", Some(&of(2, &["A"])), Some(&of(3, &["A", "B"]))).is_some());
        assert_eq!(news("t", Some(&of(2, &["A"])), None), None);
    }
}
