//! Destinations that EventBridge reaches through a role only, and the role that the operator makes for it.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ExistingBus, ExistingDeliveryStream, ExistingStream, ExistingTarget};

/// The role that the operator makes for EventBridge to deliver with: trusted for the rules that send here and for no others, with the one
/// right that delivery needs.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.path) == has(oldSelf.path) && (!has(self.path) || self.path == oldSelf.path)").message("path is immutable"))]
#[serde(rename_all = "camelCase")]
pub struct InvocationRole {
    /// Path of the role in IAM; left out: `/tributary/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), regex(pattern = r"^/([A-Za-z0-9_+=,.@-]+/)*$"))]
    pub path: Option<String>,
    /// ARN of the managed policy that bounds what the role may do. Must be allowed by a grant of the `AwsAccount` (`arns`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 320), regex(pattern = r"^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+$"))]
    pub permissions_boundary_arn: Option<String>,
}

/// Another event bus: of the same account, of another account, or of another Region.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventBusSink {
    pub existing: ExistingBus,
}

/// A stream of Amazon Kinesis Data Streams.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct KinesisSink {
    pub existing: ExistingStream,
    /// JSON path of the partition key, such as `$.detail.id`; left out: the event's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^\$"))]
    pub partition_key_path: Option<String>,
}

/// A delivery stream of Amazon Data Firehose.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirehoseSink {
    pub existing: ExistingDeliveryStream,
}

/// A task of Amazon ECS that is started for each event.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("!has(self.launchType) || self.launchType != 'FARGATE' || has(self.network)").message("launchType FARGATE needs network.subnets"))]
#[serde(rename_all = "camelCase")]
pub struct EcsTaskSink {
    /// The cluster. Must be allowed by a grant of the `AwsAccount`.
    #[schemars(length(max = 320), regex(pattern = r"^arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:cluster/[A-Za-z0-9_-]+$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("clusterArn is immutable: make another EventSink"))]
    pub cluster_arn: String,
    /// With its revision, or without for the latest active one. Must be allowed by a grant of the `AwsAccount`.
    #[schemars(length(max = 400), regex(pattern = r"^arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:task-definition/[A-Za-z0-9_-]+(:[0-9]+)?$"))]
    pub task_definition_arn: String,
    /// The task definition's task role and execution role, which the invocation role hands to ECS. Must be allowed by a grant of the
    /// `AwsAccount` (`roles`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    pub pass_role_arns: Vec<String>,
    /// Left out: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10))]
    pub task_count: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_type: Option<LaunchType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<TaskNetwork>,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum LaunchType {
    Ec2,
    Fargate,
    External,
}

/// For task definitions of network mode `awsvpc`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskNetwork {
    #[schemars(length(min = 1, max = 16))]
    pub subnets: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub security_groups: Vec<String>,
    #[serde(default)]
    pub assign_public_ip: bool,
}

/// Any other target of EventBridge that takes a role.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArnSink {
    pub existing: ExistingTarget,
    /// What the invocation role may do with the target, such as `batch:SubmitJob`. Not needed with `roleArn`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), inner(length(max = 128), regex(pattern = r"^[a-z0-9-]+:[A-Z][A-Za-z0-9]+$")))]
    pub actions: Vec<String>,
}
