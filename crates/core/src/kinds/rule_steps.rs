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
    let changed: Vec<_> = want.targets.iter().filter(|t| !have.contains(t)).cloned().collect();
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
