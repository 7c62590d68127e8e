//! Filters of event source mappings, checked before AWS sees them.

use serde_json::{Map, Value};

use tributary_api::FilterCriteria;
use tributary_pattern::Pattern;

use crate::error::{Reason, ReconcileError};

/// The only key of an SQS message that Lambda filters on (Lambda Developer Guide, "Using event
/// filtering with an Amazon SQS event source").
const BODY: &str = "body";
/// Combines patterns.
const OR: &str = "$or";

/// Checks the filters of a trigger. `field` is the trigger's, such as `spec.sqs.triggers[0]`.
///
/// # Errors
/// Lambda would reject a filter, or it selects on a key that Lambda does not support.
pub(super) fn check(field: &str, criteria: Option<&FilterCriteria>) -> Result<(), ReconcileError> {
    for (index, filter) in criteria.iter().flat_map(|criteria| &criteria.filters).enumerate() {
        let place = format!("{field}.filterCriteria.filters[{index}].pattern");
        if let Some(message) = problem(&place, &filter.pattern) {
            return Err(ReconcileError::invalid(Reason::InvalidSpec, message));
        }
    }
    Ok(())
}

/// Returns the patterns of the filters, in their order.
pub(super) fn patterns(criteria: Option<&FilterCriteria>) -> Vec<Value> {
    criteria.iter().flat_map(|criteria| &criteria.filters).map(|filter| Value::Object(filter.pattern.clone())).collect()
}

fn problem(place: &str, pattern: &Map<String, Value>) -> Option<String> {
    if let Some(key) = pattern.keys().find(|key| ![BODY, OR].contains(&key.as_str())) {
        return Some(format!("{place}.{key}: Lambda filters messages of SQS on body only. Move the fields of the event below body."));
    }
    let error = Pattern::compile(&Value::Object(pattern.clone()).to_string()).err()?;
    let path = if error.location.path.is_empty() { place.to_owned() } else { format!("{place}.{}", error.location.path) };
    Some(format!("{path}: {}. Correct it.", error.reason.trim_end_matches('.')))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_filter_that_lambda_rejects_names_its_field() {
        let of = |pattern: Value| pattern.as_object().and_then(|pattern| problem("p", pattern));
        for good in
            [json!({"body": {"detail": {"n": [{"numeric": [">", 1]}]}}}), json!({"$or": [{"body": {"a": [1]}}, {"body": {"b": [1]}}]})]
        {
            assert_eq!(of(good.clone()), None, "{good}");
        }
        let cases = [
            (json!({"detail-type": ["x"]}), "p.detail-type: Lambda filters messages of SQS on body only"),
            (json!({"body": {"n": "x"}}), "p.body.n: "),
            (json!({"body": {"n": [{"nosuch": "x"}]}}), "nosuch"),
            (json!({}), "p: "),
        ];
        for (bad, text) in cases {
            assert!(of(bad.clone()).is_some_and(|problem| problem.contains(text)), "{bad}: {:?}", of(bad.clone()));
        }
    }
}
