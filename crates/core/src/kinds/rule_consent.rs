//! What a rule does once the owner of something no longer permits it (ADR 0026): nothing that is
//! not permitted stays in AWS. What is missing is not a refusal, and changes nothing there.

use std::{collections::BTreeSet, sync::Arc};

use k8s_openapi::jiff::Timestamp;

use tributary_api::{Deliverable, EventRule, EventRuleStatus, EventSink, SinkRef};

use crate::{
    delivery::DeliverabilityReason,
    destinations::target,
    error::ReconcileError,
    kinds::{
        deliverable,
        rule_in_aws::{DesiredRule, Refused},
    },
    object::ObjectMetaExt,
    steps::{RuleStep, Step, TargetSettings},
    view::View,
};

/// Returns the ARNs that the rule must not send to: those of its spec, and those that AWS still
/// holds of an earlier one. `wanted` are the targets that can be put.
pub(super) fn refused_arns(rule: &EventRule, wanted: &[TargetSettings], view: &View) -> BTreeSet<String> {
    let kept: BTreeSet<_> = wanted.iter().flat_map(|target| std::iter::once(&target.arn).chain(&target.dead_letter_arn)).collect();
    let namespace = rule.own_namespace();
    let references =
        rule.spec.targets.iter().flat_map(|target| {
            std::iter::once(&target.sink_ref).chain(target.dead_letter.as_ref().map(|dead_letter| &dead_letter.sink_ref))
        });
    let mut sinks: Vec<Arc<EventSink>> =
        references.filter_map(|sink| view.sink(sink.namespace.as_deref().unwrap_or(namespace), &sink.name)).collect();
    let held: BTreeSet<_> = rule.status.iter().flat_map(|status| &status.targets).filter_map(|target| target.arn.as_ref()).collect();
    if held.iter().any(|arn| !kept.contains(arn)) {
        view.each_sink(|sink| {
            if target::arn(sink).is_some_and(|arn| held.contains(arn)) {
                sinks.push(Arc::new(sink.clone()));
            }
        });
    }
    let (mut refused, mut permitted) = (BTreeSet::new(), BTreeSet::new());
    for sink in &sinks {
        let Some(arn) = target::arn(sink).filter(|arn| !kept.contains(arn)) else { continue };
        let reference = SinkRef { name: sink.own_name().to_owned(), namespace: sink.metadata.namespace.clone() };
        match view.sink_for(namespace, "", &reference) {
            Err(error) if error.reason.is_refusal() => refused.insert(arn.clone()),
            _ => permitted.insert(arn.clone()),
        };
    }
    refused.retain(|arn| !permitted.contains(arn));
    refused
}

/// Returns the steps that remove what is not permitted from the targets in AWS, and the targets
/// that remain. A target with a permitted sink stays without its dead-letter queue: to lose the
/// events that fail is better than to lose all.
pub(super) fn removal(want: &DesiredRule, have: &[TargetSettings]) -> (Vec<Step>, Vec<TargetSettings>) {
    let (mut gone, mut narrowed, mut remaining) = (Vec::new(), Vec::new(), Vec::new());
    for target in have {
        let is_replaced = want.held_back.is_none() && want.targets.iter().any(|wanted| wanted.id == target.id);
        if !is_replaced && want.refused.arns.contains(&target.arn) {
            gone.push(target.id.clone());
        } else if !is_replaced && target.dead_letter_arn.as_ref().is_some_and(|arn| want.refused.arns.contains(arn)) {
            narrowed.push(TargetSettings { dead_letter_arn: None, ..target.clone() });
        } else {
            remaining.push(target.clone());
        }
    }
    let (bus, rule) = (&want.bus, &want.name);
    let mut steps: Vec<Step> = Vec::new();
    if !gone.is_empty() {
        steps.push(RuleStep::RemoveTargets { bus: bus.clone(), rule: rule.clone(), ids: gone }.into());
    }
    if !narrowed.is_empty() {
        steps.push(RuleStep::PutTargets { bus: bus.clone(), rule: rule.clone(), targets: narrowed.clone() }.into());
    }
    remaining.extend(narrowed);
    (steps, remaining)
}

/// Writes into the status of the targets that are not permitted that nothing is sent to them.
pub(super) fn report(status: &mut EventRuleStatus, refused: &Refused, settled: bool) {
    for target in &mut status.targets {
        if settled && target.arn.as_ref().is_some_and(|arn| refused.arns.contains(arn)) {
            target.arn = None;
        }
        if refused.targets.contains(&target.name) {
            target.deliverable = Some(Deliverable::No);
            target.deliverable_message.clone_from(&target.message);
        }
    }
}

/// Whether the rule was removed from AWS because it was not permitted.
pub(super) fn is_withdrawn(status: &EventRuleStatus) -> bool {
    let reason: &str = DeliverabilityReason::NotPermitted.into();
    let deliverable = status.common.condition(deliverable::TYPE);
    status.common.resources.is_empty() && deliverable.is_some_and(|condition| condition.reason == reason)
}

/// Records that the rule was removed from AWS because of `error`.
pub(super) fn withdrawn(rule: &EventRule, status: &mut EventRuleStatus, error: &ReconcileError, now: Timestamp) {
    status.common.resources.clear();
    status.common.applied = None;
    for target in &mut status.targets {
        target.arn = None;
        target.ready = false;
        target.message = Some(error.message.clone());
        target.deliverable = Some(Deliverable::No);
        target.deliverable_message = Some(error.message.clone());
        target.dead_letters = None;
    }
    status.targets_ready = Some(format!("0/{}", status.targets.len()));
    deliverable::refuse(rule, status, &error.message, now);
}
