//! Steps of IAM. Data only.
//!
//! A role that the operator creates has one inline policy. It trusts `EventBridge` for the rules
//! that it lists, or Step Functions for one state machine.

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use strum::VariantNames;

use tributary_api::Tags;

use crate::{
    names::Scope,
    steps::{Changed, ServiceStep, text::list},
};

/// One write to a role; the variant is the name of the call.
#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum IamStep {
    /// Creates a role without an inline policy.
    CreateRole {
        /// Name of the role.
        name: String,
        /// Path of the role, which begins and ends with `/`.
        path: String,
        /// Trust policy (`AssumeRolePolicyDocument`).
        trust: Value,
        /// ARN of the permissions boundary; `None` for no boundary.
        boundary: Option<String>,
        /// Description of the role.
        description: String,
        /// Tags of the role.
        tags: Tags,
    },
    /// Replaces the trust policy of a role.
    UpdateAssumeRolePolicy {
        /// Name of the role.
        name: String,
        /// The whole trust policy.
        trust: Value,
    },
    /// Creates or replaces the inline policy of a role.
    PutRolePolicy {
        /// Name of the role.
        name: String,
        /// The whole inline policy.
        policy: Value,
    },
    /// Deletes the inline policy of a role.
    DeleteRolePolicy {
        /// Name of the role.
        name: String,
    },
    /// Sets the permissions boundary of a role.
    PutRolePermissionsBoundary {
        /// Name of the role.
        name: String,
        /// ARN of the permissions boundary.
        boundary: String,
    },
    /// Removes the permissions boundary of a role.
    DeleteRolePermissionsBoundary {
        /// Name of the role.
        name: String,
    },
    /// Adds or replaces tags of a role.
    TagRole {
        /// Name of the role.
        name: String,
        /// Tags of the role.
        tags: Tags,
    },
    /// Removes tags of a role.
    UntagRole {
        /// Name of the role.
        name: String,
        /// Keys of the tags.
        keys: Vec<String>,
    },
    /// Deletes a role, which has no inline policy left.
    DeleteRole {
        /// Name of the role.
        name: String,
    },
}

impl IamStep {
    /// Returns the name of the role that the step changes.
    fn role(&self) -> &str {
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

impl ServiceStep for IamStep {
    fn names() -> Vec<&'static str> {
        Self::VARIANTS.to_vec()
    }

    fn changes(&self, _: Scope<'_>) -> Option<Changed> {
        Some(Changed::Role(self.role().to_owned()))
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
