//! `EventRedrive` in AWS: dead letters that are sent to their targets again, a few in each reconcile.
//!
//! What keeps letters from being lost or sent twice is the order of writes. Status lists the letters before the first of them is sent
//! (`inFlight`), and those that their targets took before they are deleted (`sent`), which is in the next reconcile. After a crash,
//! letters of `sent` are deleted and not sent again, and those of `inFlight` are kept: nobody knows whether their targets received them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use serde::Serialize;

use tributary_api::{
    AccountRef, DeletionPolicy, EventRedrive, EventRedriveSpec, EventRedriveStatus, EventRule, EventSink, Identity, KeptMessage,
    ManagementPolicy, OUTCOME_UNKNOWN, RedriveState,
};

use crate::{
    destinations::dead_letter_queue,
    error::{Reason, ReconcileError, RetryClass},
    kinds::rule::ResolveRule,
    managed::{Managed, Report},
    object::{ObjectMetaExt, key_of},
    plan::{PlanContext, Whole},
    redrive::{self, Filter, Kept, KeptReason, Letter, Planned, Redrive, RuleTargets},
    steps::Step,
    view::View,
};

/// Between two reconciles of a redrive that runs.
const PACE: Duration = Duration::from_secs(1);

/// What a redrive sends, and where.
#[derive(Debug, Serialize)]
pub struct DesiredRedrive {
    /// Name of the dead-letter queue.
    pub queue: String,
    /// Rules of the namespace by ARN, with the targets that they have.
    #[serde(skip)]
    rules: BTreeMap<String, RuleTargets>,
    #[serde(skip)]
    filter: Filter,
    /// Most letters that a reconcile sends.
    #[serde(skip)]
    pub batch: usize,
    /// When the next letters are sent.
    #[serde(skip)]
    next: Option<Timestamp>,
}

/// What a redrive does with a letter.
#[derive(Clone, Debug, PartialEq)]
pub enum Selected {
    /// It is of another namespace's rule, or not selected.
    No,
    /// It is sent.
    Yes,
    /// It is selected, and cannot be sent.
    Kept(Kept),
}

impl DesiredRedrive {
    fn redrive(&self) -> Redrive<'_> {
        Redrive { rules: &self.rules, removed_targets: None, targets: &self.filter.targets }
    }

    fn planned(&self, letter: &Letter) -> Result<Planned, Kept> {
        self.redrive().plan(letter)
    }

    /// Decides about a letter.
    pub fn select(&self, letter: &Letter) -> Selected {
        if !self.filter.admits(letter, self.redrive().rule(letter)) {
            return Selected::No;
        }
        match self.planned(letter) {
            Ok(_) => Selected::Yes,
            // Of another sender, or of a rule that the namespace does not have.
            Err(kept) if matches!(kept.reason, KeptReason::NotADeadLetter | KeptReason::RuleNotFound) => Selected::No,
            Err(kept) => Selected::Kept(kept),
        }
    }
}

/// What a redrive received.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObservedRedrive {
    /// Letters to send.
    #[serde(skip)]
    pub letters: Vec<Letter>,
    /// Letters that their targets took: message id and receipt handle.
    #[serde(skip)]
    pub taken: Vec<(String, String)>,
    /// Letters that cannot be sent.
    #[serde(skip)]
    pub kept: Vec<KeptMessage>,
    /// How far the redrive is.
    #[serde(skip)]
    pub progress: RedriveProgress,
    /// Approximate number of messages in the queue, at the end.
    pub remaining: Option<i64>,
}

/// How far a redrive is.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum RedriveProgress {
    /// It is not run now: a dry run, or a deletion.
    #[default]
    Idle,
    /// It goes on in the next reconcile.
    Running,
    /// It sends nothing more, and deletes what was sent.
    Cleaning,
    /// It ended, now or earlier. `Some` has why messages are left in the queue.
    Ended(Option<String>),
}

/// Returns how far a redrive is. `kept` are further letters that cannot be sent, and `is_at_end` whether the queue has no letter left that
/// was not looked at. A redrive ends early when too many letters are kept, or as many were sent as the spec allows, but not before all
/// letters are deleted that their targets took.
pub fn progress(spec: &EventRedriveSpec, status: &EventRedriveStatus, kept: &[KeptMessage], is_at_end: bool) -> RedriveProgress {
    let mut after = status.clone();
    keep_all(&mut after, kept);
    let failed = i32::try_from(after.kept.len()).unwrap_or(i32::MAX) >= spec.max_failures;
    let is_enough = spec.max_messages.is_some_and(|most| after.counts.sent >= i64::from(most));
    if is_at_end || ((failed || is_enough) && after.sent.is_empty()) {
        return RedriveProgress::Ended(leftovers(&after));
    }
    if failed || is_enough { RedriveProgress::Cleaning } else { RedriveProgress::Running }
}

/// Records what is left in the queue: what an earlier reconcile was sending when it was stopped, and `kept`.
fn keep_all(status: &mut EventRedriveStatus, kept: &[KeptMessage]) {
    for message_id in std::mem::take(&mut status.in_flight) {
        status.keep(unknown(message_id));
    }
    for kept in kept {
        status.keep(kept.clone());
    }
}

/// Returns why messages are left in the queue.
fn leftovers(status: &EventRedriveStatus) -> Option<String> {
    let first = status.kept.first()?;
    let reasons: Vec<_> = status.kept_by_reason.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let (count, reasons) = (status.kept.len(), reasons.join(", "));
    Some(format!("{count} messages are left in the queue ({reasons}). First: {}: {}", first.message_id, first.message))
}

/// Returns the rule with the targets that it has now; nothing for targets that may not be used.
fn rule_targets(rule: &EventRule, queue: &Identity, view: &View) -> Option<RuleTargets> {
    let common = &rule.status.as_ref()?.common;
    let identity = common.identity.as_ref().filter(|_| common.is_ready())?;
    if (&identity.account, &identity.region) != (&queue.account, &queue.region) {
        return None;
    }
    let targets = rule.spec.targets.iter().enumerate();
    let targets = targets.filter_map(|(index, target)| rule.target(index, target, identity, view).ok()).collect();
    Some(RuleTargets { key: key_of(rule), arn: identity.arn.clone(), targets })
}

fn named_rule(field: &str, namespace: &str, name: &str, view: &View) -> Result<Arc<EventRule>, ReconcileError> {
    let rule = view.rule(namespace, name).ok_or_else(|| {
        let message = format!("{field}: EventRule {namespace}/{name} not found. Create it, or recreate this object without it.");
        ReconcileError::blocked(Reason::RuleNotFound, message)
    })?;
    if rule.status.as_ref().is_some_and(|status| status.common.is_ready()) {
        return Ok(rule);
    }
    let message = format!("{field}: EventRule {namespace}/{name} is not ready. See its conditions. The redrive starts when it is ready.");
    Err(ReconcileError::new(RetryClass::Polled, Reason::RuleNotReady, message))
}

fn queue_identity(sink: &EventSink) -> Result<Identity, ReconcileError> {
    let common = sink.status.as_ref().map(|status| &status.common);
    common.and_then(|common| common.identity.clone()).ok_or_else(|| {
        let message = format!("spec.sinkRef: EventSink {} is not ready. See its conditions.", key_of(sink));
        ReconcileError::blocked(Reason::SinkNotReady, message)
    })
}

impl Managed for EventRedrive {
    type Desired = DesiredRedrive;
    type Observed = ObservedRedrive;

    const KIND: &'static str = "EventRedrive";

    fn management(&self) -> ManagementPolicy {
        ManagementPolicy::Manage
    }
    fn deletion(&self) -> DeletionPolicy {
        DeletionPolicy::Delete
    }

    fn identity(&self, view: &View) -> Result<Identity, ReconcileError> {
        // A redrive that ended stays what it was, whatever happens to the queue.
        let status = self.status.as_ref().filter(|status| status.finished());
        if let Some(identity) = status.and_then(|status| status.common.identity.as_ref()) {
            return Ok(identity.clone());
        }
        let namespace = self.own_namespace();
        let sink = view.sink_for(namespace, "spec.sinkRef", &self.spec.sink_ref)?;
        let identity = queue_identity(&sink)?;
        dead_letter_queue::own_arn("spec.sinkRef", &sink, &identity)?;
        view.account_for(namespace, Some(&AccountRef { name: identity.account.clone(), ..Default::default() }))?;
        Ok(identity)
    }

    fn desired(&self, view: &View, identity: &Identity) -> Result<DesiredRedrive, ReconcileError> {
        let (spec, namespace) = (&self.spec, self.own_namespace());
        let mut desired =
            DesiredRedrive { queue: identity.name.clone(), rules: BTreeMap::new(), filter: Filter::default(), batch: 0, next: None };
        if self.status.as_ref().is_some_and(EventRedriveStatus::finished) {
            return Ok(desired);
        }
        let mut rules = Vec::new();
        for (index, name) in spec.rules.iter().enumerate() {
            rules.extend(rule_targets(&*named_rule(&format!("spec.rules[{index}]"), namespace, name, view)?, identity, view));
        }
        if spec.rules.is_empty() {
            view.each_rule(|rule| {
                if rule.own_namespace() == namespace {
                    rules.extend(rule_targets(rule, identity, view));
                }
            });
        }
        desired.rules = rules.into_iter().map(|rule| (rule.arn.clone(), rule)).collect();
        desired.filter = Filter {
            rules: vec![],
            targets: spec.targets.clone(),
            error_codes: spec.error_codes.clone(),
            after: spec.sent_after.as_ref().map(|time| time.0),
            before: spec.sent_before.as_ref().map(|time| time.0),
        };
        let sent = self.status.as_ref().map(|status| status.counts.sent).unwrap_or_default();
        let left = spec.max_messages.map_or(i64::MAX, |most| i64::from(most) - sent);
        desired.batch = usize::try_from(i64::from(spec.messages_per_second).min(left).max(0)).unwrap_or_default();
        desired.next = view.now.checked_add(PACE).ok();
        Ok(desired)
    }

    fn referenced_by(&self, _: &View) -> Vec<String> {
        vec![]
    }

    fn plan(
        desired: Option<&DesiredRedrive>,
        observed: Option<&ObservedRedrive>,
        _: &PlanContext<'_>,
    ) -> Result<Vec<Step>, ReconcileError> {
        let (Some(want), Some(seen)) = (desired, observed) else { return Ok(vec![]) };
        let deletions = seen.taken.iter().map(|(id, receipt)| dead_letter_queue::deletion(&want.queue, id, receipt));
        let sends = seen.letters.iter().filter_map(|letter| want.planned(letter).ok()).map(|planned| planned.step);
        Ok(deletions.chain(sends.take(want.batch)).collect())
    }

    fn approved_as_a_whole(&self) -> Option<Whole> {
        redrive::whole(self)
    }

    fn waiting(desired: &DesiredRedrive, observed: Option<&ObservedRedrive>, _: &Identity) -> Option<ReconcileError> {
        match &observed?.progress {
            RedriveProgress::Idle | RedriveProgress::Ended(None) => None,
            RedriveProgress::Ended(Some(left)) => {
                let left = left.trim_end_matches('.');
                let message = format!("{left}. Correct the cause, then create another EventRedrive.");
                Some(ReconcileError::invalid(Reason::RedriveIncomplete, message))
            }
            RedriveProgress::Running | RedriveProgress::Cleaning => {
                let message = format!("messages of queue {} are being sent. status.counts has the progress.", desired.queue);
                let class = desired.next.map_or(RetryClass::Polled, RetryClass::Until);
                Some(ReconcileError::new(class, Reason::Redriving, message))
            }
        }
    }

    fn record_observed(&self, status: &mut EventRedriveStatus, observed: Option<&ObservedRedrive>, now: Timestamp) {
        let Some(observed) = observed.filter(|observed| observed.progress != RedriveProgress::Idle) else { return };
        if status.finished() {
            return;
        }
        status.state = Some(RedriveState::Running);
        status.started_at.get_or_insert(Time(now));
        keep_all(status, &observed.kept);
        status.counts.found = status.counts.sent + status.counts.failed + status.counts.uncertain;
        if let RedriveProgress::Ended(left) = &observed.progress {
            status.state = Some(if left.is_none() { RedriveState::Completed } else { RedriveState::Failed });
            status.completed_at = Some(Time(now));
            status.remaining = observed.remaining;
            status.sent.clear();
        }
    }

    fn record_intent(&self, status: &mut EventRedriveStatus, _: &DesiredRedrive, steps: &[Step]) {
        status.in_flight = steps.iter().filter_map(Step::redelivery).map(|letter| letter.message_id.clone()).collect();
    }

    fn report(&self, status: &mut EventRedriveStatus, report: &Report<'_, Self>) {
        let deleted: Vec<_> = report.applied.iter().filter_map(Step::deleted_message).collect();
        status.sent.retain(|id| !deleted.contains(&id.as_str()));
        let taken: Vec<_> = report.applied.iter().filter_map(Step::redelivery).map(|letter| letter.message_id.clone()).collect();
        let mut in_flight = std::mem::take(&mut status.in_flight);
        in_flight.retain(|id| !taken.contains(id));
        status.counts.sent += i64::try_from(taken.len()).unwrap_or(i64::MAX);
        status.sent.extend(taken);
        // The first that was not sent is the one that failed, unless a deletion failed before it.
        let deletions = report.observed.map_or(0, |observed| observed.taken.len());
        if let (Some(failed), Some(error)) = (in_flight.first(), report.error)
            && deleted.len() == deletions
        {
            status.keep_failed(failed.clone(), error);
        }
        status.counts.found = status.counts.sent + status.counts.failed + status.counts.uncertain;
    }
}

fn unknown(message_id: String) -> KeptMessage {
    let message = "the target may have received the message. Check it, then delete the message or send it again.".into();
    KeptMessage { message_id, reason: OUTCOME_UNKNOWN.into(), message }
}

/// Records the letter whose step failed.
trait KeepFailed {
    fn keep_failed(&mut self, message_id: String, error: &ReconcileError);
}

impl KeepFailed for EventRedriveStatus {
    fn keep_failed(&mut self, message_id: String, error: &ReconcileError) {
        match error.class {
            // Certainly not sent, and sent later.
            RetryClass::Throttled => {}
            RetryClass::Refused | RetryClass::Invalid => {
                self.keep(KeptMessage { message_id, reason: error.reason.to_string(), message: error.message.clone() });
            }
            RetryClass::Blocked | RetryClass::Until(_) | RetryClass::Polled | RetryClass::Transient | RetryClass::Conflict => {
                self.keep(unknown(message_id));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(value: &serde_json::Value) -> EventRedriveStatus {
        serde_json::from_value(value.clone()).unwrap()
    }

    fn spec(more: &serde_json::Value) -> EventRedriveSpec {
        let mut spec = json!({"sinkRef": {"name": "d"}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    }

    fn kept(count: usize) -> Vec<KeptMessage> {
        let one = |number: usize| KeptMessage { message_id: number.to_string(), reason: "TargetRemoved".into(), message: "m".into() };
        (0..count).map(one).collect()
    }

    #[test]
    fn what_was_in_flight_is_kept_and_not_sent_again() {
        let mut status =
            status(&json!({"state": "Running", "inFlight": ["a", "b"], "counts": {"found": 1, "sent": 1, "failed": 0, "uncertain": 0}}));
        assert!(status.is_done("a") && !status.is_done("c"));
        keep_all(&mut status, &[]);
        assert_eq!((status.counts.uncertain, status.in_flight.len(), status.kept[0].reason.as_str()), (2, 0, OUTCOME_UNKNOWN));
        assert!(status.is_done("a") && status.is_done("b"));
    }

    #[test]
    fn a_redrive_ends_with_the_queue_or_with_too_many_failures() {
        let running = || status(&json!({"state": "Running"}));
        let of =
            |status: &EventRedriveStatus, count, is_at_end| progress(&spec(&json!({"maxFailures": 2})), status, &kept(count), is_at_end);
        assert_eq!(of(&running(), 1, false), RedriveProgress::Running);
        assert_eq!(of(&running(), 0, true), RedriveProgress::Ended(None));
        assert!(matches!(of(&running(), 2, false), RedriveProgress::Ended(Some(left)) if left.contains("2 TargetRemoved")));
        // What was sent has to be deleted first.
        let taken = status(&json!({"state": "Running", "sent": ["x"]}));
        assert_eq!(of(&taken, 2, false), RedriveProgress::Cleaning);
        let enough = status(&json!({"state": "Running", "counts": {"found": 3, "sent": 3, "failed": 0, "uncertain": 0}}));
        assert_eq!(progress(&spec(&json!({"maxMessages": 3})), &enough, &[], false), RedriveProgress::Ended(None));
    }

    #[test]
    fn only_a_refusal_is_certain() {
        let reason = |class| {
            let mut status = EventRedriveStatus::default();
            status.keep_failed("a".into(), &ReconcileError::new(class, Reason::Rejected, "m"));
            status.kept.first().map(|kept| kept.reason.clone())
        };
        assert_eq!(reason(RetryClass::Refused).as_deref(), Some("Rejected"));
        assert_eq!(reason(RetryClass::Throttled), None);
        assert_eq!(reason(RetryClass::Transient).as_deref(), Some(OUTCOME_UNKNOWN));
    }
}
