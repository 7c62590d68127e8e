//! Steps of IAM. Data only.
//!
//! A role that the operator creates has one inline policy. It trusts `EventBridge` for the rules
//! that it lists, or Step Functions for one state machine.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};
use strum::VariantNames;

use tributary_api::{Tags, WrittenType};

use crate::{
    names::Scope,
    steps::{Changed, Deletes, FieldOf, ServiceStep, tag_list, text::list},
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
    const DELETES: &'static [(&'static str, Deletes)] = &[("DeleteRole", Deletes::Resource)];

    const FIELDS: &'static [FieldOf] =
        &[("iam.*", "Path", "path of the role"), ("iam.*", "PermissionsBoundary", "permissionsBoundaryArn of the role")];

    fn names() -> Vec<&'static str> {
        Self::VARIANTS.to_vec()
    }

    fn changes(&self, _: Scope<'_>) -> Option<Changed> {
        Some(Changed::Role(self.role().to_owned()))
    }

    fn untagged(&self) -> Option<(WrittenType, &String)> {
        match self {
            Self::CreateRole { boundary: Some(boundary), .. } | Self::PutRolePermissionsBoundary { boundary, .. } => {
                Some((WrittenType::PermissionsBoundary, boundary))
            }
            _ => None,
        }
    }

    fn limited(&self) -> Value {
        match self {
            Self::CreateRole { name, path, trust, boundary, description, tags } => json!({
                "RoleName": name, "Path": path, "AssumeRolePolicyDocument": trust.to_string(), "PermissionsBoundary": boundary,
                "Description": description, "Tags": tag_list(tags),
            }),
            Self::UpdateAssumeRolePolicy { name, trust } => json!({"RoleName": name, "PolicyDocument": trust.to_string()}),
            Self::PutRolePolicy { name, policy } => json!({"RoleName": name, "PolicyDocument": policy.to_string()}),
            Self::PutRolePermissionsBoundary { name, boundary } => json!({"RoleName": name, "PermissionsBoundary": boundary}),
            Self::TagRole { name, tags } => json!({"RoleName": name, "Tags": tag_list(tags)}),
            Self::UntagRole { name, keys } => json!({"RoleName": name, "TagKeys": keys}),
            Self::DeleteRolePolicy { name } | Self::DeleteRolePermissionsBoundary { name } | Self::DeleteRole { name } => {
                json!({"RoleName": name})
            }
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
