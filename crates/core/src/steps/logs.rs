//! Steps of CloudWatch Logs. Data only. Statements are a step of their own, for one policy serves all log groups of the installation.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use tributary_api::Tags;

use crate::steps::list;

#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum LogsStep {
    CreateLogGroup {
        name: String,
        class: Option<String>,
        kms_key_arn: Option<String>,
        tags: Tags,
    },
    PutRetentionPolicy {
        name: String,
        days: i32,
    },
    DeleteRetentionPolicy {
        name: String,
    },
    AssociateKmsKey {
        name: String,
        kms_key_arn: String,
    },
    DisassociateKmsKey {
        name: String,
    },
    TagLogGroup {
        arn: String,
        tags: Tags,
    },
    UntagLogGroup {
        arn: String,
        keys: Vec<String>,
    },
    /// Puts these statements into our policy and takes those with the `Sid`s of `instead_of` out; whatever else stands there stays.
    PutPolicyStatements {
        policy: String,
        instead_of: Vec<String>,
        statements: Vec<Value>,
    },
    /// Takes the statements with these `Sid`s out of our policy; with the last one the policy goes.
    RemovePolicyStatements {
        policy: String,
        sids: Vec<String>,
    },
    DeleteLogGroup {
        name: String,
    },
}

impl LogsStep {
    /// The API call, which is also the IAM action.
    pub fn call(&self) -> &'static str {
        Self::call_of(self.into())
    }

    /// The call that the variant of this name makes.
    pub fn call_of(variant: &'static str) -> &'static str {
        match variant {
            "PutPolicyStatements" | "RemovePolicyStatements" => "PutResourcePolicy",
            "TagLogGroup" => "TagResource",
            "UntagLogGroup" => "UntagResource",
            call => call,
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
