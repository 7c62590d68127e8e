//! The `batchJob` sink: an AWS Batch job that is submitted for each event.

use serde_json::{Value, json};

use tributary_api::{BatchJobSink, EventSink, Identity};

use crate::{
    destinations::{
        by_role::{self, DesiredByRole},
        contract::{Call, Destination},
        shared::context::{ResolveContext, in_scope},
    },
    error::ReconcileError,
    names::Arn,
    steps::{BatchSettings, TargetSettings},
};

/// The `batchJob` type.
pub(crate) struct BatchJob;

impl Destination for BatchJob {
    type Desired = DesiredByRole;

    const NAME: &'static str = "batchJob";
    const RESOURCE_TYPE: &'static str = "AWS::Batch::JobQueue";
    const ACTIONS: &'static [&'static str] = &["batch:SubmitJob"];
    const READS: &'static [&'static str] = &["batch:DescribeJobQueues", "batch:DescribeJobDefinitions"];

    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredByRole, ReconcileError> {
        if let Some(job) = &context.sink.spec.batch_job {
            let field = "spec.batchJob.jobDefinitionArn";
            context.permit_arn(field, &job.job_definition_arn)?;
            in_scope(field, &job.job_definition_arn, identity)?;
        }
        by_role::desired::<Self>(context, identity)
    }

    /// AWS evaluates `batch:SubmitJob` for the queue and for the job definition (Service Authorization Reference, "Actions, resources,
    /// and condition keys for AWS Batch").
    fn role_statements(sink: &EventSink, arn: &str) -> Vec<Value> {
        let definitions = sink.spec.batch_job.as_deref().into_iter().flat_map(definitions);
        let resources: Vec<_> = std::iter::once(arn.to_owned()).chain(definitions).collect();
        vec![json!({"Effect": "Allow", "Action": Self::ACTIONS, "Resource": resources})]
    }

    fn set_parameters(_: &str, sink: &EventSink, target: &mut TargetSettings) -> Result<(), ReconcileError> {
        target.batch = sink.spec.batch_job.as_deref().map(|job| BatchSettings {
            definition_arn: job.job_definition_arn.clone(),
            name: job.job_name.clone(),
            array_size: job.array_size,
            attempts: job.attempts,
        });
        Ok(())
    }

    fn is_target(arn: &Arn<'_>) -> bool {
        arn.service == "batch"
    }

    fn named(target: &TargetSettings) -> Option<&String> {
        target.batch.as_ref().map(|batch| &batch.definition_arn)
    }

    fn calls(target: &TargetSettings) -> Vec<Call> {
        let definition = target.batch.iter().map(|batch| batch.definition_arn.clone());
        std::iter::once(target.arn.clone()).chain(definition).map(|resource| ("batch:SubmitJob", vec![resource])).collect()
    }
}

/// Returns the job definition, in any revision where the ARN has none.
fn definitions(job: &BatchJobSink) -> Vec<String> {
    let definition = &job.job_definition_arn;
    let has_revision = definition.rsplit('/').next().is_some_and(|name| name.contains(':'));
    if has_revision { vec![definition.clone()] } else { vec![definition.clone(), format!("{definition}:*")] }
}

#[cfg(test)]
mod tests {
    use tributary_api::EventSinkSpec;

    use super::*;

    const QUEUE: &str = "arn:aws:batch:eu-west-1:111122223333:job-queue/high";
    const DEFINITION: &str = "arn:aws:batch:eu-west-1:111122223333:job-definition/align";

    fn sink(definition: &str) -> EventSink {
        let job = BatchJobSink { job_definition_arn: definition.into(), job_name: "align".into(), ..BatchJobSink::default() };
        EventSink::new("s", EventSinkSpec { batch_job: Some(Box::new(job)), ..EventSinkSpec::default() })
    }

    #[test]
    fn the_role_may_submit_this_definition_to_this_queue_only() {
        let resources = |definition: &str| BatchJob::role_statements(&sink(definition), QUEUE)[0]["Resource"].clone();
        assert_eq!(resources(DEFINITION), json!([QUEUE, DEFINITION, format!("{DEFINITION}:*")]));
        assert_eq!(resources(&format!("{DEFINITION}:3")), json!([QUEUE, format!("{DEFINITION}:3")]));
    }

    #[test]
    fn a_delivery_needs_queue_and_definition() -> Result<(), ReconcileError> {
        let mut target = TargetSettings { arn: QUEUE.into(), ..TargetSettings::default() };
        assert_eq!(BatchJob::calls(&target), [("batch:SubmitJob", vec![QUEUE.to_owned()])]);
        BatchJob::set_parameters("spec", &sink(DEFINITION), &mut target)?;
        let calls = [QUEUE, DEFINITION].map(|arn| ("batch:SubmitJob", vec![arn.to_owned()]));
        assert_eq!(BatchJob::calls(&target), calls);
        Ok(())
    }
}
