//! What was read last of the deliveries of each rule. `operator/deliveries.rs` reads; reconciles take it from here, without a call.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use tributary_core::delivering::Observation;

/// How long the last figures hold while metrics cannot be read. After that the condition says so.
const HELD: SignedDuration = SignedDuration::from_mins(15);

/// The last observation of each rule, by ARN.
#[derive(Debug, Default)]
pub(crate) struct Observations(Mutex<HashMap<String, Observation>>);

impl Observations {
    /// Returns the last observation of the rule.
    pub(crate) fn of(&self, arn: &str) -> Option<Observation> {
        self.lock().get(arn).cloned()
    }

    /// Keeps the observation. A failure to read metrics for a moment does not replace figures.
    pub(crate) fn keep(&self, arn: &str, observation: Observation, is_transient: bool) -> Observation {
        let mut kept = self.lock();
        let young = |old: &&Observation| old.outcome.is_ok() && observation.at.duration_since(old.at) < HELD;
        if is_transient && let Some(old) = kept.get(arn).filter(young) {
            let held = Observation { log: observation.log, ..old.clone() };
            kept.insert(arn.to_owned(), held.clone());
            return held;
        }
        kept.insert(arn.to_owned(), observation.clone());
        observation
    }

    /// Drops the observations of all other rules.
    pub(crate) fn retain(&self, arns: &HashSet<&str>) {
        self.lock().retain(|arn, _| arns.contains(arn.as_str()));
    }

    /// Returns when figures of one of these rules were read last.
    pub(crate) fn last_read<'a>(&self, mut arns: impl Iterator<Item = &'a str>) -> Option<Timestamp> {
        let kept = self.lock();
        arns.find_map(|arn| kept.get(arn).filter(|observation| observation.outcome.is_ok()).map(|observation| observation.at))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Observation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tributary_core::delivering::{RuleFigures, Unreadable};

    use super::*;

    fn observation(minutes: i64, is_read: bool) -> Observation {
        let failed = Unreadable::Unavailable { message: "timeout".into() };
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        Observation { at, outcome: if is_read { Ok(RuleFigures::default()) } else { Err(failed) }, log: None }
    }

    #[test]
    fn figures_hold_for_a_while_when_metrics_cannot_be_read() {
        let observations = Observations::default();
        observations.keep("r", observation(0, true), false);
        assert_eq!(observations.keep("r", observation(14, false), true), observation(0, true));
        // A right that is lacking is no matter of a moment.
        assert_eq!(observations.keep("r", observation(14, false), false), observation(14, false));
        observations.keep("r", observation(20, true), false);
        assert_eq!(observations.keep("r", observation(35, false), true), observation(35, false));
        assert_eq!(observations.keep("new", observation(35, false), true), observation(35, false));
        observations.retain(&HashSet::from(["r"]));
        assert!(observations.of("r").is_some() && observations.of("new").is_none());
    }
}
