//! The condition `Deliverable` of a rule: for each target whether events reach it, and what
//! prevents it. Pure.

use std::str::FromStr;

use k8s_openapi::jiff::Timestamp;

use tributary_api::{Deliverable, EventRule, EventRuleStatus, RuleState};

use crate::{
    conditions,
    delivery::{Deliverability, DeliverabilityReason},
    managed::Report,
};

/// Type of the condition.
pub const TYPE: &str = "Deliverable";

/// A condition without its times.
struct Summary {
    status: &'static str,
    reason: DeliverabilityReason,
    message: String,
}

/// Writes what this reconcile evaluated into the status of the targets, and the condition of the
/// rule that follows from it. A target that was not evaluated this time keeps its status.
pub(super) fn report(rule: &EventRule, status: &mut EventRuleStatus, report: &Report<'_, EventRule>) {
    let evaluated = report.observed.map(|observed| observed.deliveries.as_slice()).unwrap_or_default();
    let refused = report.desired.is_some_and(|desired| !desired.refused.targets.is_empty());
    let mut prevented = refused.then_some(DeliverabilityReason::NotPermitted);
    for one in evaluated {
        let Some(target) = status.targets.iter_mut().find(|target| target.name == one.target) else { continue };
        if one.dead_letters.is_some() {
            target.dead_letters.clone_from(&one.dead_letters);
        }
        let (deliverable, message) = match &one.deliverability {
            Deliverability::Yes => (Deliverable::Yes, None),
            Deliverability::No { reason, message } => {
                prevented.get_or_insert(*reason);
                (Deliverable::No, Some(message.clone()))
            }
            Deliverability::Unknown { message } => (Deliverable::Unknown, Some(message.clone())),
            Deliverability::Unavailable => continue,
        };
        target.deliverable = Some(deliverable);
        target.deliverable_message = message;
    }
    let old = status.common.conditions.iter().find(|condition| condition.type_ == TYPE);
    let prevented = prevented.or_else(|| old.and_then(|old| DeliverabilityReason::from_str(&old.reason).ok()));
    let source_problem = report.desired.and_then(|desired| desired.source_problem.clone());
    let summary = summary(rule, status, source_problem, prevented);
    set(rule, status, summary, report.now);
}

/// Sets the condition of a rule that is not in AWS because it is not permitted.
pub(super) fn refuse(rule: &EventRule, status: &mut EventRuleStatus, message: &str, now: Timestamp) {
    let summary = Summary { status: "False", reason: DeliverabilityReason::NotPermitted, message: message.to_owned() };
    set(rule, status, summary, now);
}

fn set(rule: &EventRule, status: &mut EventRuleStatus, summary: Summary, now: Timestamp) {
    let state = Some((summary.status, summary.reason.to_string(), summary.message));
    conditions::set(&mut status.common.conditions, TYPE, state, rule.metadata.generation, now);
}

/// `prevented` is the reason for targets that cannot be delivered to: of this reconcile, else of
/// the condition so far.
fn summary(rule: &EventRule, status: &EventRuleStatus, source_problem: Option<String>, prevented: Option<DeliverabilityReason>) -> Summary {
    use DeliverabilityReason as Reason;
    let no = |reason, message| Summary { status: "False", reason, message };
    let unknown = |reason, message| Summary { status: "Unknown", reason, message };
    if rule.spec.state == RuleState::Disabled {
        return no(Reason::RuleDisabled, "spec.state is Disabled: EventBridge sends no events of the rule. Set it to Enabled.".into());
    }
    if let Some(problem) = source_problem {
        return no(Reason::SourceNotActive, problem);
    }
    if status.targets.is_empty() {
        return no(Reason::NoTargets, "spec.targets is empty: matched events are dropped. Add a target.".into());
    }
    let messages = |which: Deliverable| {
        let targets = status.targets.iter().filter(move |target| target.deliverable == Some(which));
        let texts = targets.map(|target| format!("target {}: {}", target.name, target.deliverable_message.as_deref().unwrap_or_default()));
        texts.collect::<Vec<_>>().join("; ")
    };
    let undeliverable = messages(Deliverable::No);
    if !undeliverable.is_empty() {
        return no(prevented.unwrap_or(Reason::PermissionMissing), undeliverable);
    }
    if let Some(target) = status.targets.iter().find(|target| !target.ready) {
        let why = target.message.as_deref().unwrap_or("not in AWS yet");
        return no(Reason::TargetNotInPlace, format!("target {}: {why}", target.name));
    }
    let unclear = messages(Deliverable::Unknown);
    if !unclear.is_empty() {
        return unknown(Reason::CannotTell, unclear);
    }
    if status.targets.iter().any(|target| target.deliverable.is_none()) {
        return unknown(Reason::NotEvaluated, "new targets are evaluated shortly".into());
    }
    let message = "EventBridge can deliver to every target, according to the current policies, roles and keys".into();
    Summary { status: "True", reason: Reason::Deliverable, message }
}
