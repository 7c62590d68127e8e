//! Checks of patterns and schedules that AWS would reject, so that the user reads it at once and not
//! after the sinks are ready. Only what AWS rejects for certain; AWS decides the rest.

use serde_json::{Map, Value};

use tributary_api::EventRuleSpec;

use crate::error::{Reason, ReconcileError};

/// Operators of event patterns (EventBridge user guide, "Comparison operators for use in event
/// patterns").
const OPERATORS: [&str; 8] = ["prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "cidr", "exists", "wildcard"];
/// Fields of a cron expression (EventBridge user guide, "Setting a schedule pattern for scheduled
/// rules").
const CRON_FIELDS: usize = 6;

/// Checks the pattern and the schedule of a rule.
///
/// # Errors
/// AWS would reject one of them.
pub fn check(spec: &EventRuleSpec) -> Result<(), ReconcileError> {
    let problem = spec.event_pattern.as_ref().and_then(pattern).map(|problem| format!("spec.eventPattern.{problem}"));
    let problem = problem.or_else(|| Some(format!("spec.schedule: {}", schedule(spec.schedule.as_deref()?)?)));
    problem.map_or(Ok(()), |message| Err(ReconcileError::invalid(Reason::InvalidSpec, message)))
}

/// Returns what is wrong with the pattern.
fn pattern(pattern: &Map<String, Value>) -> Option<String> {
    pattern.iter().find_map(|(key, value)| field(key, value))
}

fn field(path: &str, value: &Value) -> Option<String> {
    match value {
        Value::Object(inner) => inner.iter().find_map(|(key, value)| field(&format!("{path}.{key}"), value)),
        Value::Array(values) if values.is_empty() => Some(format!("{path}: an empty array matches nothing. Add a value.")),
        Value::Array(values) if path == "$or" || path.ends_with(".$or") => {
            let inner = values.iter().filter_map(Value::as_object);
            inner.flat_map(|inner| inner.iter()).find_map(|(key, value)| field(&format!("{path}.{key}"), value))
        }
        Value::Array(values) => values.iter().filter_map(Value::as_object).find_map(|comparison| operator(path, comparison)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Some(format!("{path}: the value must be an array or an object. Write [{value}]."))
        }
    }
}

fn operator(path: &str, comparison: &Map<String, Value>) -> Option<String> {
    let unknown = comparison.keys().find(|key| !OPERATORS.contains(&key.as_str()))?;
    Some(format!("{path}: {unknown} is not a comparison operator. Use one of {}.", OPERATORS.join(", ")))
}

/// Returns what is wrong with the schedule.
fn schedule(schedule: &str) -> Option<String> {
    let inside = |name: &str| schedule.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(cron) = inside("cron") {
        let fields: Vec<_> = cron.split_whitespace().collect();
        if fields.len() != CRON_FIELDS {
            return Some(format!("a cron expression has {CRON_FIELDS} fields, this one has {}.", fields.len()));
        }
        let unset = [fields[2], fields[4]].iter().filter(|field| **field == "?").count();
        return (unset != 1).then(|| "exactly one of day-of-month (field 3) and day-of-week (field 5) must be `?`.".to_owned());
    }
    let Some(rate) = inside("rate") else { return Some("use cron(...) or rate(...).".into()) };
    let parts: Vec<_> = rate.split_whitespace().collect();
    let [value, unit] = parts.as_slice() else { return Some("a rate has a number and a unit, such as rate(5 minutes).".into()) };
    let Some(value) = value.parse::<u64>().ok().filter(|value| *value > 0) else {
        return Some(format!("the number of a rate must be positive, not {value}."));
    };
    let units = if value == 1 { ["minute", "hour", "day"] } else { ["minutes", "hours", "days"] };
    (!units.contains(unit)).then(|| format!("the unit of rate({value} ...) must be {}.", units.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pattern_that_aws_rejects_is_found_and_no_other() {
        let of = |value: Value| value.as_object().and_then(pattern);
        for good in [
            json!({"source": ["a"], "detail": {"n": [{"numeric": [">", 0]}], "x": [{"exists": false}, null, 1, {"anything-but": {"prefix": "a"}}]}}),
            json!({"detail": {"$or": [{"a": ["x"]}, {"b": [{"wildcard": "*"}]}]}}),
            json!({"$or": [{"source": ["a"]}, {"detail-type": [{"suffix": {"equals-ignore-case": "b"}}]}]}),
        ] {
            assert_eq!(of(good), None);
        }
        for (bad, names) in [
            (json!({"source": "a"}), "source: the value must be an array"),
            (json!({"detail": {"x": []}}), "detail.x: an empty array"),
            (json!({"source": [{"nosuch": "x"}]}), "nosuch is not a comparison operator"),
            (json!({"$or": [{"detail": {"a": [{"like": "x"}]}}, {"source": ["a"]}]}), "like is not"),
        ] {
            assert!(of(bad.clone()).is_some_and(|problem| problem.contains(names)), "{bad}");
        }
    }

    #[test]
    fn a_schedule_that_aws_rejects_is_found_and_no_other() {
        for good in ["rate(1 minute)", "rate(5 minutes)", "rate(1 day)", "cron(0 12 * * ? *)", "cron(0/15 10 ? * MON-FRI *)"] {
            assert_eq!(schedule(good), None, "{good}");
        }
        for bad in ["rate(5 minute)", "rate(1 hours)", "rate(0 minutes)", "rate(5)", "cron(0 12 * * * *)", "cron(0 12 * * ?)", "every day"] {
            assert!(schedule(bad).is_some(), "{bad}");
        }
    }
}
