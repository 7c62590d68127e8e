//! The condition `Deliverable` of a rule: for each target whether events reach it, and what stands in the way. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use tributary_api::{Deliverable, EventRule, EventRuleStatus, RuleState};

use crate::{delivery::Deliverability, managed::Report};

const TYPE: &str = "Deliverable";

/// Takes the verdicts of this pass into status, where there are any; and says of the rule as a whole what follows.
pub fn tell(rule: &EventRule, status: &mut EventRuleStatus, report: &Report<'_, EventRule>) {
    let looks = report.observed.map(|observed| observed.looks.as_slice()).unwrap_or_default();
    let mut refused = None;
    for look in looks {
        let Some(target) = status.targets.iter_mut().find(|target| target.name == look.target) else { continue };
        if look.dead_letters.is_some() {
            target.dead_letters.clone_from(&look.dead_letters);
        }
        let (deliverable, message) = match &look.verdict {
            Deliverability::Yes => (Deliverable::Yes, None),
            Deliverability::No { reason, message } => {
                refused.get_or_insert(*reason);
                (Deliverable::No, Some(message.clone()))
            }
            Deliverability::Unknown { message } => (Deliverable::Unknown, Some(message.clone())),
            Deliverability::Later => continue,
        };
        target.deliverable = Some(deliverable);
        target.deliverable_message = message;
    }
    let generation = rule.metadata.generation;
    let old = status.common.conditions.iter().find(|condition| condition.type_ == TYPE);
    let kept = old.map(|condition| condition.reason.clone());
    let problem = report.desired.and_then(|desired| desired.source_problem.clone());
    let (word, reason, message) = summary(rule, status, problem, refused, kept);
    let since = old.filter(|condition| condition.status == word).map_or(Time(report.now), |old| old.last_transition_time.clone());
    let condition = Condition {
        type_: TYPE.into(),
        status: word.into(),
        reason,
        message,
        observed_generation: generation,
        last_transition_time: since,
    };
    status.common.conditions.retain(|condition| condition.type_ != TYPE);
    status.common.conditions.push(condition);
}

/// Status, reason and message.
fn summary(
    rule: &EventRule,
    status: &EventRuleStatus,
    problem: Option<String>,
    refused: Option<&'static str>,
    kept: Option<String>,
) -> (&'static str, String, String) {
    let said = |word, reason: &str, message: String| (word, reason.to_owned(), message);
    if rule.spec.state == RuleState::Disabled {
        return said("False", "RuleDisabled", "spec.state is Disabled: AWS sends none of its events. Set it to Enabled".into());
    }
    if let Some(problem) = problem {
        return said("False", "SourceNotActive", problem);
    }
    if status.targets.is_empty() {
        return said("False", "NoTargets", "spec.targets is empty: what the rule matches goes nowhere".into());
    }
    let of = |which: Deliverable| {
        let rows = status.targets.iter().filter(move |target| target.deliverable == Some(which));
        rows.map(|target| format!("target {}: {}", target.name, target.deliverable_message.as_deref().unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    let no = of(Deliverable::No);
    if !no.is_empty() {
        return said("False", &refused.map(str::to_owned).or(kept).unwrap_or_else(|| "PermissionMissing".into()), no.join("; "));
    }
    if let Some(target) = status.targets.iter().find(|target| !target.ready) {
        let why = target.message.as_deref().unwrap_or("it is not in place yet");
        return said("False", "TargetNotInPlace", format!("target {}: {why}", target.name));
    }
    let unknown = of(Deliverable::Unknown);
    if !unknown.is_empty() {
        return said("Unknown", "CannotTell", unknown.join("; "));
    }
    if status.targets.iter().any(|target| target.deliverable.is_none()) {
        return said("Unknown", "NotEvaluated", "what was just put is evaluated in a moment".into());
    }
    said("True", "Deliverable", "EventBridge may deliver to every target, as AWS holds policies, roles and keys now".into())
}
