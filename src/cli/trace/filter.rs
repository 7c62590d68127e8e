//! Which events are shown, and the filter patterns that find them (CloudWatch Logs User Guide, "Filter pattern syntax").

use tributary_core::{names::rule_of, trace::Trace};

/// Characters of a filter pattern at most (CloudWatch Logs API Reference, `FilterLogEvents`).
const LONGEST_PATTERN: usize = 1_024;

/// A rule by its ARN, or by its name in AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RuleFilter {
    Arn(String),
    Name(String),
}

/// What a trace has to be about. Parts that are empty accept everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// ARNs of buses.
    pub(super) buses: Vec<String>,
    pub(super) rule: Option<RuleFilter>,
    /// ARNs of targets.
    pub(super) targets: Vec<String>,
}

impl RuleFilter {
    pub(super) fn of(text: &str) -> Self {
        if rule_of(text).is_some() { Self::Arn(text.to_owned()) } else { Self::Name(text.to_owned()) }
    }

    fn accepts(&self, arn: &str) -> bool {
        match self {
            Self::Arn(wanted) => wanted == arn,
            Self::Name(name) => rule_of(arn).is_some_and(|(_, rule)| rule == name),
        }
    }
}

impl Filter {
    /// Returns whether only some deliveries of an event are of interest.
    pub(super) fn is_partial(&self) -> bool {
        self.rule.is_some() || !self.targets.is_empty()
    }

    /// Returns the pattern that finds records of the wanted rule or target; `None` if there is none, so that all records have to be
    /// read.
    pub(super) fn pattern(&self) -> Option<String> {
        if let Some(RuleFilter::Arn(arn)) = &self.rule {
            return any("$.details.rule_arn", std::slice::from_ref(arn)).pop();
        }
        // Several patterns would be several searches.
        Some(any("$.details.target_arn", &self.targets)).filter(|all| all.len() == 1)?.pop()
    }

    /// Removes the deliveries that are not wanted. Returns whether the trace is wanted.
    pub(super) fn apply(&self, trace: &mut Trace) -> bool {
        if !self.buses.is_empty() && !self.buses.contains(&trace.bus_arn) {
            return false;
        }
        if self.is_partial() {
            trace.restrict(|rule, target| self.accepts(rule, target));
        }
        !self.is_partial() || !trace.rules.is_empty()
    }

    fn accepts(&self, rule: &str, target: &str) -> bool {
        let is_target = || self.targets.iter().any(|wanted| wanted.trim_end_matches(":*") == target.trim_end_matches(":*"));
        self.rule.as_ref().is_none_or(|wanted| wanted.accepts(rule)) && (self.targets.is_empty() || is_target())
    }
}

/// Returns patterns that find records in which the field has one of the values, as few as needed.
pub(super) fn any(field: &str, values: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for value in values {
        let condition = format!("{field} = \"{value}\"");
        match all.last_mut().filter(|last| last.chars().count() + condition.chars().count() + 8 <= LONGEST_PATTERN) {
            Some(last) => *last = format!("{last} || {condition}"),
            None => all.push(condition),
        }
    }
    all.into_iter().map(|conditions| format!("{{ {conditions} }}")).collect()
}

/// Parses an ID, name or ARN that becomes part of a pattern.
///
/// # Errors
/// It contains characters with a meaning in patterns, which neither IDs nor names of AWS have.
pub(super) fn value(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '*' | '{' | '}');
    match text.trim() {
        "" => Err("is empty".into()),
        text if text.chars().all(is_plain) => Ok(text.to_owned()),
        _ => Err("must not contain quotes, backslashes, asterisks, braces or spaces".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "arn:aws:events:eu-west-1:111122223333:rule/b/r";

    #[test]
    fn patterns_are_within_the_limit_and_lose_no_value() {
        assert_eq!(any("$.event_id", &["a".into(), "b".into()]), [r#"{ $.event_id = "a" || $.event_id = "b" }"#]);
        let values: Vec<String> = (0..50).map(|number| format!("{number:036}")).collect();
        let patterns = any("$.event_id", &values);
        assert!(patterns.len() > 1 && patterns.iter().all(|pattern| pattern.len() <= LONGEST_PATTERN), "{patterns:?}");
        assert!(values.iter().all(|value| patterns.iter().filter(|pattern| pattern.contains(value)).count() == 1));
    }

    #[test]
    fn a_rule_is_found_by_arn_and_a_name_needs_all_records() {
        let filter = |rule: &str| Filter { rule: Some(RuleFilter::of(rule)), ..Filter::default() };
        assert_eq!(filter(RULE).pattern().expect("a pattern"), format!(r#"{{ $.details.rule_arn = "{RULE}" }}"#));
        assert_eq!((filter("r").pattern(), Filter::default().pattern()), (None, None));
        assert!(filter("r").accepts(RULE, "") && !filter("b").accepts(RULE, "") && !filter("s").accepts(RULE, ""));
    }

    #[test]
    fn other_buses_rules_and_targets_are_not_shown() {
        use tributary_core::trace::{RuleTrace, TargetTrace};
        let target = |arn: &str| TargetTrace { target_arn: arn.into(), ..TargetTrace::default() };
        let rule = |arn: &str, targets: &[&str]| RuleTrace {
            rule_arn: arn.into(),
            targets: targets.iter().map(|arn| target(arn)).collect(),
            ..RuleTrace::default()
        };
        let other = "arn:aws:events:eu-west-1:111122223333:rule/b/s";
        let event = Trace { bus_arn: "b".into(), rules: vec![rule(RULE, &["t", "u"]), rule(other, &["t"])], ..Trace::default() };
        let shown = |filter: Filter| {
            let mut trace = event.clone();
            let count = |trace: &Trace| trace.rules.iter().map(|rule| rule.targets.len()).sum::<usize>();
            filter.apply(&mut trace).then(|| count(&trace))
        };
        assert_eq!(shown(Filter::default()), Some(3));
        assert_eq!(shown(Filter { buses: vec!["c".into()], ..Filter::default() }), None);
        assert_eq!(shown(Filter { buses: vec!["b".into()], rule: Some(RuleFilter::of(RULE)), ..Filter::default() }), Some(2));
        assert_eq!(shown(Filter { targets: vec!["t".into()], ..Filter::default() }), Some(2));
        assert_eq!(shown(Filter { targets: vec!["u".into()], rule: Some(RuleFilter::of(other)), ..Filter::default() }), None);
    }

    #[test]
    fn what_means_something_in_a_pattern_is_refused() {
        assert_eq!(value(" 6f-a ").as_deref(), Ok("6f-a"));
        for text in ["", " ", "a\"b", "a b", "a*", "{a", "é", "a\\"] {
            assert!(value(text).is_err(), "{text}");
        }
    }
}
