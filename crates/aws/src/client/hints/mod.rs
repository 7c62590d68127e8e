//! The next step that an error message ends with: one per cause, and a table of those that name a field of the spec.

mod events;
mod lambda;
mod states;

use tributary_core::error::ReconcileError;

use crate::client::{call::Call, cause::Cause, error::AwsError};

/// What to do about one rejection of AWS.
struct Hint {
    calls: &'static [Call],
    code: &'static str,
    /// Part of AWS's message, where AWS has one code for several faults of a call; empty: any message. Only the hint depends
    /// on it, never what the operator does.
    message: &'static str,
    next_step: &'static str,
}

/// What to do about a queue that a function consumes, and whose visibility timeout is too short.
const VISIBILITY: &str = "Raise spec.sqs.managed.visibilityTimeoutSeconds to at least the function's timeout; six times that is best";

/// The hints of each service; the first that fits counts. AWS documents the codes on the page of each call; the messages are those of
/// the recorded facts.
const HINTS: &[&[Hint]] = &[lambda::HINTS, states::HINTS, events::HINTS];

/// Returns the next step in the imperative, without a full stop.
fn next_step(error: &AwsError) -> String {
    let fixed = match error.cause {
        Cause::Denied => {
            return format!("Allow {} for the operator's role in this account, or correct the AwsAccount's credentials", error.call);
        }
        Cause::InUse => {
            "Others have attached policies or instance profiles to the role. Detach them, or keep the role with the annotation tributary.dev/orphan=true on this object. Retried automatically"
        }
        Cause::Quota => "Request a higher quota from AWS, or delete resources that are not needed",
        Cause::PolicyFull => {
            "Remove statements that are not needed, use another target, or manage the policy yourself with permissions: External"
        }
        Cause::Throttled => "Retried automatically. If it persists, lower --quota: other clients share the limit of the account",
        Cause::NameNotFree if error.code == states::DELETING => states::STILL_RUNNING,
        Cause::NameNotFree => "SQS frees the name of a deleted queue after 60 seconds. Retried automatically",
        Cause::UntrustedCertificate => {
            "If a private authority signed the endpoint's certificate, set --aws-ca-bundle (AWS_CA_BUNDLE) to its PEM file"
        }
        Cause::NoCredentials => "Correct the AwsAccount's credentials",
        Cause::Conflict
        | Cause::NotFound
        | Cause::Timeout
        | Cause::ConnectionLost
        | Cause::CircuitOpen
        | Cause::ServerError
        | Cause::NoAnswer => "Retried automatically",
        Cause::Rejected if error.code == "OperationDisabledException" => {
            "AWS has no partner event sources in this Region. Use another Region"
        }
        Cause::Rejected => HINTS
            .iter()
            .copied()
            .flatten()
            .find(|hint| hint.calls.contains(&error.call) && hint.code == error.code && error.message.contains(hint.message))
            .map_or("Correct the spec. Retried automatically in case something in AWS changes", |hint| hint.next_step),
    };
    fixed.to_owned()
}

impl From<AwsError> for ReconcileError {
    fn from(error: AwsError) -> Self {
        let (class, reason) = error.cause.class();
        let converted = ReconcileError::new(class, reason, format!("{error}. {}", next_step(&error)));
        if error.cause == Cause::Denied { converted.denied(error.call.action()) } else { converted }
    }
}

#[cfg(test)]
mod tests {
    use tributary_core::error::Reason;

    use super::*;
    use crate::client::call::{Events, Iam};

    #[test]
    fn a_rejection_names_the_field_that_causes_it() {
        let hint = |call: Call, code: &str, message: &str| next_step(&AwsError::answered(call, code, message, 400));
        assert_eq!(hint(Events::PutRule.into(), "InvalidEventPatternException", "m"), "Correct spec.eventPattern");
        assert_eq!(hint(Events::PutRule.into(), "ValidationException", "ScheduleExpression is not valid"), "Correct spec.schedule");
        assert!(hint(Events::CreateEventBus.into(), "ValidationException", "m").starts_with("Correct the spec."));
        assert!(hint(Events::PutTargets.into(), "AccessDeniedException", "m").contains("events:PutTargets"));
    }

    #[test]
    fn a_role_that_others_use_needs_a_person() {
        let conflict = AwsError::answered(Iam::DeleteRole, "DeleteConflict", "Cannot delete entity, must detach all policies first.", 409);
        let error = ReconcileError::from(conflict);
        assert!(error.stalled() && error.reason == Reason::InUse, "{error:?}");
        assert!(error.message.contains("Detach them") && error.message.contains("tributary.dev/orphan"), "{error}");
    }
}
