//! What a destination type resolves its spec from, and the rules of references that all types share.

use k8s_openapi::jiff::SignedDuration;

use tributary_api::{AwsAccount, EventSink, Identity, ResourceStatus, Tags};

use crate::{
    destinations::shared::{
        grants::{self, Grants},
        role::{self, DesiredRole},
    },
    error::{Reason, ReconcileError, RetryClass},
    managed::Managed,
    names::{self, Arn, Scope},
    ownership,
    view::{self, View},
};

/// IAM allows 64 characters in the name of a role (API reference, `CreateRole`).
const ROLE_NAME: usize = 64;

/// What a destination type may read while it resolves the spec of a sink.
#[derive(Clone, Copy)]
pub(crate) struct ResolveContext<'a> {
    pub(crate) sink: &'a EventSink,
    pub(crate) view: &'a View,
    pub(crate) account: &'a AwsAccount,
    /// The sink's value of the owner tag.
    pub(crate) owner: &'a str,
}

/// The ARN of a resource that exists, and the field that gives it.
pub(crate) type ExistingArn<'a> = (String, &'a str);

impl<'a> ResolveContext<'a> {
    pub(crate) fn namespace(&self) -> &'a str {
        self.sink.metadata.namespace.as_deref().unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &'a str {
        self.sink.metadata.name.as_deref().unwrap_or_default()
    }

    /// Returns the tags of a resource of the sink: the account's, its own, the owner tag.
    pub(crate) fn tags(&self, own: Option<&Tags>) -> Tags {
        ownership::tags(&self.account.spec.default_tags, own, self.owner)
    }

    /// Returns the default name of a resource, `<namespace>-<name>`, in at most `longest` characters.
    pub(crate) fn default_name(&self, longest: usize, allowed: fn(char) -> bool) -> String {
        names::default_name(self.namespace(), self.name(), longest, allowed)
    }

    /// Returns the identity of a resource in the account and Region of the sink.
    pub(crate) fn identity(&self, name: String, arn_of: impl FnOnce(Scope<'_>, &str) -> String) -> Identity {
        view::identity(self.account, self.sink.spec.region.as_ref(), name, arn_of)
    }

    /// Returns field and ARN of the resource that `existing` in the spec refers to.
    ///
    /// # Errors
    /// Transient while the ARN of `arnFrom` has not been read.
    pub(crate) fn existing(&self) -> Result<Option<ExistingArn<'a>>, ReconcileError> {
        let Some(existing) = self.sink.spec.existing() else { return Ok(None) };
        if let Some(arn) = existing.arn {
            return Ok(Some((format!("{}.arn", existing.field), arn)));
        }
        let field = format!("{}.arnFrom", existing.field);
        match self.view.resolved_arn.as_deref() {
            Some(arn) => Ok(Some((field, arn))),
            None => Err(ReconcileError::transient(format!("{field}: not read yet"))),
        }
    }

    /// Returns the identity of a resource that exists in any account and Region. Its name is what follows the resource type in the ARN.
    ///
    /// # Errors
    /// The account's grants do not allow the ARN.
    pub(crate) fn foreign_identity(&self, (field, arn): &ExistingArn<'_>) -> Result<Identity, ReconcileError> {
        self.permit_arn(field, arn)?;
        let name = Arn::parse(arn).map(|arn| arn.resource).unwrap_or_default();
        let name = name.split_once(['/', ':']).map_or(name, |(_, name)| name);
        Ok(self.identity(name.to_owned(), |_, _| (*arn).to_owned()))
    }

    /// The same for a resource that has to be in the account and Region of the sink.
    ///
    /// # Errors
    /// The account's grants do not allow the ARN, or the resource is elsewhere.
    pub(crate) fn local_identity(&self, existing: &ExistingArn<'_>) -> Result<Identity, ReconcileError> {
        let identity = self.foreign_identity(existing)?;
        in_scope(&existing.0, existing.1, &identity)?;
        Ok(identity)
    }

    /// Returns the identity of a resource that exists, whose ARN has the resource part `prefix` and a name.
    ///
    /// # Errors
    /// The account's grants do not allow the ARN, it is not an ARN, or the resource is elsewhere.
    pub(crate) fn named_identity(
        &self,
        (field, arn): &ExistingArn<'_>,
        prefix: &str,
        arn_of: impl FnOnce(Scope<'_>, &str) -> String,
    ) -> Result<Identity, ReconcileError> {
        self.permit_arn(field, arn)?;
        let parsed =
            Arn::parse(arn).ok_or_else(|| ReconcileError::invalid(Reason::InvalidSpec, format!("{field}: {arn} is not an ARN")))?;
        let identity = self.identity(parsed.resource.trim_start_matches(prefix).to_owned(), arn_of);
        in_scope(field, arn, &identity)?;
        Ok(identity)
    }

    pub(crate) fn permit_arn(&self, field: &str, arn: &str) -> Result<(), ReconcileError> {
        self.view.permit_arn(self.account, self.namespace(), field, arn)
    }

    pub(crate) fn permit_role(&self, field: &str, role: &str) -> Result<(), ReconcileError> {
        self.view.permit_role(self.account, self.namespace(), field, role)
    }

    /// Returns who may send to the sink, for the policy of its resource.
    pub(crate) fn grants(&self, identity: &Identity) -> Grants {
        let view = self.view;
        let wanted = grants::wanted(self.sink, view);
        let before = self.sink.current().map_or(&[][..], |status| &status.grants);
        Grants {
            arn: identity.arn.clone(),
            sid: ownership::sid(self.owner),
            sources: grants::held(&wanted, before, view.now, &view.settings),
            forgotten: !view.settings.grant_grace.is_zero()
                && before.is_empty()
                && self.sink.current().is_none_or(|status| status.common.applied.is_none()),
            wanted,
        }
    }

    /// Returns a role that `service`, such as `events`, assumes. IAM is global, so the Region is part of the hash in the name.
    pub(crate) fn role(&self, service: &str, rights: Vec<serde_json::Value>, description: String, identity: &Identity) -> DesiredRole {
        let options = self.sink.spec.invocation_role.clone().unwrap_or_default();
        let path = options.path.unwrap_or_else(|| role::PATH.to_owned());
        let hash = names::short_hash(&format!("{} {} {service}", self.owner, identity.region), 8);
        let head = format!("{}-{}", self.namespace(), self.name());
        let head: String = head.chars().take(ROLE_NAME - hash.len() - service.len() - 2).collect();
        let name = format!("{head}-{service}-{hash}");
        DesiredRole {
            arn: Scope::of(identity).role(&path, &name),
            name,
            path,
            account_id: identity.account_id.clone(),
            rights,
            boundary: options.permissions_boundary_arn,
            description,
            tags: self.tags(None),
        }
    }

    /// Delays a new sink without rules for a moment, so that a queue is created together with its policy.
    ///
    /// # Errors
    /// The moment (`Settings::first_rule`) is not over.
    pub(crate) fn wait_for_first_rule(&self) -> Result<(), ReconcileError> {
        let created = self.sink.metadata.creation_timestamp.as_ref().map(|t| t.0);
        let wait = SignedDuration::try_from(self.view.settings.first_rule).unwrap_or_default();
        let new = || self.sink.current().is_none_or(|status| status.common.applied.is_none());
        match created.and_then(|created| created.checked_add(wait).ok()) {
            Some(until) if until > self.view.now && new() => Err(ReconcileError::new(
                RetryClass::Until(until),
                Reason::Applying,
                "waiting for the first rule, so that the queue is created together with its policy",
            )),
            _ => Ok(()),
        }
    }
}

/// Whether status lists a resource that the sink created, in the spec now or not.
pub(crate) fn has_resource(sink: &EventSink, check: impl Fn(&ResourceStatus) -> bool) -> bool {
    sink.current().is_some_and(|status| status.common.resources.iter().any(check))
}

/// Refuses an ARN outside the partition, Region and account of `identity`.
///
/// # Errors
/// The ARN is elsewhere.
pub(crate) fn in_scope(field: &str, arn: &str, identity: &Identity) -> Result<(), ReconcileError> {
    let fits = Arn::parse(arn)
        .is_some_and(|arn| Scope { partition: arn.partition, region: arn.region, account_id: arn.account_id } == Scope::of(identity));
    if fits {
        return Ok(());
    }
    Err(ReconcileError::invalid(
        Reason::InvalidSpec,
        format!(
            "{field}: {arn} is not in partition {}, Region {} and account {}, which spec.accountRef and spec.region select. Correct the ARN or the fields.",
            identity.partition, identity.region, identity.account_id
        ),
    ))
}
