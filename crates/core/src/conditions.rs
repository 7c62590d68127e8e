//! Conditions as kstatus reads them: `Ready`, `Reconciling`, `Stalled`. Pure.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

use crate::error::{Reason, ReconcileError};

/// The conditions that every kind has.
pub const COMMON: [&str; 3] = ["Ready", "Reconciling", "Stalled"];

/// What a pass has to say of the object.
#[derive(Clone, Debug)]
pub enum Outcome {
    InSync,
    /// Writes are about to be made.
    Applying,
    /// `managementPolicy: Observe` and something to do.
    Drifted(usize),
    Paused,
    /// A one-shot object has done what it is for, and what that came to.
    Completed(String),
    /// Being deleted, and not done.
    Deleting(Option<ReconcileError>),
    Halted(ReconcileError),
}

/// The three conditions, with the times of those that did not change kept.
pub fn conditions(verdict: &Outcome, before: &[Condition], generation: Option<i64>, now: Timestamp) -> Vec<Condition> {
    let (ready, reason, message) = summary(verdict);
    let halt = match verdict {
        Outcome::Halted(halt) | Outcome::Deleting(Some(halt)) => Some(halt),
        _ => None,
    };
    let stalled = halt.is_some_and(ReconcileError::stalled);
    let reconciling = !ready && !stalled && !matches!(verdict, Outcome::Paused | Outcome::Drifted(_));
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

fn summary(verdict: &Outcome) -> (bool, Reason, String) {
    match verdict {
        Outcome::InSync => (true, Reason::InSync, "AWS holds what the spec says".into()),
        Outcome::Applying => (false, Reason::Applying, "writing to AWS".into()),
        Outcome::Drifted(steps) => (
            false,
            Reason::Drifted,
            format!("managementPolicy is Observe: {steps} AWS writes would be made, see status.plan; set it to Manage to have them made"),
        ),
        Outcome::Paused => (false, Reason::Paused, "the annotation tributary.dev/paused is set; remove it to go on".into()),
        Outcome::Completed(what) => (true, Reason::BackfillCompleted, what.clone()),
        Outcome::Deleting(None) => (false, Reason::Deleting, "being deleted".into()),
        Outcome::Deleting(Some(halt)) | Outcome::Halted(halt) => (false, halt.reason, halt.message.clone()),
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
        let of = |verdict: &Outcome| {
            let all = conditions(verdict, &[], Some(1), now);
            [status(&all, "Ready").to_owned(), status(&all, "Reconciling").to_owned(), status(&all, "Stalled").to_owned()]
        };
        let halted = |class| Outcome::Halted(ReconcileError::new(class, Reason::Unavailable, "m"));
        assert_eq!(of(&Outcome::InSync), ["True", "False", "False"]);
        assert_eq!(of(&Outcome::Completed("m".into())), ["True", "False", "False"]);
        assert_eq!(of(&Outcome::Applying), ["False", "True", "False"]);
        assert_eq!(of(&halted(RetryClass::Blocked)), ["False", "True", "False"]);
        assert_eq!(of(&halted(RetryClass::Transient)), ["False", "True", "False"]);
        assert_eq!(of(&halted(RetryClass::Invalid)), ["False", "False", "True"]);
        assert_eq!(of(&halted(RetryClass::Refused)), ["False", "False", "True"]);
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
