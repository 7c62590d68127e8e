//! Job queues and job definitions of AWS Batch, which the operator only reads, and parameters of a target that is a queue.

use aws_sdk_eventbridge::types as sdk;

use tributary_core::{delivery::TargetFacts, error::ReconcileError, steps::BatchSettings};

use crate::client::{
    request::{non_empty, send, unbuilt},
    session::Session,
    target::TargetParameters,
};

pub(crate) const TARGET_PARAMETERS: TargetParameters = TargetParameters {
    write: |target, request| Ok(request.set_batch_parameters(target.batch.as_ref().map(sdk_batch).transpose()?)),
    read: |target, settings| settings.batch = target.batch_parameters.take().map(observed_batch),
};

impl Session {
    /// Returns what delivery depends on of a job queue or a job definition; `None` if it does not exist or is inactive.
    pub(crate) async fn batch_facts(&self, arn: &str, resource: &str) -> Result<Option<TargetFacts>, ReconcileError> {
        let active = if let Some(("job-definition", name)) = resource.split_once('/') {
            self.is_job_definition(name).await?
        } else {
            let answer = send!(self, batch, DescribeJobQueues, self.batch.describe_job_queues().job_queues(arn))?;
            !answer.job_queues.unwrap_or_default().is_empty()
        };
        Ok(active.then(TargetFacts::default))
    }

    /// `name` is that of the definition, for its newest active revision, or name and revision.
    async fn is_job_definition(&self, name: &str) -> Result<bool, ReconcileError> {
        let (name, revision) = name.split_once(':').unwrap_or((name, ""));
        let mut next = None;
        loop {
            let request = self.batch.describe_job_definitions().job_definition_name(name).status("ACTIVE").set_next_token(next);
            let page = send!(self, batch, DescribeJobDefinitions, request)?;
            let found = page.job_definitions.unwrap_or_default();
            if found.iter().any(|found| revision.is_empty() || found.revision.is_some_and(|of| of.to_string() == revision)) {
                return Ok(true);
            }
            next = non_empty(page.next_token);
            if next.is_none() {
                return Ok(false);
            }
        }
    }
}

fn sdk_batch(batch: &BatchSettings) -> Result<sdk::BatchParameters, ReconcileError> {
    sdk::BatchParameters::builder()
        .job_definition(&batch.definition_arn)
        .job_name(&batch.name)
        .set_array_properties(batch.array_size.map(|size| sdk::BatchArrayProperties::builder().size(size).build()))
        .set_retry_strategy(batch.attempts.map(|attempts| sdk::BatchRetryStrategy::builder().attempts(attempts).build()))
        .build()
        .map_err(unbuilt)
}

/// The SDK has 0 for a number that AWS does not return.
fn observed_batch(batch: sdk::BatchParameters) -> BatchSettings {
    BatchSettings {
        definition_arn: batch.job_definition,
        name: batch.job_name,
        array_size: batch.array_properties.map(|array| array.size).filter(|size| *size != 0),
        attempts: batch.retry_strategy.map(|retry| retry.attempts).filter(|attempts| *attempts != 0),
    }
}
