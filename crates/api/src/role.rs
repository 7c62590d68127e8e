//! Destinations that EventBridge reaches with a role, and the options of the role that the operator
//! creates.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EcsTaskOptions, ExistingBus, ExistingTarget, HttpParameters, existing::existing};

/// IAM role that the operator creates for EventBridge to deliver events. Its trust policy allows
/// only rules that send to the sink; its permissions allow only the delivery.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvocationRole {
    /// IAM path of the role. Defaults to `/tributary/`. Immutable. Maximum 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), regex(pattern = r"^/([A-Za-z0-9_+=,.@-]+/)*$"))]
    pub path: Option<String>,
    /// ARN of the managed policy that is the permissions boundary of the role. `spec.grants[].arns`
    /// of the `AwsAccount` must allow it. Defaults to none. Maximum 320 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 320), regex(pattern = r"^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+$"))]
    pub permissions_boundary_arn: Option<String>,
}

/// Another event bus, in the same or another account or Region.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventBusSink {
    /// Existing event bus. The resource policy of a bus in another account must allow this account.
    pub existing: ExistingBus,
}

/// Amazon Kinesis data stream.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct KinesisSink {
    /// Existing data stream.
    pub existing: ExistingStream,
    /// JSON path of the partition key in the event, such as `$.detail.id`. Defaults to the ID of
    /// the event. Maximum 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^\$"))]
    pub partition_key_path: Option<String>,
}

/// Amazon Data Firehose stream.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirehoseSink {
    /// Existing Firehose stream.
    pub existing: ExistingDeliveryStream,
}

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
#[schemars(transform = super::common::plain_enum)]
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

/// Target of any type that EventBridge reaches with a role and that has no separate field in spec.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[x_kube(validation = Rule::new("!has(self.http) || !has(self.existing.arn) || self.existing.arn.contains(':execute-api:')").message("spec.arn.http is supported only for an ARN of execute-api. Remove http."))]
#[serde(rename_all = "camelCase")]
pub struct ArnSink {
    /// Existing target.
    pub existing: ExistingTarget,
    /// IAM actions that the invocation role allows on the target, such as `batch:SubmitJob`. Not
    /// needed with `roleArn`. Maximum 5 entries of at most 128 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), inner(length(max = 128), regex(pattern = r"^[a-z0-9-]+:[A-Z][A-Za-z0-9]+$")))]
    pub actions: Vec<String>,
    /// Parameters of the requests to an Amazon API Gateway REST API. Supported only for an ARN of
    /// `execute-api`, such as
    /// `arn:aws:execute-api:eu-west-1:111122223333:a1b2c3d4e5/prod/POST/orders/*`. Defaults to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpParameters>,
}

existing!(
    ExistingStream,
    /// Existing Kinesis data stream.
    ,
    256,
    STREAM = r"^arn:aws[a-z-]*:kinesis:[a-z0-9-]+:[0-9]{12}:stream/[A-Za-z0-9_.-]+$"
);

existing!(
    ExistingDeliveryStream,
    /// Existing Firehose stream.
    ,
    256,
    DELIVERY_STREAM = r"^arn:aws[a-z-]*:firehose:[a-z0-9-]+:[0-9]{12}:deliverystream/[A-Za-z0-9_.-]+$"
);
