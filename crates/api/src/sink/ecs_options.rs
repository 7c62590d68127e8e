//! Options of the tasks of an `ecsTask` sink, as `EcsParameters` of EventBridge has them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Tags;

/// Options of the tasks that an `ecsTask` sink starts.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EcsTaskOptions {
    /// Capacity providers of the tasks. Must not be set with `launchType`. Defaults to the default
    /// strategy of the cluster. Maximum 6 entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 6), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["capacityProvider"]))]
    pub capacity_provider_strategy: Vec<CapacityProvider>,
    /// Platform version of AWS Fargate, such as `1.4.0`. Defaults to `LATEST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^(LATEST|[0-9]+\.[0-9]+\.[0-9]+)$"))]
    pub platform_version: Option<String>,
    /// Task group. Defaults to the family of the task definition. Maximum 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub group: Option<String>,
    /// Reference ID of the tasks. Defaults to none. Maximum 1024 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub reference_id: Option<String>,
    /// AWS tags of the tasks. Maximum 50 tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 50))]
    pub tags: Option<Tags>,
    /// Whether the tasks get the tags of the task definition. Defaults to `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub propagate_tags: bool,
    /// Whether ECS adds its own tags, of cluster and service, to the tasks. Defaults to `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub enable_ecs_managed_tags: bool,
    /// Whether ECS Exec can run commands in the containers of the tasks. The task role needs the
    /// permissions of ECS Exec. Defaults to `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub enable_execute_command: bool,
    /// Constraints on the instances of the tasks. Not supported by AWS Fargate. Maximum 10 entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub placement_constraints: Vec<PlacementConstraint>,
    /// Rules by which ECS selects instances, in this order. Not supported by AWS Fargate. Maximum 5
    /// entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub placement_strategy: Vec<PlacementStrategy>,
}

/// Capacity provider of a strategy.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CapacityProvider {
    /// Name of the capacity provider, such as `FARGATE_SPOT`. Maximum 255 characters.
    #[schemars(length(min = 1, max = 255))]
    pub capacity_provider: String,
    /// Share of the tasks, relative to the other providers, 0 to 1000. Defaults to 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1000))]
    pub weight: i32,
    /// Minimum number of tasks, 0 to 100000. Only one provider can have one. Defaults to 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100_000))]
    pub base: i32,
}

/// Constraint on the instances of a task.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlacementConstraint {
    /// Type of the constraint.
    #[serde(rename = "type")]
    pub type_: ConstraintType,
    /// Expression of the ECS cluster query language. Required by `memberOf`. Maximum 2000
    /// characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2000))]
    pub expression: Option<String>,
}

/// Type of a placement constraint.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "camelCase")]
#[schemars(transform = crate::common::plain_enum)]
pub enum ConstraintType {
    /// Each task on another instance.
    DistinctInstance,
    /// Instances that match the expression.
    MemberOf,
}

/// Rule by which ECS selects instances.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlacementStrategy {
    /// Type of the strategy.
    #[serde(rename = "type")]
    pub type_: StrategyType,
    /// Field, such as `instanceId` or `attribute:ecs.availability-zone`; for `binpack`, the resource
    /// to pack by. Maximum 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub field: Option<String>,
}

/// Type of a placement strategy.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "camelCase")]
#[schemars(transform = crate::common::plain_enum)]
pub enum StrategyType {
    /// Any instance.
    Random,
    /// Evenly over the values of the field.
    Spread,
    /// Instances with the least of the field left.
    Binpack,
}
