//! Replays: one list per account and region serves all that are under way; those that are not on it are asked for by name.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_eventbridge::types::{ReplayDestination, ReplayState};
use aws_smithy_types::DateTime;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    kinds::ObservedReplay,
    steps::ReplaySettings,
};

use crate::{Priority, Session, events::buses::send};

pub type Replays = BTreeMap<String, ObservedReplay>;

/// When a replay that found no place among the ten tries again.
const PLACE: SignedDuration = SignedDuration::from_secs(30);

impl Session {
    /// The replay of this name, if it is running, as a list has it that may be this old.
    pub async fn running_replay(&self, name: &str, age: Duration) -> Result<Option<ObservedReplay>, ReconcileError> {
        Ok(self.shared.replays.read(age, || self.list_replays()).await?.get(name).cloned())
    }

    async fn list_replays(&self) -> Result<Replays, ReconcileError> {
        let (mut replays, mut next) = (Replays::new(), None);
        loop {
            // AWS remembers them for 90 days, and runs ten at once: without the state it would be pages of old ones.
            let request = self.events.list_replays().state(ReplayState::Running).limit(100).set_next_token(next);
            let page = self.call(&self.shared.events, "events:ListReplays", Priority::Change, || Box::pin(request.clone().send())).await?;
            for replay in page.replays.unwrap_or_default() {
                let name = replay.replay_name.unwrap_or_default();
                let observed = ObservedReplay {
                    name: name.clone(),
                    state: replay.state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
                    state_reason: replay.state_reason.filter(|text| !text.is_empty()),
                    last_replayed: replay.event_last_replayed_time.and_then(moment),
                    started: replay.replay_start_time.and_then(moment),
                    ended: replay.replay_end_time.and_then(moment),
                };
                replays.insert(name, observed);
            }
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(replays);
            }
        }
    }

    pub async fn replay(&self, name: &str) -> Result<Option<ObservedReplay>, ReconcileError> {
        match send!(self, "events:DescribeReplay", self.events.describe_replay().replay_name(name)) {
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
            Ok(replay) => Ok(Some(ObservedReplay {
                name: name.to_owned(),
                state: replay.state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
                state_reason: replay.state_reason.filter(|text| !text.is_empty()),
                last_replayed: replay.event_last_replayed_time.and_then(moment),
                started: replay.replay_start_time.and_then(moment),
                ended: replay.replay_end_time.and_then(moment),
            })),
        }
    }

    pub(crate) async fn start_replay(&self, name: &str, settings: &ReplaySettings) -> Result<(), ReconcileError> {
        let rules = (!settings.rules.is_empty()).then(|| settings.rules.clone());
        let destination =
            ReplayDestination::builder().arn(&settings.bus_arn).set_filter_arns(rules).build().map_err(crate::events::buses::unbuilt)?;
        let request = self
            .events
            .start_replay()
            .replay_name(name)
            .set_description(settings.description.clone())
            .event_source_arn(&settings.archive_arn)
            .event_start_time(sdk_time(settings.start))
            .event_end_time(sdk_time(settings.end))
            .destination(destination);
        match send!(self, "events:StartReplay", request) {
            Ok(_) => Ok(()),
            Err(error) if error.code == "LimitExceededException" => Err(ReconcileError::new(
                RetryClass::Until(Timestamp::now() + PLACE),
                Reason::ReplayQueued,
                format!(
                    "{error}. AWS runs ten replays at once in a Region; this one begins when there is a place, and is tried again every 30 seconds"
                ),
            )),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn cancel_replay(&self, name: &str) -> Result<(), ReconcileError> {
        match send!(self, "events:CancelReplay", self.events.cancel_replay().replay_name(name)) {
            Ok(_) => Ok(()),
            // It ended meanwhile, which the next look tells.
            Err(error) if error.is_not_found() || error.code == "IllegalStatusException" => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn moment(at: DateTime) -> Option<Timestamp> {
    Timestamp::from_second(at.secs()).ok()
}

fn sdk_time(at: Timestamp) -> DateTime {
    DateTime::from_secs(at.as_second())
}
