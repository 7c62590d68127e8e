//! Resolve: the references of the spec, the identity in AWS, the desired state. Reads Kubernetes only.

use kube::ResourceExt;
use tributary_api::{Identity, ManagementPolicy, annotation};
use tributary_core::{
    error::{Reason, ReconcileError},
    names::short_hash,
    rule_tests::ConfigMapValues,
    view::View,
};

use super::Reconciliation;
use crate::observe::Observe;

/// What the spec means now. Its identity is the pinned one, if there is one.
pub(super) struct Resolved<K: Observe> {
    pub(super) view: View,
    pub(super) identity: Identity,
    pub(super) desired: K::Desired,
    /// The values that the tests of the object read.
    pub(super) config_maps: ConfigMapValues,
    /// Identifies the desired state, so that AWS need not be read closely for what was applied already.
    pub(super) digest: String,
    /// Value of the annotation `tributary.dev/reconcile-at`.
    pub(super) reconcile_at: Option<String>,
    pub(super) policy: ManagementPolicy,
}

impl<K: Observe> Resolved<K> {
    /// Whether the plan is applied, not only reported.
    pub(super) fn manages(&self) -> bool {
        self.policy == ManagementPolicy::Manage
    }
}

fn digest<D: serde::Serialize>(desired: &D) -> String {
    short_hash(&serde_json::to_string(desired).unwrap_or_default(), 16)
}

impl<K: Observe> Reconciliation<'_, K> {
    /// Resolves the spec.
    ///
    /// # Errors
    /// A reference cannot be resolved, or the spec means another identity than the pinned one.
    pub(super) async fn resolve(&self) -> Result<Resolved<K>, ReconcileError> {
        let mut view = self.context.view();
        if let Some(existing) = self.object.arn_from() {
            let created = self.object.meta().creation_timestamp.as_ref().map(|time| time.0);
            view.resolved_arn = Box::pin(self.context.arn_sources.read(self.namespace(), &existing, created)).await?;
        }
        if let Some((field, from)) = self.object.definition_from() {
            view.resolved_definition = Some(Box::pin(self.context.arn_sources.read_definition(self.namespace(), field, from)).await?);
        }
        let configured = Box::pin(self.configured(&view)).await?;
        let object = configured.as_ref().unwrap_or(&self.object);
        let identity = object.identity(&view)?;
        self.check_pinned(&identity)?;
        let desired = object.desired(&view, &identity)?;
        let config_maps = Box::pin(self.context.arn_sources.read_config_maps(self.namespace(), &self.object.config_map_keys())).await?;
        Ok(Resolved {
            digest: digest(&desired),
            reconcile_at: self.object.annotations().get(annotation::RECONCILE_AT).cloned(),
            policy: self.object.management(),
            view,
            identity,
            desired,
            config_maps,
        })
    }

    /// Returns the object with what the configuration of its app in Benchling says, if it refers to that.
    async fn configured(&self, view: &View) -> Result<Option<K>, ReconcileError> {
        let Some(from) = self.object.configured_from() else { return Ok(None) };
        // Without the app, its identity is an error.
        let Some(app) = view.app(self.namespace(), from.app) else { return Ok(None) };
        let schemas = self.context.app_configurations.schemas(&app, &from).await?;
        Ok(Some(self.object.with_configured(schemas)))
    }

    fn check_pinned(&self, identity: &Identity) -> Result<(), ReconcileError> {
        let claimed = self.claim.as_ref().map(|claim| &claim.identity);
        match K::common(&self.status).identity.as_ref().or(claimed) {
            Some(pinned) if pinned != identity => Err(ReconcileError::invalid(
                Reason::IdentityChanged,
                format!(
                    "status.identity is {} in account {}, but the spec now means {} in account {}. No changes were made. \
                     Revert the change, or delete and recreate the object.",
                    pinned.arn, pinned.account_id, identity.arn, identity.account_id
                ),
            )),
            _ => Ok(()),
        }
    }
}
