//! Adapter of Lambda's permissions and asynchronous settings: reads into `Observed...`, one call per step. A policy has a revision
//! (docs/aws-facts.md, L5, L14), so a write of somebody else in between is noticed.

use aws_sdk_lambda::types::{DestinationConfig, OnFailure, OnSuccess};
use serde_json::Value;

use tributary_core::{
    error::ReconcileError,
    policy_document::{our_statement, single_source, statements_of},
    steps::{FunctionRef, InvokeSettings, LambdaStep},
};

use crate::{AwsError, Session};

/// Sends one request at this session's pace.
macro_rules! send {
    ($self:expr, $call:literal, $request:expr) => {{
        let request = $request;
        $self.call(&$self.shared.lambda, $call, $self.priority, || Box::pin(request.clone().send())).await
    }};
}
pub(crate) use send;

impl Session {
    /// Statements of the function's policy; `None`: there is no such function, version or alias.
    pub async fn function_policy(&self, function: &FunctionRef) -> Result<Option<Vec<Value>>, ReconcileError> {
        if let Some((statements, _)) = self.policy_and_revision(function).await? {
            return Ok(Some(statements));
        }
        // AWS gives the same answer for no policy and for no function (docs/aws-facts.md, L6).
        let request = self.lambda.get_function_configuration().function_name(&function.arn).set_qualifier(function.qualifier.clone());
        match send!(self, "lambda:GetFunctionConfiguration", request) {
            Err(error) if error.is_not_found() => Ok(None),
            answer => answer.map(|_| Some(vec![])).map_err(ReconcileError::from),
        }
    }

    async fn policy_and_revision(&self, function: &FunctionRef) -> Result<Option<(Vec<Value>, Option<String>)>, ReconcileError> {
        let request = self.lambda.get_policy().function_name(&function.arn).set_qualifier(function.qualifier.clone());
        match send!(self, "lambda:GetPolicy", request) {
            Err(error) if error.is_not_found() => Ok(None),
            answer => answer
                .map(|answer| Some((statements_of(&answer.policy.unwrap_or_default()), answer.revision_id)))
                .map_err(ReconcileError::from),
        }
    }

    /// What asynchronous invocations are set to; all empty where nobody has set anything.
    pub async fn invoke_settings(&self, function: &FunctionRef) -> Result<InvokeSettings, ReconcileError> {
        let request = self.lambda.get_function_event_invoke_config().function_name(&function.arn).set_qualifier(function.qualifier.clone());
        let config = match send!(self, "lambda:GetFunctionEventInvokeConfig", request) {
            Err(error) if error.is_not_found() => return Ok(InvokeSettings::default()),
            answer => answer?,
        };
        let (on_failure, on_success) = config.destination_config.map(|d| (d.on_failure, d.on_success)).unwrap_or_default();
        Ok(InvokeSettings {
            on_failure: on_failure.and_then(|d| d.destination).filter(|arn| !arn.is_empty()),
            on_success: on_success.and_then(|d| d.destination).filter(|arn| !arn.is_empty()),
            maximum_event_age_seconds: config.maximum_event_age_in_seconds,
            maximum_retry_attempts: config.maximum_retry_attempts,
        })
    }

    /// The only writes to Lambda.
    pub async fn apply_lambda(&self, step: &LambdaStep) -> Result<(), ReconcileError> {
        match step {
            LambdaStep::AddPermission { function, sid, source } => {
                self.shared.policies.write(&function.to_string(), self.add_permission(function, sid, source)).await
            }
            LambdaStep::RemovePermission { function, sid } => {
                self.shared.policies.write(&function.to_string(), self.remove_permission(function, sid)).await
            }
            LambdaStep::PutFunctionEventInvokeConfig { function, settings } => self.put_invoke_settings(function, settings).await,
            LambdaStep::DeleteFunctionEventInvokeConfig { function } => {
                let request = self
                    .lambda
                    .delete_function_event_invoke_config()
                    .function_name(&function.arn)
                    .set_qualifier(function.qualifier.clone());
                ignore_not_found(send!(self, "lambda:DeleteFunctionEventInvokeConfig", request))
            }
            LambdaStep::CreateEventSourceMapping { queue_arn, function, settings, tags } => {
                self.create_mapping(queue_arn, function, settings, tags).await
            }
            LambdaStep::UpdateEventSourceMapping { uuid, settings, .. } => self.update_mapping(uuid, settings).await,
            LambdaStep::DeleteEventSourceMapping { uuid, .. } => self.delete_mapping(uuid).await,
            LambdaStep::TagEventSourceMapping { arn, tags } => {
                let request = self.lambda.tag_resource().resource(arn).set_tags(Some(tags.clone().into_iter().collect()));
                send!(self, "lambda:TagResource", request).map(drop).map_err(ReconcileError::from)
            }
        }
    }

    async fn add_permission(&self, function: &FunctionRef, sid: &str, source: &str) -> Result<(), ReconcileError> {
        let (statements, revision) = self.policy_and_revision(function).await?.unwrap_or_default();
        // A lost reply: it is there already, and AWS would refuse it (docs/aws-facts.md, L7).
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
        send!(self, "lambda:AddPermission", request).map(drop).map_err(ReconcileError::from)
    }

    async fn remove_permission(&self, function: &FunctionRef, sid: &str) -> Result<(), ReconcileError> {
        let request =
            self.lambda.remove_permission().function_name(&function.arn).set_qualifier(function.qualifier.clone()).statement_id(sid);
        ignore_not_found(send!(self, "lambda:RemovePermission", request))
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
        send!(self, "lambda:PutFunctionEventInvokeConfig", request).map(drop).map_err(ReconcileError::from)
    }
}

pub(crate) fn ignore_not_found<T>(answer: Result<T, AwsError>) -> Result<(), ReconcileError> {
    match answer {
        Err(error) if error.is_not_found() => Ok(()),
        answer => answer.map(drop).map_err(ReconcileError::from),
    }
}
