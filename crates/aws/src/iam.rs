//! Adapter of IAM: roles with one inline policy. IAM gives documents back URL-encoded (API reference, `GetRole`).

use aws_sdk_iam::types::Tag;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use tributary_api::Tags;
use tributary_core::{destinations::shared::role::ObservedRole, error::ReconcileError, steps::IamStep};

use crate::{
    Session,
    events::buses::{ignore_not_found, unbuilt},
};

/// The inline policy of every role that is made here.
const POLICY: &str = "tributary";

macro_rules! send {
    ($self:expr, $call:literal, $request:expr) => {{
        let request = $request;
        $self.call(&$self.shared.iam, $call, $self.priority, || Box::pin(request.clone().send())).await
    }};
}

impl Session {
    /// The role with its tags; with its inline policy if asked.
    pub async fn role(&self, name: &str, policy: bool) -> Result<Option<ObservedRole>, ReconcileError> {
        let role = match send!(self, "iam:GetRole", self.iam.get_role().role_name(name)) {
            Err(error) if error.is_not_found() => return Ok(None),
            answer => answer?.role,
        };
        let Some(role) = role else { return Ok(None) };
        let policy = if policy { Some(self.inline_policy(name, POLICY).await?) } else { None };
        Ok(Some(ObservedRole {
            name: name.to_owned(),
            trust: parse(role.assume_role_policy_document.as_deref().unwrap_or_default()),
            policy,
            boundary: role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn),
            tags: role.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect(),
        }))
    }

    /// An inline policy of the role.
    pub(crate) async fn inline_policy(&self, role: &str, policy: &str) -> Result<Option<Value>, ReconcileError> {
        let request = self.iam.get_role_policy().role_name(role).policy_name(policy);
        match send!(self, "iam:GetRolePolicy", request) {
            Err(error) if error.is_not_found() => Ok(None),
            answer => Ok(Some(parse(&answer?.policy_document))),
        }
    }

    /// The only writes to IAM.
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
                    .set_tags(Some(sdk_tags(tags)?));
                send!(self, "iam:CreateRole", request)?;
            }
            IamStep::UpdateAssumeRolePolicy { name, trust } => {
                let request = iam.update_assume_role_policy().role_name(name).policy_document(trust.to_string());
                send!(self, "iam:UpdateAssumeRolePolicy", request)?;
            }
            IamStep::PutRolePolicy { name, policy } => {
                let request = iam.put_role_policy().role_name(name).policy_name(POLICY).policy_document(policy.to_string());
                send!(self, "iam:PutRolePolicy", request)?;
            }
            IamStep::DeleteRolePolicy { name } => {
                let request = iam.delete_role_policy().role_name(name).policy_name(POLICY);
                ignore_not_found(send!(self, "iam:DeleteRolePolicy", request))?;
            }
            IamStep::PutRolePermissionsBoundary { name, boundary } => {
                let request = iam.put_role_permissions_boundary().role_name(name).permissions_boundary(boundary);
                send!(self, "iam:PutRolePermissionsBoundary", request)?;
            }
            IamStep::DeleteRolePermissionsBoundary { name } => {
                ignore_not_found(send!(self, "iam:DeleteRolePermissionsBoundary", iam.delete_role_permissions_boundary().role_name(name)))?;
            }
            IamStep::TagRole { name, tags } => {
                send!(self, "iam:TagRole", iam.tag_role().role_name(name).set_tags(Some(sdk_tags(tags)?)))?;
            }
            IamStep::UntagRole { name, keys } => {
                send!(self, "iam:UntagRole", iam.untag_role().role_name(name).set_tag_keys(Some(keys.clone())))?;
            }
            IamStep::DeleteRole { name } => drop(ignore_not_found(send!(self, "iam:DeleteRole", iam.delete_role().role_name(name)))?),
        }
        Ok(())
    }
}

fn sdk_tags(tags: &Tags) -> Result<Vec<Tag>, ReconcileError> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build().map_err(unbuilt)).collect()
}

/// A document that is no JSON cannot be ours, and differs from whatever we want.
pub(crate) fn parse(document: &str) -> Value {
    let text = percent_decode_str(document).decode_utf8_lossy();
    serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.into_owned()))
}
