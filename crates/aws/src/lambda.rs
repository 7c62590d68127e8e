//! Permissions and asynchronous invocation settings of Lambda functions. A policy has a revision (docs/aws-facts.md, L5, L14), by
//! which AWS detects a concurrent write.

use aws_sdk_lambda::{
    primitives::Blob,
    types::{DestinationConfig, InvocationType, OnFailure, OnSuccess},
};
use serde_json::Value;

use tributary_core::{
    delivery::TargetFacts,
    error::ReconcileError,
    policy_document::{our_statement, single_source, statements_of},
    steps::{FunctionRef, InvokeSettings, LambdaStep, Redelivery},
};

use crate::client::{
    call::{Call, Lambda},
    hints::{Hint, not_sent},
    request::{ignore_not_found, non_empty, send},
    session::Session,
};

pub(crate) const HINTS: &[Hint] = &[Hint {
    calls: &[Call::Lambda(Lambda::PutFunctionEventInvokeConfig)],
    code: "InvalidParameterValueException",
    message: "execution role",
    next_step: EXECUTION_ROLE,
}];

/// What to do about an execution role that lacks a permission on what the function reads or writes.
pub(crate) const EXECUTION_ROLE: &str = "Add that permission to the function's execution role. Retried automatically";

impl Session {
    /// Returns the statements of the function's policy; `None` if the function, version or alias does not exist.
    ///
    /// # Errors
    /// Those of `GetPolicy` and `GetFunctionConfiguration`.
    pub async fn function_policy(&self, function: &FunctionRef) -> Result<Option<Vec<Value>>, ReconcileError> {
        if let Some((statements, _)) = self.policy_and_revision(function).await? {
            return Ok(Some(statements));
        }
        // AWS returns the same error for no policy and for no function (docs/aws-facts.md, L6).
        let request = self.lambda.get_function_configuration().function_name(&function.arn).set_qualifier(function.qualifier.clone());
        Ok(ignore_not_found(send!(self, lambda, GetFunctionConfiguration, request))?.map(|_| vec![]))
    }

    /// Returns what delivery to the function depends on.
    pub(crate) async fn function_facts(&self, arn: &str) -> Result<Option<TargetFacts>, ReconcileError> {
        let policy = self.function_policy(&FunctionRef::from_arn(arn)).await?;
        Ok(policy.map(|policy| TargetFacts { policy: policy.into(), ..TargetFacts::default() }))
    }

    async fn policy_and_revision(&self, function: &FunctionRef) -> Result<Option<(Vec<Value>, Option<String>)>, ReconcileError> {
        let request = self.lambda.get_policy().function_name(&function.arn).set_qualifier(function.qualifier.clone());
        let answer = ignore_not_found(send!(self, lambda, GetPolicy, request))?;
        Ok(answer.map(|answer| (statements_of(&answer.policy.unwrap_or_default()), answer.revision_id)))
    }

    /// Returns the settings of asynchronous invocations; all `None` where none are set.
    ///
    /// # Errors
    /// Those of `GetFunctionEventInvokeConfig`.
    pub async fn invoke_settings(&self, function: &FunctionRef) -> Result<InvokeSettings, ReconcileError> {
        let request = self.lambda.get_function_event_invoke_config().function_name(&function.arn).set_qualifier(function.qualifier.clone());
        let answer = ignore_not_found(send!(self, lambda, GetFunctionEventInvokeConfig, request))?;
        let Some(config) = answer else { return Ok(InvokeSettings::default()) };
        let destinations = config.destination_config.unwrap_or_else(|| DestinationConfig::builder().build());
        Ok(InvokeSettings {
            on_failure: non_empty(destinations.on_failure.and_then(|failure| failure.destination)),
            on_success: non_empty(destinations.on_success.and_then(|success| success.destination)),
            maximum_event_age_seconds: config.maximum_event_age_in_seconds,
            maximum_retry_attempts: config.maximum_retry_attempts,
        })
    }

    /// Applies one step to Lambda.
    ///
    /// # Errors
    /// Those of the call, with the next step for the user.
    pub async fn apply_lambda(&self, step: &LambdaStep) -> Result<(), ReconcileError> {
        match step {
            LambdaStep::AddPermission { function, sid, source } => {
                self.shared.caches.policies.write(&function.to_string(), self.add_permission(function, sid, source)).await
            }
            LambdaStep::RemovePermission { function, sid } => {
                self.shared.caches.policies.write(&function.to_string(), self.remove_permission(function, sid)).await
            }
            LambdaStep::PutFunctionEventInvokeConfig { function, settings } => self.put_invoke_settings(function, settings).await,
            LambdaStep::DeleteFunctionEventInvokeConfig { function } => self.delete_invoke_settings(function).await,
            LambdaStep::InvokeFunction(letter) => self.invoke_with_letter(letter).await,
        }
    }

    /// Hands a dead letter to the function asynchronously, as `EventBridge` does.
    async fn invoke_with_letter(&self, letter: &Redelivery) -> Result<(), ReconcileError> {
        let function = FunctionRef::from_arn(&letter.target_arn);
        let request = self
            .lambda
            .invoke()
            .function_name(function.arn)
            .set_qualifier(function.qualifier)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(letter.payload.expose()));
        send!(self, lambda, InvokeFunction, request).map_err(not_sent)?;
        Ok(())
    }

    async fn add_permission(&self, function: &FunctionRef, sid: &str, source: &str) -> Result<(), ReconcileError> {
        let (statements, revision) = self.policy_and_revision(function).await?.unwrap_or_default();
        // The reply to an earlier write was lost. AWS would refuse the statement that exists (docs/aws-facts.md, L7).
        if our_statement(&statements, sid).is_some_and(|s| single_source(s, "ArnLike", "AWS:SourceArn").contains(source)) {
            return Ok(());
        }
        let request = self
            .lambda
            .add_permission()
            .function_name(&function.arn)
            .set_qualifier(function.qualifier.clone())
            .statement_id(sid)
            .action("lambda:InvokeFunction")
            .principal("events.amazonaws.com")
            .source_arn(source)
            .set_revision_id(revision);
        send!(self, lambda, AddPermission, request).map(drop).map_err(ReconcileError::from)
    }

    async fn remove_permission(&self, function: &FunctionRef, sid: &str) -> Result<(), ReconcileError> {
        let request =
            self.lambda.remove_permission().function_name(&function.arn).set_qualifier(function.qualifier.clone()).statement_id(sid);
        ignore_not_found(send!(self, lambda, RemovePermission, request))?;
        Ok(())
    }

    async fn delete_invoke_settings(&self, function: &FunctionRef) -> Result<(), ReconcileError> {
        let request =
            self.lambda.delete_function_event_invoke_config().function_name(&function.arn).set_qualifier(function.qualifier.clone());
        ignore_not_found(send!(self, lambda, DeleteFunctionEventInvokeConfig, request))?;
        Ok(())
    }

    async fn put_invoke_settings(&self, function: &FunctionRef, settings: &InvokeSettings) -> Result<(), ReconcileError> {
        let destinations = DestinationConfig::builder()
            .set_on_failure(settings.on_failure.as_ref().map(|arn| OnFailure::builder().destination(arn).build()))
            .set_on_success(settings.on_success.as_ref().map(|arn| OnSuccess::builder().destination(arn).build()))
            .build();
        let request = self
            .lambda
            .put_function_event_invoke_config()
            .function_name(&function.arn)
            .set_qualifier(function.qualifier.clone())
            .destination_config(destinations)
            .set_maximum_event_age_in_seconds(settings.maximum_event_age_seconds)
            .set_maximum_retry_attempts(settings.maximum_retry_attempts);
        send!(self, lambda, PutFunctionEventInvokeConfig, request).map(drop).map_err(ReconcileError::from)
    }
}
