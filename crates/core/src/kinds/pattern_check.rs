//! The check of event patterns before AWS sees them: a pattern that AWS would refuse costs no call.
//! Rules and archives use it.

use serde_json::{Map, Value};
use tributary_pattern::{Limits, Pattern};

/// Returns what AWS would refuse in the pattern, with the field, the path in the pattern, and the
/// next step; `None` if AWS would accept it. `field` is the field of the spec that has the pattern.
pub(super) fn problem(field: &str, pattern: &Map<String, Value>) -> Option<String> {
    let error = Pattern::compile_within(&serde_json::to_string(pattern).ok()?, &Limits::ANY_LENGTH).err()?;
    let path = if error.location.path.is_empty() { field.to_owned() } else { format!("{field}.{}", error.location.path) };
    Some(format!("{path}: {}. Correct it.", error.reason.trim_end_matches('.')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pattern_that_aws_rejects_names_its_field() {
        let of = |value: Value| value.as_object().and_then(|pattern| problem("spec.eventPattern", pattern));
        assert_eq!(of(json!({"source": ["a"], "detail": {"n": [{"numeric": [">", 0]}], "x": [{"exists": false}, null]}})), None);
        for (bad, names) in [
            (json!({"source": "a"}), "spec.eventPattern.source"),
            (json!({"source": [{"nosuch": "x"}]}), "nosuch"),
            (json!({"source": [{"wildcard": "*:*:*:*:*:event-bus/*"}]}), "spec.eventPattern: Rule is too complex"),
        ] {
            assert!(of(bad.clone()).is_some_and(|problem| problem.contains(names)), "{bad}: {:?}", of(bad.clone()));
        }
    }
}
