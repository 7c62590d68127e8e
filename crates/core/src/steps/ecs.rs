//! Parameters of a rule's target that is an ECS cluster. Data only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::TargetParameters;

pub(super) const TARGET_PARAMETERS: TargetParameters = TargetParameters {
    member: "EcsParameters",
    fields: &[],
    limited: |target| {
        json!(target.task.as_ref().map(|task| json!({
            "TaskDefinitionArn": task.definition_arn, "TaskCount": task.count, "LaunchType": task.launch_type,
        })))
    },
};

/// The task that an ECS cluster runs for each event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSettings {
    /// ARN of the task definition.
    pub definition_arn: String,
    /// Number of tasks.
    pub count: i32,
    /// `FARGATE`, `EC2` or `EXTERNAL`; `None` for the cluster's default.
    pub launch_type: Option<String>,
    /// Ids of the subnets.
    pub subnets: Vec<String>,
    /// Ids of the security groups.
    pub security_groups: Vec<String>,
    /// Whether tasks get a public IP address.
    pub assign_public_ip: bool,
    /// Further options.
    pub options: TaskOptions,
}

/// Further options of the task that an ECS cluster runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskOptions {
    /// Name, weight and base of each capacity provider.
    pub capacity_providers: Vec<(String, i32, i32)>,
    /// Platform version of Fargate.
    pub platform_version: Option<String>,
    /// Task group.
    pub group: Option<String>,
    /// Reference id.
    pub reference_id: Option<String>,
    /// Tags of the tasks.
    pub tags: BTreeMap<String, String>,
    /// Whether tasks get the tags of the task definition.
    pub propagate_tags: bool,
    /// Whether ECS adds its own tags.
    pub managed_tags: bool,
    /// Whether ECS Exec is enabled.
    pub execute_command: bool,
    /// Placement constraints: type and expression.
    pub constraints: Vec<Placement>,
    /// Placement strategy: type and field.
    pub strategy: Vec<Placement>,
}

/// A placement constraint or a part of a placement strategy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// Type, such as `memberOf` or `spread`.
    pub type_: String,
    /// Expression or field.
    pub value: Option<String>,
}
