//! Converts between the status of a backfill and the checkpoint of its run. Pure.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};

use tributary_api::{BackfillCheckpoint, BackfillCounts, BackfillState, BenchlingBackfill, BenchlingBackfillStatus, RefusedEvent};
use tributary_core::{
    conditions::{Outcome, conditions},
    error::{Reason, ReconcileError, RetryClass},
};

use crate::backfill::{
    KEPT,
    checkpoint::{Checkpoint, Run},
    run::Refused,
    window::Counts,
};

/// Maximum number of entries in `status.refused`.
const MAX_REFUSED: usize = 10;

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Returns the time in whole seconds, the precision of the API.
pub(crate) fn seconds(at: Timestamp) -> Time {
    Time(Timestamp::from_second(at.as_second()).unwrap_or(at))
}

/// Returns where the run continues.
pub(crate) fn checkpoint(status: &BenchlingBackfillStatus, run: Run) -> Checkpoint {
    let (from, counts) = (status.checkpoint.clone().unwrap_or_default(), &status.counts);
    Checkpoint {
        run,
        starting_after: from.starting_after,
        sent_beyond: from.sent_beyond,
        position: status.position.as_ref().map(|at| at.0),
        counts: Counts {
            listed: count(counts.listed),
            sent: count(counts.would_be_sent.unwrap_or(counts.sent)),
            already_seen: count(counts.already_seen),
            after_the_window: count(counts.after_the_window),
            unreadable: count(counts.unreadable),
            refused: count(counts.refused),
            by_type: counts.by_type.iter().map(|(type_, sent)| (type_.clone(), count(*sent))).collect(),
        },
        complete: status.finished(),
    }
}

fn counts(counts: &Counts, dry_run: bool) -> BackfillCounts {
    let sent = number(counts.sent);
    BackfillCounts {
        listed: number(counts.listed),
        sent: if dry_run { 0 } else { sent },
        would_be_sent: dry_run.then_some(sent),
        already_seen: number(counts.already_seen),
        after_the_window: number(counts.after_the_window),
        unreadable: number(counts.unreadable),
        refused: number(counts.refused),
        by_type: counts.by_type.iter().map(|(type_, sent)| (type_.clone(), number(*sent))).collect(),
    }
}

/// Writes the progress of a run to the status, and its result once the run is complete.
pub(crate) fn record(
    status: &mut BenchlingBackfillStatus,
    backfill: &BenchlingBackfill,
    checkpoint: &Checkpoint,
    refused: &[Refused],
    now: Timestamp,
) {
    let spec = &backfill.spec;
    status.counts = counts(&checkpoint.counts, spec.dry_run);
    status.position = checkpoint.position.map(seconds);
    status.percent = Some(percent(spec.start_time.0, spec.end_time.0, checkpoint));
    let refused =
        refused.iter().map(|event| RefusedEvent { id: event.id.clone(), code: event.code.clone(), message: event.message.clone() });
    // A page that is sent again may have the same refused events again.
    let new: Vec<_> = refused.filter(|event| !status.refused.contains(event)).collect();
    status.refused.extend(new);
    status.refused.truncate(MAX_REFUSED);
    if !checkpoint.complete {
        let (starting_after, sent_beyond) = (checkpoint.starting_after.clone(), checkpoint.sent_beyond.clone());
        status.checkpoint = Some(BackfillCheckpoint { starting_after, sent_beyond });
        set_conditions(status, backfill, &Outcome::Failed(running()), now);
        return;
    }
    (status.checkpoint, status.claim, status.completed_at) = (None, None, Some(seconds(now)));
    if checkpoint.counts.refused == 0 {
        status.state = Some(BackfillState::Completed);
        set_conditions(status, backfill, &Outcome::Completed(summary(backfill, status)), now);
        return;
    }
    status.state = Some(BackfillState::Failed);
    let first = status.refused.first().map(|event| format!("{}: {}: {}", event.id, event.code, event.message.trim_end_matches('.')));
    let message = format!(
        "{}. EventBridge rejected {} of them, such as {}. See status.refused; all other events were sent. A finished backfill does not run again.",
        summary(backfill, status),
        status.counts.refused,
        first.unwrap_or_default()
    );
    set_conditions(status, backfill, &Outcome::Failed(ReconcileError::invalid(Reason::EventsRefused, message)), now);
}

/// Returns the condition of a backfill that is running.
pub(crate) fn running() -> ReconcileError {
    ReconcileError::new(RetryClass::Polled, Reason::Backfilling, "listing and sending events. See status.counts and status.percent.")
}

fn percent(start: Timestamp, end: Timestamp, checkpoint: &Checkpoint) -> i32 {
    if checkpoint.complete {
        return 100;
    }
    let Some(position) = checkpoint.position else { return 0 };
    let whole = (end.as_millisecond() - start.as_millisecond()).max(1);
    // 100 only when complete.
    i32::try_from((position.as_millisecond() - start.as_millisecond()).saturating_mul(100) / whole).unwrap_or(0).clamp(0, 99)
}

fn summary(backfill: &BenchlingBackfill, status: &BenchlingBackfillStatus) -> String {
    let counts = &status.counts;
    let sent = match counts.would_be_sent {
        Some(number) => format!("{number} would be sent (dry run)"),
        None => format!("{} sent", counts.sent),
    };
    let mut text = format!("{} events listed, {sent}", counts.listed);
    if counts.listed == 0 {
        text += ". An app needs access to an organization, team or project in Benchling to list events";
    }
    let began = status.started_at.as_ref().map_or(backfill.spec.end_time.0, |at| at.0);
    if backfill.spec.start_time.0 < began - KEPT {
        text += ". Benchling keeps events for two weeks; older events are not listed";
    }
    text
}

/// Sets the conditions of the status.
pub(crate) fn set_conditions(status: &mut BenchlingBackfillStatus, backfill: &BenchlingBackfill, outcome: &Outcome, now: Timestamp) {
    let generation = backfill.metadata.generation;
    status.common.conditions = conditions(outcome, &status.common.conditions, generation, seconds(now).0);
    status.common.observed_generation = generation;
}

/// Why it cannot start yet, if its window is not over.
pub(super) fn not_due(backfill: &BenchlingBackfill, now: Timestamp) -> Option<(ReconcileError, SignedDuration)> {
    let end = backfill.spec.end_time.0;
    (end > now).then(|| {
        let message = format!("spec.endTime is in the future: the backfill starts at {end}, when all events of the window exist.");
        (ReconcileError::new(RetryClass::Until(end), Reason::BackfillNotDue, message), end.duration_since(now))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn backfill(more: &serde_json::Value) -> BenchlingBackfill {
        let mut spec = json!({"appRef": {"name": "a"}, "startTime": "2026-11-01T00:00:00Z", "endTime": "2026-11-02T00:00:00Z"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(
            json!({"apiVersion": "tributary.dev/v1alpha1", "kind": "BenchlingBackfill", "metadata": {"name": "b"}, "spec": spec}),
        )
        .unwrap()
    }

    fn run() -> Run {
        let [from, until] = ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"].map(|at| at.parse().unwrap());
        Run { tenant: "t".into(), bus: "b".into(), source: "s".into(), from, until, event_types: vec![], object: None }
    }

    fn half() -> Checkpoint {
        let by_type = [("t".to_owned(), 5)].into();
        let counts = Counts { listed: 9, sent: 5, already_seen: 1, after_the_window: 1, unreadable: 1, refused: 1, by_type };
        let position = Some("2026-11-01T12:00:00Z".parse().unwrap());
        Checkpoint { starting_after: Some("e1".into()), sent_beyond: vec!["e2".into()], position, counts, ..Checkpoint::new(run()) }
    }

    #[test]
    fn a_run_continues_from_the_status_as_from_its_checkpoint() {
        for dry in [false, true] {
            let (object, mut status) = (backfill(&json!({"dryRun": dry})), BenchlingBackfillStatus::default());
            assert_eq!(checkpoint(&status, run()), Checkpoint::new(run()), "a new run");
            record(&mut status, &object, &half(), &[], Timestamp::UNIX_EPOCH);
            assert_eq!(checkpoint(&status, run()), half());
            assert_eq!((status.counts.sent, status.percent), (if dry { 0 } else { 5 }, Some(50)), "a dry run has sent nothing");
        }
    }

    #[test]
    fn the_last_status_has_the_result() {
        let end = |refused: u64, told: &[Refused]| {
            let mut status = BenchlingBackfillStatus::default();
            let counts = Counts { refused, ..half().counts };
            record(&mut status, &backfill(&json!({})), &Checkpoint { complete: true, counts, ..half() }, told, Timestamp::UNIX_EPOCH);
            assert!(status.finished() && status.checkpoint.is_none() && status.claim.is_none() && status.percent == Some(100));
            let ready = status.common.condition("Ready").unwrap().clone();
            (ready.status, ready.reason, ready.message)
        };
        let (ready, reason, message) = end(0, &[]);
        assert_eq!((ready.as_str(), reason.as_str(), message.as_str()), ("True", "BackfillCompleted", "9 events listed, 5 sent"));
        let (ready, reason, message) = end(1, &[Refused { id: "evt_7".into(), code: "MalformedDetail".into(), message: "m".into() }]);
        assert_eq!((ready.as_str(), reason.as_str()), ("False", "EventsRefused"));
        assert!(message.contains("evt_7: MalformedDetail"), "{message}");
    }
}
