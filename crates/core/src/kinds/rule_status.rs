//! Status of a rule: its targets, whether events reach them, and the Warning Events of what is new.

use tributary_api::{EventRule, EventRuleStatus, ResourceStatus, TargetStatus};

use crate::{
    delivery::{DeliverabilityReason, dead_letters},
    error::ReconcileError,
    kinds::{deliverable, delivering, rule_consent, rule_tested},
    managed::Report,
    plan::WarningEvent,
};

/// Fills in the rule's own part of the status.
pub(super) fn report(rule: &EventRule, status: &mut EventRuleStatus, report: &Report<'_, EventRule>) {
    if let Some(identity) = &status.common.identity
        && (report.complete() || report.observed.is_some_and(|seen| seen.rule.is_some()) || !report.applied.is_empty())
    {
        status.common.resources = vec![ResourceStatus { type_: "AWS::Events::Rule".into(), arn: identity.arn.clone() }];
    }
    let Some(desired) = report.desired else { return };
    status.event_pattern = desired.settings.pattern.as_ref().map(ToString::to_string);
    status.warnings.clone_from(&desired.warnings);
    let settled = report.withheld == 0 && report.error == desired.waits_for() || report.complete();
    let held_back = desired.held_back.as_ref().map(|error| error.message.clone());
    let before = std::mem::take(&mut status.targets);
    status.targets = rule
        .spec
        .targets
        .iter()
        .map(|target| {
            let old = before.iter().find(|t| t.name == target.name);
            let put = desired.targets.iter().find(|t| t.id == target.name && desired.held_back.is_none());
            // Deliverability is of one destination: another one under the same name has none yet.
            let evaluated = old.filter(|old| put.is_none_or(|put| old.arn.as_ref() == Some(&put.arn)));
            // Where AWS names the targets that it rejects, it has accepted the others.
            let accepted = report.error.is_some_and(|error| !error.entries.is_empty() && !error.entries.contains(&target.name));
            let settled = settled || accepted;
            let failed = report.error.filter(|_| !settled).map(|error| error.message.clone());
            TargetStatus {
                name: target.name.clone(),
                arn: put.map(|t| t.arn.clone()).or_else(|| old.and_then(|t| t.arn.clone())),
                ready: put.is_some() && (settled || old.is_some_and(|t| t.ready && failed.is_none())),
                message: desired.waiting.get(&target.name).cloned().or(failed).or_else(|| held_back.clone()),
                deliverable: evaluated.and_then(|t| t.deliverable),
                deliverable_message: evaluated.and_then(|t| t.deliverable_message.clone()),
                dead_letters: old.and_then(|t| t.dead_letters.clone()).filter(|_| target.dead_letter.is_some()),
                deliveries: evaluated.and_then(|t| t.deliveries.clone()),
            }
        })
        .collect();
    let settled = report.complete() || report.withheld == 0 && report.error == desired.waits_for();
    rule_consent::report(status, &desired.refused, settled);
    deliverable::report(rule, status, report);
    delivering::report(rule, status, report);
    status.targets_ready = Some(format!("{}/{}", status.targets.iter().filter(|t| t.ready).count(), status.targets.len()));
}

/// Takes back what the status says of the targets: the reconcile stopped before it compared them.
pub(super) fn report_unreached(status: &mut EventRuleStatus, error: &ReconcileError) {
    for target in &mut status.targets {
        target.ready = false;
        target.message = Some(error.message.clone());
        (target.deliverable, target.deliverable_message) = (None, None);
    }
    status.targets_ready = status.targets_ready.as_ref().map(|_| format!("0/{}", status.targets.len()));
}

/// Reasons for which a new rule is not deliverable yet, or is not meant to be.
const EXPECTED: [DeliverabilityReason; 3] =
    [DeliverabilityReason::TargetNotInPlace, DeliverabilityReason::RuleDisabled, DeliverabilityReason::NoTargets];

/// Warning Event of a rule whose events do not arrive any more.
fn undeliverable(before: &EventRuleStatus, now: &EventRuleStatus) -> Option<WarningEvent> {
    let condition = now.common.condition(deliverable::TYPE).filter(|condition| condition.status == "False")?;
    let was = before.common.condition(deliverable::TYPE).map(|condition| (condition.status.as_str(), condition.reason.as_str()));
    let expected = was.is_none() && EXPECTED.iter().any(|reason| condition.reason == <&str>::from(*reason));
    let new = was != Some(("False", condition.reason.as_str()));
    (new && !expected).then(|| WarningEvent { reason: "NotDeliverable", message: condition.message.clone() })
}

/// Warning Events of new warnings, new dead letters, and events that no longer arrive.
pub(super) fn warning_events(rule: &EventRule, before: &EventRuleStatus, now: &EventRuleStatus) -> Vec<WarningEvent> {
    let mut warning_events = crate::plan::new_warnings(&before.warnings, &now.warnings);
    warning_events.extend(undeliverable(before, now));
    warning_events.extend(delivering::warning_event(before, now));
    warning_events.extend(rule_tested::warning_event(rule, before, now));
    for target in &now.targets {
        let old = before.targets.iter().find(|old| old.name == target.name).and_then(|old| old.dead_letters.as_ref());
        let news = dead_letters::warning(&target.name, old, target.dead_letters.as_ref());
        warning_events.extend(news.map(|message| WarningEvent { reason: "DeadLettered", message }));
    }
    warning_events
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::jiff::Timestamp;
    use serde_json::json;

    use std::collections::BTreeMap;

    use super::*;
    use crate::kinds::rule_status::report as report_of;
    use crate::{
        error::{Reason, RetryClass},
        kinds::DesiredRule,
        settings::Settings,
        steps::{RuleSettings, TargetSettings},
    };
    use tributary_api::{Deliverable, Tags};

    /// `HTTP 200` with failed entries: the target that AWS names is not ready, the others are.
    #[test]
    fn only_the_refused_target_is_not_ready() {
        let rule: EventRule = serde_json::from_value(json!({
            "apiVersion": "tributary.dev/v1alpha1", "kind": "EventRule", "metadata": {"name": "r", "namespace": "ns"},
            "spec": {"busRef": {"name": "b"}, "targets": [{"name": "good", "sinkRef": {"name": "s"}}, {"name": "bad", "sinkRef": {"name": "s"}}]},
        }))
        .expect("the rule is well formed");
        let target = |id: &str| TargetSettings { id: id.into(), arn: "q".into(), ..TargetSettings::default() };
        let desired = DesiredRule {
            bus: "b".into(),
            name: "r".into(),
            settings: RuleSettings { description: None, pattern: None, schedule: None, state: tributary_api::RuleState::Enabled },
            tags: Tags::new(),
            targets: vec![target("good"), target("bad")],
            waiting: BTreeMap::new(),
            refused: crate::kinds::Refused::default(),
            error: None,
            held_back: None,
            warnings: vec![],
            source_problem: None,
            observes: false,
        };
        let settings = Settings::default();
        let error = ReconcileError::new(RetryClass::Refused, Reason::TargetRejected, "refused").of(vec!["bad".into()]);
        let now = Timestamp::UNIX_EPOCH;
        let report = Report {
            desired: Some(&desired),
            observed: None,
            applied: &[],
            error: Some(&error),
            withheld: 0,
            now,
            settings: &Arc::new(settings),
        };
        let mut status = EventRuleStatus::default();
        report_of(&rule, &mut status, &report);
        assert_eq!(status.targets_ready.as_deref(), Some("1/2"));
        assert_eq!(status.targets.iter().map(|t| (t.name.as_str(), t.ready)).collect::<Vec<_>>(), [("good", true), ("bad", false)]);
        // Deliverability is of one destination: another one under the same name has none yet.
        for target in &mut status.targets {
            target.deliverable = Some(Deliverable::Yes);
        }
        status.targets[1].arn = Some("another".into());
        report_of(&rule, &mut status, &report);
        assert_eq!(status.targets.iter().map(|t| t.deliverable).collect::<Vec<_>>(), [Some(Deliverable::Yes), None]);
    }
}
