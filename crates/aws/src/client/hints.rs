//! The next step that an error message ends with: one per cause, and a table of those that name a field of the spec.

use tributary_core::error::{Reason, ReconcileError, RetryClass};

use crate::{
    HINTS,
    client::{call::Call, cause::Cause, error::AwsError},
};

/// What to do about one rejection of AWS.
pub(crate) struct Hint {
    /// Calls that AWS rejects with the code; empty: any call.
    pub calls: &'static [Call],
    pub code: &'static str,
    /// Part of AWS's message, where AWS has one code for several faults of a call; empty: any message. Only the hint depends
    /// on it, never what the operator does.
    pub message: &'static str,
    /// In the imperative, without a full stop.
    pub next_step: &'static str,
}

/// Returns the next step in the imperative, without a full stop.
fn next_step(error: &AwsError) -> String {
    let fixed = match error.cause {
        Cause::Denied => {
            let usual = || format!("Allow {} for the operator's role in this account, or correct the AwsAccount's credentials", error.call);
            return hint(error).map_or_else(usual, str::to_owned);
        }
        Cause::InUse => {
            "Others have attached policies or instance profiles to the role. Detach them, or keep the role with the annotation tributary.dev/orphan=true on this object. Retried automatically"
        }
        Cause::Quota => "Request a higher quota from AWS, or delete resources that are not needed",
        Cause::PolicyFull => {
            "Remove statements that are not needed, use another target, or manage the policy yourself with permissions: External"
        }
        Cause::Throttled => "Retried automatically. If it persists, lower --quota: other clients share the limit of the account",
        Cause::NameNotFree => hint(error).unwrap_or("AWS frees the name of a deleted resource after a while. Retried automatically"),
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
        Cause::Rejected => hint(error).unwrap_or("Correct the spec. Retried automatically in case something in AWS changes"),
    };
    fixed.to_owned()
}

/// Returns the next step of the first hint that fits. AWS documents the codes on the page of each call; the messages are those of the
/// recorded facts.
fn hint(error: &AwsError) -> Option<&'static str> {
    let is_of = |hint: &Hint| hint.calls.is_empty() || hint.calls.contains(&error.call);
    let fits = |hint: &&Hint| is_of(hint) && hint.code == error.code && error.message.contains(hint.message);
    HINTS.iter().copied().flatten().find(fits).map(|hint| hint.next_step)
}

impl From<AwsError> for ReconcileError {
    fn from(error: AwsError) -> Self {
        let (class, reason) = error.cause.class();
        let converted = ReconcileError::new(class, reason, format!("{error}. {}", next_step(&error)));
        if error.cause == Cause::Denied { converted.denied(error.call.action()) } else { converted }
    }
}

/// Converts the error of a call that sends a dead letter. The class is `Transient` only if the target may have received the letter.
pub(crate) fn not_sent(error: AwsError) -> ReconcileError {
    match error.cause {
        Cause::NotFound => ReconcileError::new(
            RetryClass::Refused,
            Reason::TargetNotFound,
            format!("{error}. Create the target, or remove it from the rule."),
        ),
        Cause::CircuitOpen | Cause::NoCredentials => {
            ReconcileError::new(RetryClass::Throttled, Reason::Unavailable, ReconcileError::from(error).message)
        }
        Cause::Conflict | Cause::NameNotFree => {
            ReconcileError::new(RetryClass::Refused, error.cause.class().1, ReconcileError::from(error).message)
        }
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::call::{Events, Iam, Lambda, Logs, Sqs, States};

    #[test]
    fn a_rejection_names_the_field_that_causes_it() {
        let hint = |call: Call, code: &str, message: &str| next_step(&AwsError::answered(call, code, message, 400));
        assert_eq!(hint(Events::PutRule.into(), "InvalidEventPatternException", "m"), "Correct spec.eventPattern");
        assert_eq!(hint(Events::PutRule.into(), "ValidationException", "ScheduleExpression is not valid"), "Correct spec.schedule");
        assert!(hint(Events::CreateEventBus.into(), "ValidationException", "m").starts_with("Correct the spec."));
        assert!(hint(Events::PutTargets.into(), "AccessDeniedException", "m").contains("events:PutTargets"));
    }

    #[test]
    fn each_service_has_the_hints_of_its_adapter() {
        let hint = |call: Call, code: &str, message: &str| next_step(&AwsError::answered(call, code, message, 400));
        let mapping = || Lambda::CreateEventSourceMapping.into();
        let cases = [
            (hint(Sqs::CreateQueue.into(), "QueueDeletedRecently", "m"), "SQS frees the name of a deleted queue after 60 seconds"),
            (hint(States::CreateStateMachine.into(), "StateMachineDeleting", "m"), "once its executions have ended"),
            (hint(States::UpdateStateMachine.into(), "InvalidDefinition", "m"), "Correct spec.stateMachine.managed.definition"),
            (hint(mapping(), "InvalidParameterValueException", "lower than the visibility timeout"), "Raise spec.sqs.managed.visibilityT"),
            (hint(mapping(), "InvalidParameterValueException", "The execution role lacks it"), "the function's execution role"),
            (hint(Lambda::PutFunctionEventInvokeConfig.into(), "InvalidParameterValueException", "execution role"), "execution role"),
            (hint(Logs::PutDeliverySource.into(), "AccessDeniedException", "m"), "events:AllowVendedLogDeliveryForResource"),
            (hint(Logs::CreateLogGroup.into(), "InvalidParameterException", "The specified KMS key"), "key policy"),
        ];
        for (hint, expected) in cases {
            assert!(hint.contains(expected), "{hint}: {expected}");
        }
        assert!(hint(Lambda::AddPermission.into(), "InvalidParameterValueException", "execution role").starts_with("Correct the spec."));
    }

    #[test]
    fn a_role_that_others_use_needs_a_person() {
        let conflict = AwsError::answered(Iam::DeleteRole, "DeleteConflict", "Cannot delete entity, must detach all policies first.", 409);
        let error = ReconcileError::from(conflict);
        assert!(error.stalled() && error.reason == Reason::InUse, "{error:?}");
        assert!(error.message.contains("Detach them") && error.message.contains("tributary.dev/orphan"), "{error}");
    }
}
