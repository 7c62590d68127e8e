//! Triggers of a managed queue: event source mappings, with which Lambda consumes it.
//!
//! AWS assigns a UUID to each mapping. A queue and a function have at most one (Lambda API
//! reference, `CreateEventSourceMapping`: `ResourceConflictException`), so the pair identifies it.
//! Its tags identify the owner.

mod filters;
mod resolve;
mod rights;

use serde::Serialize;

use tributary_api::Tags;

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    ownership,
    plan::PlanContext,
    steps::{FunctionRef, MappingSettings, Step, TriggerStep},
};

pub(crate) use resolve::resolve;
pub(crate) use rights::{FEATURE, FUNCTIONS};

/// Desired state of an event source mapping.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DesiredTrigger {
    /// The function that consumes the queue.
    pub function: FunctionRef,
    /// Settings of the mapping.
    pub settings: MappingSettings,
    /// Tags of the mapping.
    pub tags: Tags,
}

/// An event source mapping, as AWS returns it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObservedTrigger {
    /// UUID of the mapping.
    pub uuid: String,
    /// ARN of the mapping.
    pub arn: String,
    /// The function that consumes the queue.
    pub function: FunctionRef,
    /// State: `Creating`, `Enabling`, `Enabled`, `Disabling`, `Disabled`, `Updating` or `Deleting`.
    pub state: String,
    /// Settings of the mapping.
    pub settings: MappingSettings,
    /// Why Lambda cannot decrypt the filters, which are then missing in `settings`.
    pub filters_error: Option<String>,
    /// Tags. Read at [`crate::plan::Depth::Owner`] and deeper.
    pub tags: Option<Tags>,
}

impl ObservedTrigger {
    /// Returns whether AWS is still applying a change. It rejects further changes until then.
    fn busy(&self) -> bool {
        !matches!(self.state.as_str(), "Enabled" | "Disabled")
    }

    /// Returns whether the mapping has these settings. Filters that cannot be read are not compared.
    fn has(&self, wanted: &MappingSettings) -> bool {
        if self.filters_error.is_none() {
            return self.settings == *wanted;
        }
        self.settings == MappingSettings { filters: self.settings.filters.clone(), ..wanted.clone() }
    }
}

/// Returns the steps from the observed to the desired triggers of a queue.
///
/// # Errors
/// An event source mapping has another owner.
pub fn plan(
    queue_arn: &str,
    want: &[DesiredTrigger],
    have: &[ObservedTrigger],
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let mut steps = Vec::new();
    for trigger in want {
        let function = trigger.function.clone();
        let present = have.iter().find(|present| present.function == function && present.state != "Deleting");
        let Some(present) = present else {
            // Wait until AWS has deleted the previous mapping.
            if !have.iter().any(|present| present.function == function) {
                let (queue_arn, settings, tags) = (queue_arn.to_owned(), trigger.settings.clone(), trigger.tags.clone());
                steps.push(TriggerStep::CreateEventSourceMapping { queue_arn, function, settings, tags }.into());
            }
            continue;
        };
        if let Some(tags) = &present.tags {
            ownership::check(&format!("the event source mapping {} of function {function}", present.uuid), tags, context)?;
            let (set, _) = ownership::tag_changes(&trigger.tags, tags, context);
            if !set.is_empty() {
                steps.push(TriggerStep::TagEventSourceMapping { arn: present.arn.clone(), tags: set }.into());
            }
        }
        if !present.has(&trigger.settings) && !present.busy() {
            let settings = trigger.settings.clone();
            steps.push(TriggerStep::UpdateEventSourceMapping { uuid: present.uuid.clone(), function, settings }.into());
        }
    }
    // Only mappings with the operator's tag are deleted. Tags are read before any write.
    let stale = have.iter().filter(|present| present.state != "Deleting" && !want.iter().any(|t| t.function == present.function));
    for present in stale.filter(|present| present.tags.as_ref().is_none_or(|tags| ownership::is_ours(tags, context))) {
        steps.push(TriggerStep::DeleteEventSourceMapping { uuid: present.uuid.clone(), function: present.function.clone() }.into());
    }
    Ok(steps)
}

/// Returns which trigger is not in effect yet: AWS creates and changes mappings asynchronously.
pub fn waiting(want: &[DesiredTrigger], have: &[ObservedTrigger]) -> Option<ReconcileError> {
    want.iter().find_map(|trigger| {
        let present = have.iter().find(|present| present.function == trigger.function);
        let state = present.map_or("Creating", |present| present.state.as_str());
        let as_wanted = present.is_some_and(|present| present.has(&trigger.settings));
        if let Some(error) = present.and_then(|present| present.filters_error.as_ref()).filter(|_| as_wanted) {
            return Some(undecryptable(&trigger.function, error));
        }
        (state != "Enabled" || !as_wanted).then(|| {
            ReconcileError::new(
                RetryClass::Polled,
                Reason::Applying,
                format!(
                    "spec.sqs.triggers: event source mapping to function {} is {state}. AWS takes some seconds to apply the change.",
                    trigger.function
                ),
            )
        })
    })
}

/// Returns CloudFormation type and ARN of each mapping.
pub fn resources(want: &[DesiredTrigger], have: &[ObservedTrigger]) -> impl Iterator<Item = (&'static str, String)> {
    want.iter().filter_map(|trigger| {
        let present = have.iter().find(|present| present.function == trigger.function)?;
        Some(("AWS::Lambda::EventSourceMapping", present.arn.clone()))
    })
}

/// Lambda cannot use the key of the filters, and sends nothing to the function.
fn undecryptable(function: &FunctionRef, error: &str) -> ReconcileError {
    let text = format!(
        "spec.sqs.triggers: Lambda cannot decrypt filterCriteria of function {function}: {error}. Check that the key of kmsKeyArn \
         is enabled and that its policy allows kms:Decrypt to Lambda and to the operator's role, or remove kmsKeyArn."
    );
    ReconcileError::new(RetryClass::Refused, Reason::Rejected, text)
}
