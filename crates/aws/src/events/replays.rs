//! Replays: one list per account and Region serves all that run; others are read by name.

use std::time::Duration;

use aws_sdk_eventbridge::types::{ReplayDestination, ReplayState};
use aws_smithy_types::DateTime;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    kinds::ObservedReplay,
    steps::{ReplaySettings, ReplayStep},
};

use crate::{
    cache::{ALL, Replays},
    client::{
        cause::Cause,
        rate_limiter::Priority,
        request::{ignore_not_found, non_empty, send, unbuilt},
        session::Session,
    },
};

/// When a replay is tried again while ten others run.
const RETRY_QUEUED: SignedDuration = SignedDuration::from_secs(30);
/// `CancelReplay` refuses a replay that has ended.
const ILLEGAL_STATUS: &str = "IllegalStatusException";

impl Session {
    /// Returns the replay if it runs, from a list no older than `age`.
    ///
    /// # Errors
    /// Those of `ListReplays`.
    pub async fn running_replay(&self, name: &str, age: Duration) -> Result<Option<ObservedReplay>, ReconcileError> {
        Ok(self.shared.caches.replays.read(&self.caller.arn, ALL, age, || self.list_replays()).await?.get(name).cloned())
    }

    async fn list_replays(&self) -> Result<Replays, ReconcileError> {
        let mut replays = Replays::new();
        let mut next = None;
        loop {
            // AWS keeps replays for 90 days and runs ten at once: without the state, the list has pages of old ones.
            let request = self.events.list_replays().state(ReplayState::Running).limit(100).set_next_token(next);
            let page = send!(self, events, ListReplays, request, Priority::Change)?;
            for replay in page.replays.unwrap_or_default() {
                let name = replay.replay_name.unwrap_or_default();
                let observed = ObservedReplay {
                    name: name.clone(),
                    state: replay.state.as_ref().map_or("", |state| state.as_str()).into(),
                    state_reason: non_empty(replay.state_reason),
                    last_replayed: replay.event_last_replayed_time.and_then(timestamp),
                    started: replay.replay_start_time.and_then(timestamp),
                    ended: replay.replay_end_time.and_then(timestamp),
                };
                replays.insert(name, observed);
            }
            next = non_empty(page.next_token);
            if next.is_none() {
                return Ok(replays);
            }
        }
    }

    /// Returns the replay in any state; `None` if it does not exist.
    ///
    /// # Errors
    /// Those of `DescribeReplay`.
    pub async fn replay(&self, name: &str) -> Result<Option<ObservedReplay>, ReconcileError> {
        let found = ignore_not_found(send!(self, events, DescribeReplay, self.events.describe_replay().replay_name(name)))?;
        Ok(found.map(|replay| ObservedReplay {
            name: name.to_owned(),
            state: replay.state.as_ref().map_or("", |state| state.as_str()).into(),
            state_reason: non_empty(replay.state_reason),
            last_replayed: replay.event_last_replayed_time.and_then(timestamp),
            started: replay.replay_start_time.and_then(timestamp),
            ended: replay.replay_end_time.and_then(timestamp),
        }))
    }

    pub(super) async fn apply_replay(&self, step: &ReplayStep) -> Result<(), ReconcileError> {
        match step {
            ReplayStep::StartReplay { name, settings } => self.start_replay(name, settings).await,
            ReplayStep::CancelReplay { name } => self.cancel_replay(name).await,
        }
    }

    async fn start_replay(&self, name: &str, settings: &ReplaySettings) -> Result<(), ReconcileError> {
        let rules = (!settings.rules.is_empty()).then(|| settings.rules.clone());
        let destination = ReplayDestination::builder().arn(&settings.bus_arn).set_filter_arns(rules).build().map_err(unbuilt)?;
        let request = self
            .events
            .start_replay()
            .replay_name(name)
            .set_description(settings.description.clone())
            .event_source_arn(&settings.archive_arn)
            .event_start_time(DateTime::from_secs(settings.start.as_second()))
            .event_end_time(DateTime::from_secs(settings.end.as_second()))
            .destination(destination);
        match send!(self, events, StartReplay, request) {
            Ok(_) => Ok(()),
            Err(error) if error.cause == Cause::Quota => Err(ReconcileError::new(
                RetryClass::Until(Timestamp::now() + RETRY_QUEUED),
                Reason::ReplayQueued,
                format!("{error}. AWS runs at most ten replays at once in a Region. Retried every 30 seconds"),
            )),
            Err(error) => Err(error.into()),
        }
    }

    async fn cancel_replay(&self, name: &str) -> Result<(), ReconcileError> {
        match send!(self, events, CancelReplay, self.events.cancel_replay().replay_name(name)) {
            Ok(_) => Ok(()),
            // It ended meanwhile, which the next read shows.
            Err(error) if error.is_not_found() || error.code == ILLEGAL_STATUS => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn timestamp(at: DateTime) -> Option<Timestamp> {
    Timestamp::from_second(at.secs()).ok()
}
