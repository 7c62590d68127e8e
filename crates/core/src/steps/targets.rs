//! What `EventBridge` stores of a rule's target. Data only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What `PutTargets` replaces as a whole for one id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetSettings {
    pub id: String,
    pub arn: String,
    pub role_arn: Option<String>,
    /// Parsed constant input.
    pub input: Option<Value>,
    pub input_path: Option<String>,
    pub transformer: Option<(BTreeMap<String, String>, String)>,
    pub message_group_id: Option<String>,
    /// Of a Kinesis stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_key_path: Option<String>,
    /// Of an API destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpSettings>,
    /// Of an ECS task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskSettings>,
    pub maximum_event_age_seconds: Option<i32>,
    pub maximum_retry_attempts: Option<i32>,
    pub dead_letter_arn: Option<String>,
}

/// What is added to the requests of an API destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpSettings {
    pub headers: BTreeMap<String, String>,
    pub query: BTreeMap<String, String>,
    pub path: Vec<String>,
}

/// Which task an ECS cluster runs, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSettings {
    pub definition_arn: String,
    pub count: i32,
    pub launch_type: Option<String>,
    pub subnets: Vec<String>,
    pub security_groups: Vec<String>,
    pub assign_public_ip: bool,
}
