//! Facts about roles: who can assume them, and what they permit.

use std::time::Duration;

use serde_json::Value;

use tributary_api::OWNER_TAG;
use tributary_core::{
    delivery::{Fact, RoleFacts},
    error::{Reason, ReconcileError, RetryClass},
    policy_document::versioned_statements_of,
};

use crate::{
    cache::facts::RolePolicies,
    client::{
        request::{non_empty, send},
        session::Session,
    },
    iam::parse,
};

/// Age of the list of a role's policies where the role is the operator's own.
const OWN_ROLE_LIST_AGE: Duration = Duration::from_hours(1);

impl Session {
    /// Returns the policies of a role, no older than `age`.
    pub async fn role_facts(&self, arn: &str, age: Duration) -> Fact<RoleFacts> {
        let name = arn.rsplit('/').next().unwrap_or_default();
        // IAM is asked by name. A role of the same name with another path, or of another account, is not this one.
        match self.shared.caches.facts.roles.read(&self.caller.arn, name, age, || self.read_role(name, age)).await {
            Fact::Known(role) if role.arn != arn => Fact::Missing,
            fact => fact,
        }
    }

    async fn read_role(&self, name: &str, age: Duration) -> Result<Option<RoleFacts>, ReconcileError> {
        let Some(role) = self.role(name).await? else { return Ok(None) };
        // IAM has low rate limits. Delivery through an own role depends on its trust policy and its one inline policy, which are
        // read each time.
        let is_own = age > Duration::ZERO && role.tags.contains_key(OWNER_TAG);
        let list_age = if is_own { age.max(OWN_ROLE_LIST_AGE) } else { age };
        let policies =
            match self.shared.caches.facts.role_policies.read(&self.caller.arn, name, list_age, || self.list_policies(name)).await {
                Fact::Known(policies) => policies,
                Fact::Missing => return Ok(None),
                Fact::Denied { action } => {
                    let denied = ReconcileError::new(RetryClass::Refused, Reason::AccessDenied, format!("{action} denied"));
                    return Err(denied.denied(action));
                }
                Fact::Unavailable => return Err(ReconcileError::transient(format!("cannot list the policies of role {name}"))),
            };
        let mut rights = Vec::new();
        for policy in &policies.inline {
            let document = self.inline_policy(name, policy).await?;
            rights.extend(document.iter().flat_map(|document| versioned_statements_of(&document.to_string())));
        }
        for policy in &policies.attached {
            rights.extend(self.managed_policy(policy).await?);
        }
        let boundary = match &role.boundary {
            Some(arn) => Some(self.managed_policy(arn).await?.into()),
            None => None,
        };
        let trust = versioned_statements_of(&role.trust.to_string()).into();
        Ok(Some(RoleFacts { arn: role.arn, trust, rights: rights.into(), boundary }))
    }

    async fn list_policies(&self, role: &str) -> Result<Option<RolePolicies>, ReconcileError> {
        let (inline, attached) = (self.inline_policies(role).await?, self.attached_policies(role).await?);
        Ok(Some(RolePolicies { inline, attached }))
    }

    async fn inline_policies(&self, role: &str) -> Result<Vec<String>, ReconcileError> {
        let (mut names, mut marker) = (Vec::new(), None);
        loop {
            let request = self.iam.list_role_policies().role_name(role).set_marker(marker);
            let page = send!(self, iam, ListRolePolicies, request)?;
            names.extend(page.policy_names);
            marker = non_empty(page.marker).filter(|_| page.is_truncated);
            if marker.is_none() {
                return Ok(names);
            }
        }
    }

    async fn attached_policies(&self, role: &str) -> Result<Vec<String>, ReconcileError> {
        let (mut arns, mut marker) = (Vec::new(), None);
        loop {
            let request = self.iam.list_attached_role_policies().role_name(role).set_marker(marker);
            let page = send!(self, iam, ListAttachedRolePolicies, request)?;
            arns.extend(page.attached_policies.unwrap_or_default().into_iter().filter_map(|policy| policy.policy_arn));
            marker = non_empty(page.marker).filter(|_| page.is_truncated);
            if marker.is_none() {
                return Ok(arns);
            }
        }
    }

    async fn managed_policy(&self, arn: &str) -> Result<Vec<Value>, ReconcileError> {
        let policy = send!(self, iam, GetPolicy, self.iam.get_policy().policy_arn(arn))?.policy;
        let version = policy.and_then(|policy| policy.default_version_id).unwrap_or_else(|| "v1".into());
        let request = self.iam.get_policy_version().policy_arn(arn).version_id(version);
        let document = send!(self, iam, GetPolicyVersion, request)?.policy_version.and_then(|version| version.document);
        Ok(versioned_statements_of(&parse(document.as_deref().unwrap_or_default()).to_string()))
    }
}
