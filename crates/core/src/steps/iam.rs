//! Steps of IAM. Data only. A role that is made here has one inline policy, and trusts `EventBridge` for named rules or Step Functions.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use tributary_api::Tags;

use crate::steps::list;

#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum IamStep {
    CreateRole {
        name: String,
        path: String,
        /// Who may assume the role.
        trust: Value,
        boundary: Option<String>,
        description: String,
        tags: Tags,
    },
    UpdateAssumeRolePolicy {
        name: String,
        trust: Value,
    },
    /// What the role may do: the whole of its inline policy.
    PutRolePolicy {
        name: String,
        policy: Value,
    },
    DeleteRolePolicy {
        name: String,
    },
    PutRolePermissionsBoundary {
        name: String,
        boundary: String,
    },
    DeleteRolePermissionsBoundary {
        name: String,
    },
    TagRole {
        name: String,
        tags: Tags,
    },
    UntagRole {
        name: String,
        keys: Vec<String>,
    },
    DeleteRole {
        name: String,
    },
}

impl IamStep {
    /// Name of the role.
    pub fn role(&self) -> &str {
        match self {
            Self::CreateRole { name, .. }
            | Self::UpdateAssumeRolePolicy { name, .. }
            | Self::PutRolePolicy { name, .. }
            | Self::DeleteRolePolicy { name }
            | Self::PutRolePermissionsBoundary { name, .. }
            | Self::DeleteRolePermissionsBoundary { name }
            | Self::TagRole { name, .. }
            | Self::UntagRole { name, .. }
            | Self::DeleteRole { name } => name,
        }
    }
}

impl fmt::Display for IamStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call: &str = self.into();
        match self {
            Self::CreateRole { name, path, .. } => write!(f, "{call} {path}{name}"),
            Self::UpdateAssumeRolePolicy { name, .. }
            | Self::PutRolePolicy { name, .. }
            | Self::DeleteRolePolicy { name }
            | Self::DeleteRolePermissionsBoundary { name }
            | Self::DeleteRole { name } => write!(f, "{call} {name}"),
            Self::PutRolePermissionsBoundary { name, boundary } => write!(f, "{call} {name}: {boundary}"),
            Self::TagRole { name, tags } => write!(f, "{call} {name}: {}", list(tags.keys())),
            Self::UntagRole { name, keys } => write!(f, "{call} {name}: {}", list(keys)),
        }
    }
}
