//! Destination `batchJob`: an AWS Batch job that is submitted for each event.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::existing::existing;

/// AWS Batch job that is submitted for each event. `Parameters` in the event that the rule sends,
/// such as with `inputTransformer`, replace the parameters of the job definition.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BatchJobSink {
    /// Existing job queue.
    pub existing: ExistingJobQueue,
    /// ARN of the job definition. Without a revision, AWS Batch uses the latest active one.
    /// `spec.grants[].arns` of the `AwsAccount` must allow it. Maximum 256 characters.
    #[schemars(length(max = 256), regex(pattern = r"^arn:aws[a-z-]*:batch:[a-z0-9-]+:[0-9]{12}:job-definition/[A-Za-z0-9_-]+(:[0-9]+)?$"))]
    pub job_definition_arn: String,
    /// Name of the jobs. Letters, digits, hyphens and underscores. Maximum 128 characters.
    #[schemars(length(max = 128), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"))]
    pub job_name: String,
    /// Number of child jobs of an array job, 2 to 10000. Defaults to a job that is no array job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 10000))]
    pub array_size: Option<i32>,
    /// Number of times that AWS Batch attempts a job, 1 to 10. Defaults to the retry strategy of
    /// the job definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10))]
    pub attempts: Option<i32>,
}

existing!(
    ExistingJobQueue,
    /// Existing AWS Batch job queue.
    ,
    256,
    JOB_QUEUE = r"^arn:aws[a-z-]*:batch:[a-z0-9-]+:[0-9]{12}:job-queue/[A-Za-z0-9_-]+$"
);
