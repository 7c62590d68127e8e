//! Event source mappings of Lambda. AWS answers before it has applied a change; the state shows the progress.

use aws_sdk_lambda::types::{
    EventSourceMappingConfiguration, Filter, FilterCriteria, FilterCriteriaError, FunctionResponseType, ScalingConfig,
};

use serde_json::Value;

use tributary_api::Tags;
use tributary_core::{
    destinations::triggers::ObservedTrigger,
    error::{Reason, ReconcileError, RetryClass},
    steps::{FunctionRef, MappingSettings, TriggerStep},
};

use crate::{
    client::{
        call::{Call, Lambda},
        hints::Hint,
        request::{ignore_not_found, non_empty, parsed, send, tag_map},
        session::Session,
    },
    lambda::EXECUTION_ROLE,
    read::TagRead,
};

/// What to do about a queue whose visibility timeout is too short for the function that consumes it.
const VISIBILITY: &str = "Raise spec.sqs.managed.visibilityTimeoutSeconds to at least the function's timeout; six times that is best";
const MAPPING: &[Call] = &[Call::Lambda(Lambda::CreateEventSourceMapping), Call::Lambda(Lambda::UpdateEventSourceMapping)];

pub(crate) const HINTS: &[Hint] = &[
    Hint { calls: MAPPING, code: "InvalidParameterValueException", message: "execution role", next_step: EXECUTION_ROLE },
    Hint { calls: MAPPING, code: "InvalidParameterValueException", message: "visibility timeout", next_step: VISIBILITY },
];

impl Session {
    /// Returns all mappings that consume this queue, including those of others.
    ///
    /// # Errors
    /// Those of `ListEventSourceMappings`, `GetEventSourceMapping` and `ListTags`.
    pub async fn mappings(&self, queue_arn: &str, tags: TagRead) -> Result<Vec<ObservedTrigger>, ReconcileError> {
        let mut mappings = Vec::new();
        let mut marker = None;
        loop {
            let request = self.lambda.list_event_source_mappings().event_source_arn(queue_arn).set_marker(marker);
            let page = send!(self, lambda, ListEventSourceMappings, request)?;
            mappings.extend(page.event_source_mappings.unwrap_or_default().into_iter().map(observed));
            marker = non_empty(page.next_marker);
            if marker.is_none() {
                break;
            }
        }
        for mapping in mappings.iter_mut().filter(|mapping| mapping.settings.kms_key_arn.is_some()) {
            self.read_encrypted_filters(mapping).await?;
        }
        if tags == TagRead::Read {
            for mapping in &mut mappings {
                let request = self.lambda.list_tags().resource(&mapping.arn);
                let answer = ignore_not_found(send!(self, lambda, ListTags, request))?;
                mapping.tags = Some(answer.and_then(|answer| answer.tags).unwrap_or_default().into_iter().collect());
            }
        }
        Ok(mappings)
    }

    /// Reads filters that `ListEventSourceMappings` does not return, because a customer managed key encrypts them.
    async fn read_encrypted_filters(&self, mapping: &mut ObservedTrigger) -> Result<(), ReconcileError> {
        let request = self.lambda.get_event_source_mapping().uuid(&mapping.uuid);
        let Some(found) = ignore_not_found(send!(self, lambda, GetEventSourceMapping, request))? else { return Ok(()) };
        mapping.settings.filters = filters(found.filter_criteria);
        mapping.filters_error = found.filter_criteria_error.map(|error| refusal(&error));
        Ok(())
    }

    /// Applies one step to an event source mapping.
    ///
    /// # Errors
    /// Those of the call, with the next step for the user.
    pub async fn apply_trigger(&self, step: &TriggerStep) -> Result<(), ReconcileError> {
        match step {
            TriggerStep::CreateEventSourceMapping { queue_arn, function, settings, tags } => {
                self.create_mapping(queue_arn, function, settings, tags).await
            }
            TriggerStep::UpdateEventSourceMapping { uuid, settings, .. } => self.update_mapping(uuid, settings).await,
            TriggerStep::DeleteEventSourceMapping { uuid, .. } => self.delete_mapping(uuid).await,
            TriggerStep::TagEventSourceMapping { arn, tags } => {
                let request = self.lambda.tag_resource().resource(arn).set_tags(Some(tag_map(tags)));
                send!(self, lambda, TagResource, request).map(drop).map_err(ReconcileError::from)
            }
        }
    }

    /// Creates a mapping.
    ///
    /// # Errors
    /// `TargetNotFound` where the function does not exist; those of the call otherwise.
    async fn create_mapping(
        &self,
        queue_arn: &str,
        function: &FunctionRef,
        settings: &MappingSettings,
        tags: &Tags,
    ) -> Result<(), ReconcileError> {
        let request = self
            .lambda
            .create_event_source_mapping()
            .event_source_arn(queue_arn)
            .function_name(function.whole())
            .enabled(settings.enabled)
            .batch_size(settings.batch_size)
            .maximum_batching_window_in_seconds(settings.maximum_batching_window_seconds)
            .set_scaling_config(settings.maximum_concurrency.map(scaling))
            .set_function_response_types(settings.report_batch_item_failures.then(|| vec![FunctionResponseType::ReportBatchItemFailures]))
            .set_filter_criteria((!settings.filters.is_empty()).then(|| filter_criteria(&settings.filters)))
            .set_kms_key_arn(settings.kms_key_arn.clone())
            .set_tags(Some(tag_map(tags)));
        match send!(self, lambda, CreateEventSourceMapping, request) {
            Err(error) if error.is_not_found() => Err(ReconcileError::new(
                RetryClass::Refused,
                Reason::TargetNotFound,
                format!(
                    "spec.sqs.triggers: function {} not found: {}. Deploy it or correct the ARN; a version or an alias must exist too.",
                    function.whole(),
                    error.message
                ),
            )),
            answer => answer.map(drop).map_err(ReconcileError::from),
        }
    }

    async fn update_mapping(&self, uuid: &str, settings: &MappingSettings) -> Result<(), ReconcileError> {
        let request = self
            .lambda
            .update_event_source_mapping()
            .uuid(uuid)
            .enabled(settings.enabled)
            .batch_size(settings.batch_size)
            .maximum_batching_window_in_seconds(settings.maximum_batching_window_seconds)
            // AWS keeps what a request omits; empty values remove it.
            .scaling_config(settings.maximum_concurrency.map_or_else(|| ScalingConfig::builder().build(), scaling))
            .filter_criteria(filter_criteria(&settings.filters))
            .kms_key_arn(settings.kms_key_arn.clone().unwrap_or_default())
            .set_function_response_types(Some(if settings.report_batch_item_failures {
                vec![FunctionResponseType::ReportBatchItemFailures]
            } else {
                vec![]
            }));
        send!(self, lambda, UpdateEventSourceMapping, request).map(drop).map_err(ReconcileError::from)
    }

    async fn delete_mapping(&self, uuid: &str) -> Result<(), ReconcileError> {
        ignore_not_found(send!(self, lambda, DeleteEventSourceMapping, self.lambda.delete_event_source_mapping().uuid(uuid)))?;
        Ok(())
    }
}

fn scaling(maximum: i32) -> ScalingConfig {
    ScalingConfig::builder().maximum_concurrency(maximum).build()
}

fn filter_criteria(patterns: &[Value]) -> FilterCriteria {
    let filters = patterns.iter().map(|pattern| Filter::builder().pattern(pattern.to_string()).build()).collect();
    FilterCriteria::builder().set_filters(Some(filters)).build()
}

fn filters(criteria: Option<FilterCriteria>) -> Vec<Value> {
    let filters = criteria.and_then(|criteria| criteria.filters).unwrap_or_default();
    filters.into_iter().filter_map(|filter| Some(parsed(&filter.pattern?))).collect()
}

fn refusal(error: &FilterCriteriaError) -> String {
    format!(
        "{}: {}",
        error.error_code().unwrap_or("no error code"),
        error.message().unwrap_or("no reason given by AWS").trim_end_matches('.')
    )
}

fn observed(mapping: EventSourceMappingConfiguration) -> ObservedTrigger {
    let state = mapping.state.unwrap_or_default();
    ObservedTrigger {
        uuid: mapping.uuid.unwrap_or_default(),
        arn: mapping.event_source_mapping_arn.unwrap_or_default(),
        function: FunctionRef::from_arn(&mapping.function_arn.unwrap_or_default()),
        settings: MappingSettings {
            batch_size: mapping.batch_size.unwrap_or(10),
            maximum_batching_window_seconds: mapping.maximum_batching_window_in_seconds.unwrap_or(0),
            maximum_concurrency: mapping.scaling_config.and_then(|scaling| scaling.maximum_concurrency),
            report_batch_item_failures: mapping
                .function_response_types
                .is_some_and(|types| types.contains(&FunctionResponseType::ReportBatchItemFailures)),
            enabled: !matches!(state.as_str(), "Disabled" | "Disabling"),
            filters: filters(mapping.filter_criteria),
            kms_key_arn: non_empty(mapping.kms_key_arn),
        },
        state,
        filters_error: mapping.filter_criteria_error.map(|error| refusal(&error)),
        tags: None,
    }
}
