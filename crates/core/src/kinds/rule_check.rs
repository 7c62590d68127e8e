//! Checks of patterns and schedules that AWS would reject, so that the user reads it at once and not
//! after the sinks are ready. Only what AWS rejects for certain; AWS decides the rest.

use serde_json::Value;

use tributary_api::EventRuleSpec;

use crate::{
    error::{Reason, ReconcileError},
    kinds::pattern_check,
};

/// Fields of a cron expression (EventBridge user guide, "Setting a schedule pattern for scheduled
/// rules").
const CRON_FIELDS: usize = 6;

/// Checks the pattern and the schedule of a rule. `pattern` is the pattern for AWS, also where it
/// comes from `spec.benchling`.
///
/// # Errors
/// AWS would reject one of them.
pub(super) fn check(spec: &EventRuleSpec, pattern: Option<&Value>) -> Result<(), ReconcileError> {
    let field = if spec.benchling.is_some() { "spec.benchling: event pattern" } else { "spec.eventPattern" };
    let problem = pattern.and_then(Value::as_object).and_then(|pattern| pattern_check::problem(field, pattern));
    let problem = problem.or_else(|| Some(format!("spec.schedule: {}", schedule(spec.schedule.as_deref()?)?)));
    problem.map_or(Ok(()), |message| Err(ReconcileError::invalid(Reason::InvalidSpec, message)))
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

    #[test]
    fn a_schedule_that_aws_rejects_is_found_and_no_other() {
        for good in ["rate(1 minute)", "rate(5 minutes)", "rate(1 day)", "cron(0 12 * * ? *)", "cron(0/15 10 ? * MON-FRI *)"] {
            assert_eq!(schedule(good), None, "{good}");
        }
        for bad in ["rate(5 minute)", "rate(1 hours)", "rate(0 minutes)", "rate(5)", "cron(0 12 * * * *)", "cron(0 12 * * ?)", "every day"]
        {
            assert!(schedule(bad).is_some(), "{bad}");
        }
    }
}
