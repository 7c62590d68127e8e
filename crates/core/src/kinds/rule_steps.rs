//! The steps of a rule: the rule itself, and its targets in an order that loses no event.

use std::collections::BTreeSet;

use crate::{
    error::{Reason, ReconcileError},
    kinds::{
        rule_consent,
        rule_in_aws::{DesiredRule, RuleInAws},
    },
    ownership,
    plan::PlanContext,
    steps::{RuleStep, Step, TargetSettings},
};

/// Targets per rule, a fixed limit of AWS.
const TARGETS_PER_RULE: usize = 5;

pub(super) fn check_owner(have: &RuleInAws, context: &PlanContext<'_>) -> Result<(), ReconcileError> {
    let what = format!("rule {} on bus {}", have.name, have.bus);
    if let Some(service) = &have.managed_by {
        return Err(ReconcileError::invalid(
            Reason::NotOwned,
            format!("{what} is managed by {service}, and cannot be changed by other clients. Choose another name."),
        ));
    }
    have.tags.as_ref().map_or(Ok(()), |tags| ownership::check(&what, tags, context))
}

pub(super) fn put_rule(want: &DesiredRule, new: bool) -> Step {
    let tags = new.then(|| want.tags.clone());
    RuleStep::PutRule { bus: want.bus.clone(), name: want.name.clone(), settings: want.settings.clone(), tags }.into()
}

pub(super) fn put_targets(want: &DesiredRule, targets: Vec<TargetSettings>) -> Step {
    RuleStep::PutTargets { bus: want.bus.clone(), rule: want.name.clone(), targets }.into()
}

/// Steps for the targets that are permitted. New targets are put before old ones are removed, so that no event is
/// lost; at AWS's limit of five, as many as necessary are removed first.
pub(super) fn target_steps(want: &DesiredRule, have: &[TargetSettings]) -> Vec<Step> {
    let (_, have) = rule_consent::removal(want, have);
    let mut steps = Vec::new();
    let holds = |target: &TargetSettings| have.iter().any(|present| present.is_equivalent(target));
    let changed: Vec<_> = want.targets.iter().filter(|target| !holds(target)).cloned().collect();
    let ids: BTreeSet<_> = want.targets.iter().map(|t| &t.id).chain(want.waiting.keys()).collect();
    let mut stale: Vec<_> = have.iter().filter(|t| !ids.contains(&t.id)).map(|t| t.id.clone()).collect();
    let new = changed.iter().filter(|t| !have.iter().any(|h| h.id == t.id)).count();
    let crowded = (have.len() + new).saturating_sub(TARGETS_PER_RULE).min(stale.len());
    let later = stale.split_off(crowded);
    let remove = |ids: Vec<String>| RuleStep::RemoveTargets { bus: want.bus.clone(), rule: want.name.clone(), ids }.into();
    if !stale.is_empty() {
        steps.push(remove(stale));
    }
    if !changed.is_empty() {
        steps.push(put_targets(want, changed));
    }
    // While a new target waits for its sink, the one that it may replace stays: one target too many
    // is better than none.
    if !later.is_empty() && !new_target_waits(want, &have) {
        steps.push(remove(later));
    }
    steps
}

/// Whether a target waits that AWS does not have under its id.
pub(super) fn new_target_waits(want: &DesiredRule, have: &[TargetSettings]) -> bool {
    want.waiting.keys().any(|id| !have.iter().any(|target| target.id == *id))
}

#[cfg(test)]
mod tests {
    use tributary_api::{Identity, OWNER_TAG, RuleState, Tags};

    use super::*;
    use crate::{
        kinds::rule_in_aws::ObservedRule,
        managed::Managed,
        steps::{RuleSettings, TagStep},
    };

    /// Returns the steps that adopt a rule that another tool made, from the spec and what AWS holds.
    fn adopting(want: (&str, &TargetSettings), have: (&str, &TargetSettings)) -> Vec<Step> {
        let parsed = |text: &str| serde_json::from_str(text).ok();
        let settings =
            |pattern: &str| RuleSettings { description: None, pattern: parsed(pattern), schedule: None, state: RuleState::Enabled };
        let desired = DesiredRule {
            bus: "b".into(),
            name: "r".into(),
            settings: settings(want.0),
            tags: Tags::from([(OWNER_TAG.to_owned(), "me".to_owned())]),
            targets: vec![want.1.clone()],
            waiting: std::collections::BTreeMap::new(),
            refused: crate::kinds::Refused::default(),
            held_back: None,
            error: None,
            warnings: vec![],
            source_problem: None,
            observes: false,
        };
        let rule = RuleInAws {
            bus: "b".into(),
            name: "r".into(),
            arn: "arn".into(),
            settings: settings(have.0),
            managed_by: None,
            targets: Some(vec![have.1.clone()]),
            tags: Some(Tags::from([("made-by".to_owned(), "terraform".to_owned())])),
        };
        let identity = Identity::default();
        let context = PlanContext { adopt: Some("true"), ..PlanContext::new(&identity, "me") };
        let observed = ObservedRule { rule: Some(rule), ..ObservedRule::default() };
        tributary_api::EventRule::plan(Some(&desired), Some(&observed), &context).unwrap_or_default()
    }

    #[test]
    fn the_adoption_of_an_equal_rule_writes_the_owner_only() {
        let target = TargetSettings { id: "t".into(), arn: "a".into(), ..TargetSettings::default() };
        let spelled = TargetSettings {
            input_path: Some("$".into()),
            maximum_event_age_seconds: Some(86_400),
            maximum_retry_attempts: Some(185),
            ..target.clone()
        };
        let owner = Tags::from([(OWNER_TAG.to_owned(), "me".to_owned())]);
        let patterns = (r#"{"source":["a","b"],"detail":{"n":[100]}}"#, r#"{"detail":{"n":[100.0]},"source":["b","a"]}"#);
        for (want, have) in [(&target, &spelled), (&spelled, &target), (&target, &target)] {
            let steps = adopting((patterns.0, want), (patterns.1, have));
            assert_eq!(steps, [Step::from(TagStep::TagResource { arn: "arn".into(), tags: owner.clone() })]);
        }
        let retried = TargetSettings { maximum_retry_attempts: Some(1), ..target.clone() };
        assert_eq!(adopting((patterns.0, &target), (patterns.1, &retried)).len(), 2, "another number of retries is put");
        assert_eq!(adopting((r#"{"source":["a"]}"#, &target), (patterns.1, &target)).len(), 2, "another pattern is put");
    }
}
