//! The conditions that all kinds have, as kstatus reads them: `Ready`, `Reconciling`, `Stalled`.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

use crate::error::{Reason, ReconcileError};

/// Types of the conditions that every kind has.
pub const COMMON: [&str; 3] = ["Ready", "Reconciling", "Stalled"];

/// The outcome of a reconcile.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// AWS matches the spec.
    InSync,
    /// Writes to AWS are about to be made.
    Applying,
    /// AWS differs from the spec, and `managementPolicy: Observe` withheld this many writes.
    Drifted(usize),
    /// The annotation `tributary.dev/paused` is set.
    Paused,
    /// A one-shot object is done. The text is its result.
    Completed(String),
    /// The object is being deleted, which may be blocked.
    Deleting(Option<ReconcileError>),
    /// The object is not in sync.
    Failed(ReconcileError),
}

impl Outcome {
    /// Why the object is not in sync, or its deletion blocked.
    pub fn error(&self) -> Option<&ReconcileError> {
        match self {
            Self::Failed(error) | Self::Deleting(Some(error)) => Some(error),
            Self::InSync | Self::Applying | Self::Drifted(_) | Self::Paused | Self::Completed(_) | Self::Deleting(None) => None,
        }
    }
}

/// The three conditions for the outcome. A condition whose status is as before keeps its transition
/// time.
pub fn conditions(outcome: &Outcome, before: &[Condition], generation: Option<i64>, now: Timestamp) -> Vec<Condition> {
    let (ready, reason, message) = summary(outcome);
    let stalled = outcome.error().is_some_and(ReconcileError::stalled);
    let reconciling = !ready && !stalled && !matches!(outcome, Outcome::Paused | Outcome::Drifted(_));
    let row = |type_: &str, on: bool| {
        let status = if on { "True" } else { "False" };
        let old = before.iter().find(|condition| condition.type_ == type_ && condition.status == status);
        let (reason, message) = if type_ == "Ready" || on { (reason, message.clone()) } else { (Reason::InSync, String::new()) };
        let reason = if type_ != "Ready" && !on { format!("Not{type_}") } else { reason.to_string() };
        Condition {
            type_: type_.into(),
            status: status.into(),
            reason,
            message,
            observed_generation: generation,
            last_transition_time: old.map_or(Time(now), |condition| condition.last_transition_time.clone()),
        }
    };
    vec![row("Ready", ready), row("Reconciling", reconciling), row("Stalled", stalled)]
}

/// Replaces the condition of this type by one with this status, reason and message; `None` removes it.
/// If its status is as before, it keeps its transition time.
pub fn set(all: &mut Vec<Condition>, type_: &str, state: Option<(&str, String, String)>, generation: Option<i64>, now: Timestamp) {
    let old = all.iter().position(|condition| condition.type_ == type_).map(|at| all.remove(at));
    let Some((status, reason, message)) = state else { return };
    let since = old.filter(|old| old.status == status).map_or(Time(now), |old| old.last_transition_time);
    all.push(Condition {
        type_: type_.into(),
        status: status.into(),
        reason,
        message,
        observed_generation: generation,
        last_transition_time: since,
    });
}

/// Makes the kind's own conditions `Unknown` that are `True`, where the outcome prevented their
/// evaluation: nothing says `True` that was not seen. `evaluated` are those that were evaluated
/// nevertheless.
pub fn unconfirm(all: &mut [Condition], evaluated: &[&str], outcome: &Outcome, generation: Option<i64>, now: Timestamp) {
    let (_, reason, why) = summary(outcome);
    let is_kept = |type_: &str| COMMON.contains(&type_) || evaluated.contains(&type_);
    for condition in all.iter_mut().filter(|condition| !is_kept(&condition.type_) && condition.status != "False") {
        if condition.status != "Unknown" {
            condition.last_transition_time = Time(now);
        }
        condition.status = "Unknown".into();
        condition.reason = reason.to_string();
        condition.message = format!("not evaluated: {why}");
        condition.observed_generation = generation;
    }
}

fn summary(outcome: &Outcome) -> (bool, Reason, String) {
    match outcome {
        Outcome::InSync => (true, Reason::InSync, "AWS matches the spec".into()),
        Outcome::Applying => (false, Reason::Applying, "writing to AWS".into()),
        Outcome::Drifted(steps) => (
            false,
            Reason::Drifted,
            format!("AWS differs from the spec: status.plan lists {steps} AWS writes. To apply them, set managementPolicy to Manage."),
        ),
        Outcome::Paused => (false, Reason::Paused, "annotation tributary.dev/paused is set. Remove it to resume.".into()),
        Outcome::Completed(result) => (true, Reason::BackfillCompleted, result.clone()),
        Outcome::Deleting(None) => (false, Reason::Deleting, "deletion in progress".into()),
        Outcome::Deleting(Some(error)) | Outcome::Failed(error) => (false, error.reason, error.message.clone()),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::SignedDuration;

    use super::*;
    use crate::error::RetryClass;

    fn status<'a>(all: &'a [Condition], type_: &str) -> &'a str {
        all.iter().find(|c| c.type_ == type_).map_or("", |c| c.status.as_str())
    }

    #[test]
    fn kstatus_reads_what_we_mean() {
        let now = Timestamp::UNIX_EPOCH;
        let of = |outcome: &Outcome| {
            let all = conditions(outcome, &[], Some(1), now);
            [status(&all, "Ready").to_owned(), status(&all, "Reconciling").to_owned(), status(&all, "Stalled").to_owned()]
        };
        let failed = |class| Outcome::Failed(ReconcileError::new(class, Reason::Unavailable, "m"));
        assert_eq!(of(&Outcome::InSync), ["True", "False", "False"]);
        assert_eq!(of(&Outcome::Completed("m".into())), ["True", "False", "False"]);
        assert_eq!(of(&Outcome::Applying), ["False", "True", "False"]);
        assert_eq!(of(&failed(RetryClass::Blocked)), ["False", "True", "False"]);
        assert_eq!(of(&failed(RetryClass::Transient)), ["False", "True", "False"]);
        assert_eq!(of(&failed(RetryClass::Invalid)), ["False", "False", "True"]);
        assert_eq!(of(&failed(RetryClass::Refused)), ["False", "False", "True"]);
        assert_eq!(of(&Outcome::Paused), ["False", "False", "False"]);
    }

    #[test]
    fn times_move_only_with_the_status() {
        let (first, later) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH + SignedDuration::from_secs(9));
        let before = conditions(&Outcome::InSync, &[], Some(1), first);
        assert_eq!(conditions(&Outcome::InSync, &before, Some(1), later), before);
        let after = conditions(&Outcome::Applying, &before, Some(1), later);
        assert_eq!(after[0].last_transition_time.0, later);
        assert_eq!(after[2].last_transition_time.0, first);
    }
}
