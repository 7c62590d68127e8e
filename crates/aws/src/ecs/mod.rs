//! Clusters and task definitions of ECS, which the operator only reads, and parameters of a target that is a cluster.

mod task;

use aws_sdk_ecs::types::TaskDefinitionStatus;

use tributary_core::{delivery::TargetFacts, error::ReconcileError};

use crate::client::{request::send, session::Session};

pub(crate) use task::TARGET_PARAMETERS;

impl Session {
    /// Returns what delivery depends on of a cluster or a task definition; `None` if it does not exist or is inactive.
    pub(crate) async fn ecs_facts(&self, resource: &str) -> Result<Option<TargetFacts>, ReconcileError> {
        let (kind, name) = resource.split_once('/').unwrap_or_default();
        let active = if kind == "task-definition" { self.is_task_definition(name).await? } else { self.is_cluster(name).await? };
        Ok(active.then(TargetFacts::default))
    }

    /// A deleted cluster is returned as inactive for a while.
    async fn is_cluster(&self, name: &str) -> Result<bool, ReconcileError> {
        let answer = send!(self, ecs, DescribeClusters, self.ecs.describe_clusters().clusters(name))?;
        Ok(answer.clusters.unwrap_or_default().iter().any(|cluster| cluster.status.as_deref() != Some("INACTIVE")))
    }

    /// `name` is the family, for its newest active revision, or family and revision.
    async fn is_task_definition(&self, name: &str) -> Result<bool, ReconcileError> {
        match send!(self, ecs, DescribeTaskDefinition, self.ecs.describe_task_definition().task_definition(name)) {
            Ok(answer) => Ok(answer.task_definition.is_some_and(|found| found.status != Some(TaskDefinitionStatus::Inactive))),
            // ECS has no other code for a task definition that does not exist (docs/aws-facts.md, PM40).
            Err(error) if error.code == "ClientException" => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
