//! Triggers of a managed queue: event source mappings, by which Lambda consumes it.
//!
//! AWS names a mapping by a UUID of its own; for one queue and one function there is at most one (Lambda API reference,
//! `CreateEventSourceMapping`: `ResourceConflictException`), so the pair tells which it is, and its tags whose.

use serde::Serialize;

use tributary_api::{Tags, Trigger};

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    ownership,
    plan::PlanContext,
    steps::{FunctionRef, LambdaStep, MappingSettings, Step},
};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DesiredTrigger {
    pub function: FunctionRef,
    pub settings: MappingSettings,
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ObservedTrigger {
    pub uuid: String,
    pub arn: String,
    pub function: FunctionRef,
    /// AWS's word: `Creating`, `Enabling`, `Enabled`, `Disabling`, `Disabled`, `Updating` or `Deleting`.
    pub state: String,
    pub settings: MappingSettings,
    /// Read from [`crate::plan::Depth::Owner`] on.
    pub tags: Option<Tags>,
}

impl ObservedTrigger {
    /// AWS takes no change until it is through with the last one.
    fn busy(&self) -> bool {
        !matches!(self.state.as_str(), "Enabled" | "Disabled")
    }
}

pub fn desired(trigger: &Trigger, tags: &Tags) -> DesiredTrigger {
    DesiredTrigger {
        function: FunctionRef::from_arn(&trigger.function_arn),
        settings: MappingSettings {
            batch_size: trigger.batch_size.unwrap_or(10),
            maximum_batching_window_seconds: trigger.maximum_batching_window_seconds.unwrap_or(0),
            maximum_concurrency: trigger.maximum_concurrency,
            report_batch_item_failures: trigger.report_batch_item_failures,
            enabled: true,
        },
        tags: tags.clone(),
    }
}

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
            // One that is being deleted has to be gone first.
            if !have.iter().any(|present| present.function == function) {
                let (queue_arn, settings, tags) = (queue_arn.to_owned(), trigger.settings.clone(), trigger.tags.clone());
                steps.push(LambdaStep::CreateEventSourceMapping { queue_arn, function, settings, tags }.into());
            }
            continue;
        };
        if let Some(tags) = &present.tags {
            ownership::check(&format!("the event source mapping {} of function {function}", present.uuid), tags, context)?;
            let (set, _) = ownership::tag_changes(&trigger.tags, tags, context);
            if !set.is_empty() {
                steps.push(LambdaStep::TagEventSourceMapping { arn: present.arn.clone(), tags: set }.into());
            }
        }
        if present.settings != trigger.settings && !present.busy() {
            let settings = trigger.settings.clone();
            steps.push(LambdaStep::UpdateEventSourceMapping { uuid: present.uuid.clone(), function, settings }.into());
        }
    }
    // Only what bears our tag is ever deleted; tags are read before any write.
    let stale = have.iter().filter(|present| present.state != "Deleting" && !want.iter().any(|t| t.function == present.function));
    for present in stale.filter(|present| present.tags.as_ref().is_none_or(|tags| ownership::is_ours(tags, context))) {
        steps.push(LambdaStep::DeleteEventSourceMapping { uuid: present.uuid.clone(), function: present.function.clone() }.into());
    }
    Ok(steps)
}

/// What is still on its way: AWS makes and changes mappings behind its own answer.
pub fn waiting(want: &[DesiredTrigger], have: &[ObservedTrigger]) -> Option<ReconcileError> {
    want.iter().find_map(|trigger| {
        let present = have.iter().find(|present| present.function == trigger.function);
        let state = present.map_or("Creating", |present| present.state.as_str());
        let as_wanted = present.is_some_and(|present| present.settings == trigger.settings);
        (state != "Enabled" || !as_wanted).then(|| {
            ReconcileError::new(
                RetryClass::Polled,
                Reason::Applying,
                format!(
                    "spec.sqs.triggers: AWS says {state} of the event source mapping to function {}; it takes some seconds",
                    trigger.function
                ),
            )
        })
    })
}
