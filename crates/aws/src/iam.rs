//! Roles of IAM with one inline policy. IAM returns documents URL-encoded (API reference, `GetRole`).

use aws_sdk_iam::types::Tag;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use tributary_core::{
    destinations::shared::role::{InlinePolicy, ObservedRole},
    error::ReconcileError,
    steps::IamStep,
};

use crate::client::{
    request::{ignore_not_found, sdk_tags, send},
    session::Session,
};

/// Name of the inline policy of each role that the operator creates.
const POLICY: &str = "tributary";

impl Session {
    /// Returns the role with its tags and its inline policy; `None` if it does not exist.
    ///
    /// # Errors
    /// Those of `GetRole` and `GetRolePolicy`.
    pub async fn role_with_policy(&self, name: &str) -> Result<Option<ObservedRole>, ReconcileError> {
        let Some(mut role) = self.role(name).await? else { return Ok(None) };
        role.policy = self.inline_policy(name, POLICY).await?.map_or(InlinePolicy::Absent, InlinePolicy::Present);
        Ok(Some(role))
    }

    /// Returns the role with its tags, without its inline policy; `None` if it does not exist.
    ///
    /// # Errors
    /// Those of `GetRole`.
    pub async fn role(&self, name: &str) -> Result<Option<ObservedRole>, ReconcileError> {
        let answer = ignore_not_found(send!(self, iam, GetRole, self.iam.get_role().role_name(name)))?;
        Ok(answer.and_then(|answer| answer.role).map(|role| ObservedRole {
            name: name.to_owned(),
            arn: role.arn,
            trust: parse(role.assume_role_policy_document.as_deref().unwrap_or_default()),
            policy: InlinePolicy::NotRead,
            boundary: role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn),
            boundary_is_ours: false,
            tags: role.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect(),
        }))
    }

    /// Returns an inline policy of the role; `None` if it does not exist.
    pub(crate) async fn inline_policy(&self, role: &str, policy: &str) -> Result<Option<Value>, ReconcileError> {
        let request = self.iam.get_role_policy().role_name(role).policy_name(policy);
        Ok(ignore_not_found(send!(self, iam, GetRolePolicy, request))?.map(|answer| parse(&answer.policy_document)))
    }

    /// Applies one step to IAM.
    ///
    /// # Errors
    /// Those of the call, with the next step for the user.
    pub async fn apply_iam(&self, step: &IamStep) -> Result<(), ReconcileError> {
        let iam = &self.iam;
        match step {
            IamStep::CreateRole { name, path, trust, boundary, description, tags } => {
                let request = iam
                    .create_role()
                    .role_name(name)
                    .path(path)
                    .assume_role_policy_document(trust.to_string())
                    .set_permissions_boundary(boundary.clone())
                    .description(description)
                    .set_tags(Some(sdk_tags!(Tag, tags)?));
                send!(self, iam, CreateRole, request)?;
            }
            IamStep::UpdateAssumeRolePolicy { name, trust } => {
                let request = iam.update_assume_role_policy().role_name(name).policy_document(trust.to_string());
                send!(self, iam, UpdateAssumeRolePolicy, request)?;
            }
            IamStep::PutRolePolicy { name, policy } => {
                let request = iam.put_role_policy().role_name(name).policy_name(POLICY).policy_document(policy.to_string());
                send!(self, iam, PutRolePolicy, request)?;
            }
            IamStep::DeleteRolePolicy { name } => {
                let request = iam.delete_role_policy().role_name(name).policy_name(POLICY);
                ignore_not_found(send!(self, iam, DeleteRolePolicy, request))?;
            }
            IamStep::PutRolePermissionsBoundary { name, boundary } => {
                let request = iam.put_role_permissions_boundary().role_name(name).permissions_boundary(boundary);
                send!(self, iam, PutRolePermissionsBoundary, request)?;
            }
            IamStep::DeleteRolePermissionsBoundary { name } => {
                ignore_not_found(send!(self, iam, DeleteRolePermissionsBoundary, iam.delete_role_permissions_boundary().role_name(name)))?;
            }
            IamStep::TagRole { name, tags } => {
                send!(self, iam, TagRole, iam.tag_role().role_name(name).set_tags(Some(sdk_tags!(Tag, tags)?)))?;
            }
            IamStep::UntagRole { name, keys } => {
                send!(self, iam, UntagRole, iam.untag_role().role_name(name).set_tag_keys(Some(keys.clone())))?;
            }
            IamStep::DeleteRole { name } => drop(ignore_not_found(send!(self, iam, DeleteRole, iam.delete_role().role_name(name)))?),
        }
        Ok(())
    }
}

/// Parses a document. One that is not JSON becomes a string, which differs from every desired document.
pub(crate) fn parse(document: &str) -> Value {
    let text = percent_decode_str(document).decode_utf8_lossy();
    serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.into_owned()))
}
