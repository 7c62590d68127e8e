//! The `ecsTask` destination of an `EventSink`. Further options of its tasks are in `ecs_options.rs`.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::EcsTaskOptions;

/// Amazon ECS task that is started for each event.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[x_kube(
    validation = Rule::new("!has(self.launchType) || self.launchType != 'FARGATE' || has(self.network)").message("spec.ecsTask.launchType FARGATE requires spec.ecsTask.network.subnets. Set network.subnets."),
    validation = Rule::new("!has(self.launchType) || !has(self.capacityProviderStrategy)").message("spec.ecsTask must not set both launchType and capacityProviderStrategy. Remove one of them."),
    validation = Rule::new("!has(self.placementConstraints) || self.placementConstraints.all(c, (c.type == 'memberOf') == has(c.expression))").message("spec.ecsTask.placementConstraints[].expression is required by type memberOf, and not supported by others.")
)]
#[serde(rename_all = "camelCase")]
pub struct EcsTaskSink {
    /// ARN of the cluster. Immutable. `spec.grants[].arns` of the `AwsAccount` must allow it.
    /// Maximum 320 characters.
    #[schemars(length(max = 320), regex(pattern = r"^arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:cluster/[A-Za-z0-9_-]+$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("spec.ecsTask.clusterArn is immutable. Delete and recreate the object."))]
    pub cluster_arn: String,
    /// ARN of the task definition. Without a revision, ECS uses the latest active one.
    /// `spec.grants[].arns` of the `AwsAccount` must allow it. Maximum 400 characters.
    #[schemars(length(max = 400), regex(pattern = r"^arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:task-definition/[A-Za-z0-9_-]+(:[0-9]+)?$"))]
    pub task_definition_arn: String,
    /// ARNs of the task role and the execution role in the task definition, which the invocation
    /// role passes to ECS. `spec.grants[].roles` of the `AwsAccount` must allow them. Defaults to
    /// none. Maximum 2 entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    pub pass_role_arns: Vec<String>,
    /// Number of tasks to start per event, 1 to 10. Defaults to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10))]
    pub task_count: Option<i32>,
    /// Launch type: `EC2`, `FARGATE`, or `EXTERNAL`. Defaults to the default capacity provider
    /// strategy of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_type: Option<LaunchType>,
    /// Further options of the tasks.
    #[serde(flatten)]
    pub options: EcsTaskOptions,
    /// Network configuration for task definitions with network mode `awsvpc`. Launch type `FARGATE`
    /// requires it. Defaults to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<TaskNetwork>,
}

/// Launch type of an ECS task.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
#[schemars(transform = crate::common::plain_enum)]
pub enum LaunchType {
    /// Amazon EC2 instances of the cluster.
    Ec2,
    /// AWS Fargate.
    Fargate,
    /// External instances (ECS Anywhere).
    External,
}

/// Network configuration of a task with network mode `awsvpc`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskNetwork {
    /// IDs of the subnets of the task. 1 to 16 entries.
    #[schemars(length(min = 1, max = 16))]
    pub subnets: Vec<String>,
    /// IDs of the security groups of the task. Defaults to the default security group of the VPC.
    /// Maximum 5 entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub security_groups: Vec<String>,
    /// Whether the task gets a public IP address. Supported only with launch type `FARGATE`.
    /// Defaults to `false`.
    #[serde(default)]
    pub assign_public_ip: bool,
}
