//! Inputs to resolve the spec of a sink, and the rules of references that all destination types
//! share.

use std::sync::Arc;

use k8s_openapi::jiff::SignedDuration;

use tributary_api::{AwsAccount, BusRef, EventBus, EventSink, Identity, ResourceStatus, SinkRef, Tags};

use crate::{
    destinations::shared::{
        grants::{self, Grants},
        references::References,
        role::{self, DesiredRole},
    },
    error::{Reason, ReconcileError, RetryClass},
    managed::Managed,
    names::{self, Arn, Scope},
    object::key_of,
    ownership,
    view::{self, View},
};

/// Maximum length of the name of a role, in characters (IAM API reference, `CreateRole`).
const ROLE_NAME: usize = 64;

/// Inputs of a destination type that resolves the spec of a sink.
#[derive(Clone, Copy)]
pub(crate) struct ResolveContext<'a> {
    pub(crate) sink: &'a EventSink,
    pub(crate) view: &'a View,
    pub(crate) account: &'a AwsAccount,
    /// Value of the sink's owner tag.
    pub(crate) owner: &'a str,
    /// Collects what the spec was permitted to refer to.
    pub(crate) references: &'a References,
}

/// The field that references an existing resource, and the ARN of the resource.
pub(crate) type ExistingArn<'a> = (String, &'a str);

impl<'a> ResolveContext<'a> {
    /// Returns the namespace of the sink.
    pub(crate) fn namespace(&self) -> &'a str {
        self.sink.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// Returns the name of the sink.
    pub(crate) fn name(&self) -> &'a str {
        self.sink.metadata.name.as_deref().unwrap_or_default()
    }

    /// Returns the tags of a resource: the defaults of the account, `own`, and the owner tag.
    pub(crate) fn tags(&self, own: Option<&Tags>) -> Tags {
        ownership::tags(&self.account.spec.default_tags, own, self.owner)
    }

    /// Returns the default name of a resource, `<namespace>-<name>` in at most `longest`
    /// characters, between `prefix` and `suffix`.
    pub(crate) fn default_name(&self, prefix: &str, longest: usize, allowed: fn(char) -> bool, suffix: &str) -> String {
        let pinned = self.sink.pinned_identity().map(|identity| identity.name.as_str());
        let pinned = pinned.and_then(|name| name.strip_prefix(prefix)?.strip_suffix(suffix));
        format!("{prefix}{}{suffix}", names::default_name(self.namespace(), self.name(), longest, allowed, pinned))
    }

    /// Returns the identity of a resource in the account and Region of the sink.
    pub(crate) fn identity(&self, name: String, arn_of: impl FnOnce(Scope<'_>, &str) -> String) -> Identity {
        view::identity(self.account, self.sink.spec.region.as_ref(), name, arn_of)
    }

    /// Returns field and ARN of the resource that `existing` in the spec references.
    ///
    /// # Errors
    /// The ARN of `arnFrom` is not resolved yet (transient).
    pub(crate) fn existing(&self) -> Result<Option<ExistingArn<'a>>, ReconcileError> {
        let Some(existing) = self.sink.spec.existing() else { return Ok(None) };
        if let Some(arn) = existing.arn {
            return Ok(Some((format!("{}.arn", existing.field), arn)));
        }
        let field = format!("{}.arnFrom", existing.field);
        match self.view.resolved_arn.as_deref() {
            Some(arn) => Ok(Some((field, arn))),
            None => Err(ReconcileError::transient(format!("{field}: ARN is not resolved yet"))),
        }
    }

    /// Returns the identity of an existing resource in any account and Region. Its name is the part
    /// of the ARN after the resource type.
    ///
    /// # Errors
    /// The account's grants do not allow the ARN.
    pub(crate) fn foreign_identity(&self, (field, arn): &ExistingArn<'_>) -> Result<Identity, ReconcileError> {
        self.permit_arn(field, arn)?;
        let name = Arn::parse(arn).map(|arn| arn.resource).unwrap_or_default();
        let name = name.split_once(['/', ':']).map_or(name, |(_, name)| name);
        Ok(self.identity(name.to_owned(), |_, _| (*arn).to_owned()))
    }

    /// Returns the identity of an existing resource in the account and Region of the sink.
    ///
    /// # Errors
    /// The account's grants do not allow the ARN, or the resource is in another account or Region.
    pub(crate) fn local_identity(&self, existing: &ExistingArn<'_>) -> Result<Identity, ReconcileError> {
        let identity = self.foreign_identity(existing)?;
        in_scope(&existing.0, existing.1, &identity)?;
        Ok(identity)
    }

    /// Returns the identity of an existing resource in the account and Region of the sink. The
    /// resource part of its ARN is `prefix` and a name.
    ///
    /// # Errors
    /// The account's grants do not allow the ARN, it is not an ARN, or the resource is in another
    /// account or Region.
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

    /// Checks that the account's grants allow an ARN.
    ///
    /// # Errors
    /// The grants do not allow it.
    pub(crate) fn permit_arn(&self, field: &str, arn: &str) -> Result<(), ReconcileError> {
        self.view.permit_arn(self.account, self.namespace(), field, arn)?;
        self.references.arn(arn);
        Ok(())
    }

    /// Checks that the account's grants allow a role.
    ///
    /// # Errors
    /// The grants do not allow it.
    pub(crate) fn permit_role(&self, field: &str, role: &str) -> Result<(), ReconcileError> {
        self.view.permit_role(self.account, self.namespace(), field, role)?;
        self.references.role(role);
        Ok(())
    }

    /// Returns the sink that this one refers to.
    ///
    /// # Errors
    /// See [`View::sink_for`].
    pub(crate) fn sink_for(&self, field: &str, reference: &SinkRef) -> Result<Arc<EventSink>, ReconcileError> {
        let sink = self.view.sink_for(self.namespace(), field, reference)?;
        if sink.metadata.namespace != self.sink.metadata.namespace {
            self.references.sink(&key_of(&*sink));
        }
        Ok(sink)
    }

    /// Returns the bus that the sink refers to.
    ///
    /// # Errors
    /// See [`View::bus_for`].
    pub(crate) fn bus_for(&self, field: &str, reference: &BusRef) -> Result<Arc<EventBus>, ReconcileError> {
        let bus = self.view.bus_for(self.namespace(), field, reference)?;
        if bus.metadata.namespace != self.sink.metadata.namespace {
            self.references.bus(&key_of(&*bus));
        }
        Ok(bus)
    }

    /// Returns the rules and buses that are allowed to send to the sink.
    pub(crate) fn grants(&self, identity: &Identity) -> Grants {
        let view = self.view;
        let wanted = grants::wanted(self.sink, view);
        let before = self.sink.current().map_or(&[][..], |status| &status.grants);
        let refused = grants::refused(self.sink, before, view);
        let held = grants::held(&wanted, before, view.now, &view.settings);
        Grants {
            arn: identity.arn.clone(),
            sid: ownership::sid(self.owner),
            patterns: grants::patterns(before, view.now, &view.settings)
                .into_iter()
                .filter(|pattern| !refused.iter().any(|arn| grants::covers(pattern, arn)))
                .collect(),
            sources: held.into_iter().filter(|source| !refused.contains(source) || wanted.contains(source)).collect(),
            refused,
            forgotten: !view.settings.grant_grace.is_zero()
                && before.is_empty()
                && self.sink.current().is_none_or(|status| status.common.applied.is_none()),
            wanted,
        }
    }

    /// Returns a role for `service`, such as `events`, with the statements `rights`. IAM is global,
    /// so the hash in the name includes the Region.
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

    /// Delays a new sink without rules, so that its queue is created together with its policy.
    ///
    /// # Errors
    /// The sink is younger than `Settings::first_rule` and was never applied.
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

/// Returns whether status lists a resource of the sink, even one that the spec no longer has.
pub(crate) fn has_resource(sink: &EventSink, check: impl Fn(&ResourceStatus) -> bool) -> bool {
    sink.current().is_some_and(|status| status.common.resources.iter().any(check))
}

/// Checks that an ARN is in the partition, Region and account of `identity`.
///
/// # Errors
/// The ARN is in another partition, Region or account.
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
