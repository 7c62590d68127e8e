//! Steps of CloudWatch Logs. Data only.
//!
//! Statements of the resource policy are separate steps: one policy serves all log groups of
//! the installation.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};
use strum::VariantNames;

use tributary_api::Tags;

use crate::{
    names::Scope,
    steps::{Changed, Deletes, FieldOf, ServiceStep, text::list},
};

/// The log group that receives the logs of another resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LogDestination {
    /// ARN of the log group, without the `:*` that the APIs of other services require; `None` for no logs.
    pub log_group_arn: Option<String>,
}

impl LogDestination {
    /// Returns the ARN of the log group; `None` for no logs.
    pub fn arn(&self) -> Option<&String> {
        self.log_group_arn.as_ref()
    }

    /// Returns the ARN as the APIs of other services require it: that of all log streams (docs/aws-facts.md, F11).
    pub fn streams(&self) -> Option<String> {
        self.arn().map(|arn| format!("{arn}:*"))
    }

    /// Returns the destinations of a logging configuration, in the names of AWS.
    pub(super) fn limited(&self) -> Value {
        json!(self.streams().map(|arn| json!([{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}])))
    }
}

/// One write to CloudWatch Logs. `LogsStep::call` returns the name of the call.
#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum LogsStep {
    /// Creates a log group, with its tags.
    CreateLogGroup {
        /// Name of the log group.
        name: String,
        /// Log group class, such as `STANDARD`; `None` for the default of AWS.
        class: Option<String>,
        /// ARN of the key that encrypts the events; `None` for encryption with a key of CloudWatch
        /// Logs.
        kms_key_arn: Option<String>,
        /// Tags of the log group.
        tags: Tags,
    },
    /// Sets the retention of a log group.
    PutRetentionPolicy {
        /// Name of the log group.
        name: String,
        /// Days that events are retained.
        days: i32,
    },
    /// Removes the retention of a log group: events do not expire.
    DeleteRetentionPolicy {
        /// Name of the log group.
        name: String,
    },
    /// Sets the encryption key of a log group.
    AssociateKmsKey {
        /// Name of the log group.
        name: String,
        /// ARN of the key.
        kms_key_arn: String,
    },
    /// Removes the encryption key of a log group.
    DisassociateKmsKey {
        /// Name of the log group.
        name: String,
    },
    /// Adds or replaces tags of a log group.
    TagLogGroup {
        /// ARN of the log group, without `:*`.
        arn: String,
        /// The tags.
        tags: Tags,
    },
    /// Removes tags of a log group.
    UntagLogGroup {
        /// ARN of the log group, without `:*`.
        arn: String,
        /// Keys of the tags.
        keys: Vec<String>,
    },
    /// Adds statements to the resource policy of the installation and removes those that they
    /// replace. Other statements are retained.
    PutPolicyStatements {
        /// Name of the resource policy.
        policy: String,
        /// `Sid`s of the statements to remove in the same write.
        instead_of: Vec<String>,
        /// The statements to add.
        statements: Vec<Value>,
    },
    /// Removes statements from the resource policy of the installation. Deletes a policy that has
    /// no statements left.
    RemovePolicyStatements {
        /// Name of the resource policy.
        policy: String,
        /// `Sid`s of the statements.
        sids: Vec<String>,
    },
    /// Deletes a log group with its events.
    DeleteLogGroup {
        /// Name of the log group.
        name: String,
    },
}

impl LogsStep {
    /// Returns the name of the API call, which is also the IAM action without the service prefix.
    fn call(&self) -> &'static str {
        Self::call_of(self.into())
    }
}

impl ServiceStep for LogsStep {
    const DELETES: &'static [(&'static str, Deletes)] = &[("DeleteLogGroup", Deletes::Data)];

    const FIELDS: &'static [FieldOf] =
        &[("logs.*", "logGroupName", "spec.logGroup.managed.name"), ("logs.*", "kmsKeyId", "spec.logGroup.managed.kmsKeyArn")];

    fn names() -> Vec<&'static str> {
        Self::VARIANTS.to_vec()
    }

    fn call_of(name: &'static str) -> &'static str {
        match name {
            "PutPolicyStatements" | "RemovePolicyStatements" => "PutResourcePolicy",
            "TagLogGroup" => "TagResource",
            "UntagLogGroup" => "UntagResource",
            call => call,
        }
    }

    fn changes(&self, scope: Scope<'_>) -> Option<Changed> {
        match self {
            Self::CreateLogGroup { name, .. } | Self::DeleteLogGroup { name } => Some(Changed::Target(scope.log_group(name))),
            _ => None,
        }
    }

    fn puts_statement(&self) -> bool {
        matches!(self, Self::PutPolicyStatements { .. })
    }

    fn limited(&self) -> Value {
        match self {
            Self::CreateLogGroup { name, class, kms_key_arn, tags } => {
                json!({"logGroupName": name, "logGroupClass": class, "kmsKeyId": kms_key_arn, "tags": tags})
            }
            Self::PutRetentionPolicy { name, .. }
            | Self::DeleteRetentionPolicy { name }
            | Self::DisassociateKmsKey { name }
            | Self::DeleteLogGroup { name } => json!({"logGroupName": name}),
            Self::AssociateKmsKey { name, kms_key_arn } => json!({"logGroupName": name, "kmsKeyId": kms_key_arn}),
            Self::TagLogGroup { arn, tags } => json!({"resourceArn": arn, "tags": tags}),
            Self::UntagLogGroup { arn, keys } => json!({"resourceArn": arn, "tagKeys": keys}),
            Self::PutPolicyStatements { .. } | Self::RemovePolicyStatements { .. } => json!({}),
        }
    }
}

impl fmt::Display for LogsStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: &str = self.into();
        match self {
            Self::CreateLogGroup { name: group, .. }
            | Self::DeleteRetentionPolicy { name: group }
            | Self::DisassociateKmsKey { name: group }
            | Self::DeleteLogGroup { name: group } => write!(f, "{name} {group}"),
            Self::PutRetentionPolicy { name: group, days } => write!(f, "{name} {group}: {days} days"),
            Self::AssociateKmsKey { name: group, kms_key_arn } => write!(f, "{name} {group}: {kms_key_arn}"),
            Self::TagLogGroup { arn, tags } => write!(f, "{} {arn}: {}", self.call(), list(tags.keys())),
            Self::UntagLogGroup { arn, keys } => write!(f, "{} {arn}: {}", self.call(), list(keys)),
            Self::PutPolicyStatements { policy, statements, .. } => {
                let sids: Vec<_> = statements.iter().filter_map(|s| s.get("Sid")?.as_str()).map(str::to_owned).collect();
                write!(f, "{} {policy}: {}", self.call(), list(&sids))
            }
            Self::RemovePolicyStatements { policy, sids } => write!(f, "{} {policy}: without {}", self.call(), list(sids)),
        }
    }
}
