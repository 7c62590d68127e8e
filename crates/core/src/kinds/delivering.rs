//! The condition `Delivering` of a rule, with `observeDeliveries`: whether events arrive. It has no
//! influence on `Ready`. Pure.

use k8s_openapi::jiff::Timestamp;

use tributary_api::{DeliveriesStatus, EventRule, EventRuleStatus, RuleState, TargetStatus};

use crate::{
    conditions,
    delivering::{DeliveringReason, Failing, Observation, Summary, evaluate, evaluate_target, summary},
    managed::Report,
    plan::WarningEvent,
};

/// Type of the condition.
pub const TYPE: &str = "Delivering";

/// Records what was read, and sets the condition that follows from it; or removes both, if deliveries
/// are not observed.
pub(super) fn report(rule: &EventRule, status: &mut EventRuleStatus, report: &Report<'_, EventRule>) {
    let Some(desired) = report.desired else { return };
    if !desired.observes {
        forget(status);
        return;
    }
    let observation = report.observed.and_then(|observed| observed.delivering.as_ref());
    record(rule, status, observation, report.now);
}

/// Returns whether the observation changes the status of the rule.
pub fn changes(rule: &EventRule, observation: &Observation) -> bool {
    let Some(before) = &rule.status else { return true };
    let mut after = before.clone();
    record(rule, &mut after, Some(observation), observation.at);
    after != *before
}

fn record(rule: &EventRule, status: &mut EventRuleStatus, observation: Option<&Observation>, now: Timestamp) {
    let state = match observation {
        _ if rule.spec.state == RuleState::Disabled => {
            let message = "spec.state is Disabled: EventBridge sends no events of the rule".into();
            Summary { status: "Unknown", reason: DeliveringReason::NotEnabled, message }
        }
        Some(observation) => {
            let deliveries = evaluate(&status.deliveries.take().unwrap_or_default(), observation);
            set_targets(&mut status.targets, &deliveries, observation);
            let failing: Vec<_> = status.targets.iter().filter_map(failing).collect();
            let state = summary(&deliveries, observation, &failing);
            status.deliveries = Some(Box::new(deliveries));
            state
        }
        // What was read before still holds.
        None if status.common.condition(TYPE).is_some() => return,
        None => {
            let message = "the metrics of the rule are read within the next interval".into();
            Summary { status: "Unknown", reason: DeliveringReason::NotReadYet, message }
        }
    };
    let state = Some((state.status, state.reason.to_string(), state.message));
    conditions::set(&mut status.common.conditions, TYPE, state, rule.metadata.generation, now);
}

/// Sets the figures of the targets. CloudWatch has none: those of the rule are those of its only target. Of several, the records say which.
fn set_targets(targets: &mut [TargetStatus], of_rule: &DeliveriesStatus, observation: &Observation) {
    if let [target] = targets {
        target.deliveries = Some(Box::new(of_rule.clone()));
        return;
    }
    for target in targets {
        match (&observation.log, &target.arn) {
            (Some(Ok(records)), Some(arn)) => {
                let before = target.deliveries.take().unwrap_or_default();
                let after = evaluate_target(&before, of_rule, &records.of(arn), observation.at);
                target.deliveries = Some(after).filter(|after| *after != DeliveriesStatus::default()).map(Box::new);
            }
            // What was read before still holds.
            (Some(Err(_)), _) => {}
            _ => target.deliveries = None,
        }
    }
}

fn failing(target: &TargetStatus) -> Option<Failing<'_>> {
    let error = target.deliveries.as_ref()?.last_error.as_ref()?;
    Some(Failing { target: &target.name, error })
}

fn forget(status: &mut EventRuleStatus) {
    status.deliveries = None;
    for target in &mut status.targets {
        target.deliveries = None;
    }
    status.common.conditions.retain(|condition| condition.type_ != TYPE);
}

/// Returns the Warning Event of a rule whose deliveries fail.
pub(super) fn warning_event(before: &EventRuleStatus, now: &EventRuleStatus) -> Option<WarningEvent> {
    let condition = now.common.condition(TYPE).filter(|condition| condition.status == "False")?;
    let was = before.common.condition(TYPE).map(|condition| (condition.status.as_str(), condition.reason.as_str()));
    let is_new = was != Some(("False", condition.reason.as_str()));
    is_new.then(|| WarningEvent { reason: "NotDelivering", message: condition.message.clone() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::delivering::{LogReading, RuleFigures, RuleRecords, Selection, Unreadable};

    const RULE: &str = "arn:aws:events:eu-west-1:111122223333:rule/b/r";

    fn records(target: &str, now: Timestamp) -> RuleRecords {
        let record = json!({"message_type": "INVOCATION_FAILURE", "invocation_id": "i", "message_timestamp_ms": now.as_millisecond(),
            "details": {"rule_arn": RULE, "target_arn": target, "final_invocation_status": "NO_RESOURCE"},
            "error": {"error_message": "Function not found", "aws_service": "AWSLambda", "http_status_code": 404}});
        let mut reading = LogReading::default();
        let (request, text) = (reading.request(Selection::Failures, now), record.to_string());
        reading.add(&request, [(now, text.as_str())].into_iter(), None, now);
        reading.records(Selection::Failures, now).of(RULE, Selection::Failures)
    }

    #[test]
    fn of_two_targets_the_one_that_fails_is_named_and_has_the_figures() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let target = |name: &str| json!({"name": name, "arn": format!("arn:{name}"), "ready": true});
        let mut rule = EventRule::new("r", serde_json::from_value(json!({"busRef": {"name": "b"}, "targets": []})).unwrap());
        rule.status = serde_json::from_value(json!({"targets": [target("good"), target("bad")]})).unwrap();
        let observation = Observation { at: now, outcome: Ok(RuleFigures::default()), log: Some(Ok(records("arn:bad", now))) };
        assert!(changes(&rule, &observation));
        let mut status = rule.status.clone().unwrap();
        record(&rule, &mut status, Some(&observation), now);
        let condition = status.common.condition(TYPE).unwrap();
        assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("False", "InvocationsFailed"));
        assert!(condition.message.contains("Target bad: NO_RESOURCE: Function not found (AWSLambda, HTTP 404)."), "{}", condition.message);
        let failed = |name: &str| {
            let target = status.targets.iter().find(|target| target.name == name).unwrap();
            target.deliveries.as_ref().map(|deliveries| deliveries.failed)
        };
        assert_eq!((failed("good"), failed("bad")), (None, Some(1)));
        assert_eq!(warning_event(&EventRuleStatus::default(), &status).map(|event| event.message), Some(condition.message.clone()));
        rule.status = Some(status.clone());
        assert!(!changes(&rule, &observation), "the same records change nothing");
        // Without a right the figures of the targets stay; without a log they are unknown.
        for (log, expected) in [(Some(Err(Unreadable::Denied { action: "logs:FilterLogEvents" })), Some(1)), (None, None)] {
            let mut status = status.clone();
            record(&rule, &mut status, Some(&Observation { log, ..observation.clone() }), now);
            assert_eq!(status.targets[1].deliveries.as_ref().map(|deliveries| deliveries.failed), expected);
        }
    }
}
