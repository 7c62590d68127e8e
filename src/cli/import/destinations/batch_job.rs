//! Jobs of AWS Batch.

use serde_json::{Value, json};
use tributary_api::{BatchJobSink, EventSinkSpec, ExistingJobQueue};
use tributary_core::{
    names::{Arn, Scope},
    steps::{BatchSettings, TargetSettings},
};

use super::{Parameters, Reference, ResourceType, Type, only};
use crate::cli::import::values::{number, renamed, text};

pub(super) const TYPE: Type = Type {
    existing,
    parameters: Some(Parameters { name: "BatchParameters", read: parameters, block: "batch_target", of_block }),
    policies: &[],
    resource: Some(ResourceType {
        type_: "AWS::Batch::JobQueue",
        name: "JobQueueName",
        terraform: ("aws_batch_job_queue", &[("name", "JobQueueName")]),
        reference: Reference::Arn,
        arn: |scope: Scope<'_>, name: &str| Some(scope.arn("batch", &format!("job-queue/{name}"))),
        sam: None,
        managed: None,
    }),
};

fn existing(target: &TargetSettings, arn: &Arn<'_>) -> Option<Result<EventSinkSpec, String>> {
    (arn.service == "batch").then(|| {
        only(target, TargetSettings { batch: target.batch.clone(), ..TargetSettings::default() })?;
        let job = target.batch.clone().ok_or("the target has no BatchParameters")?;
        let batch = BatchJobSink {
            existing: ExistingJobQueue { arn: Some(target.arn.clone()), arn_from: None },
            job_definition_arn: job.definition_arn,
            job_name: job.name,
            array_size: job.array_size,
            attempts: job.attempts,
        };
        Ok(EventSinkSpec { batch_job: Some(Box::new(batch)), ..EventSinkSpec::default() })
    })
}

fn parameters(parameters: &Value, target: &mut TargetSettings) -> Result<(), String> {
    let inner = |name: &str, field: &str| parameters.get(name).and_then(|value| number(value, field));
    target.batch = Some(BatchSettings {
        definition_arn: text(parameters, "JobDefinition").ok_or("BatchParameters has no JobDefinition")?,
        name: text(parameters, "JobName").ok_or("BatchParameters has no JobName")?,
        array_size: inner("ArrayProperties", "Size"),
        attempts: inner("RetryStrategy", "Attempts"),
    });
    Ok(())
}

fn of_block(block: &Value) -> Value {
    let mut parameters = renamed(block, &[("job_definition", "JobDefinition"), ("job_name", "JobName")]);
    for (from, to, field) in [("array_size", "ArrayProperties", "Size"), ("job_attempts", "RetryStrategy", "Attempts")] {
        if let Some(number) = number(block, from).filter(|number| *number != 0) {
            parameters[to] = json!({field: number});
        }
    }
    parameters
}
