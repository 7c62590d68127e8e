//! Resolves a backfill to everything that it needs: app, bus, account and credentials. The checks are those of the gateway.

use std::sync::Arc;

use kube::Api;

use tributary_api::{AccountRef, AwsAccount, BenchlingApp, BenchlingBackfill, BusKind, BusRef, EventBus, Identity};
use tributary_aws::Session;
use tributary_benchling::TenantClient;
use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    guarded::Guarded,
    object::key_of,
    references::{AppReferences, BusReferences},
};

use crate::{
    cluster::error::api_error,
    sync::{
        context::SyncContext,
        error::{SyncError, SyncErrorReason},
        view::view,
    },
};

/// The bus of a backfill's events, at one moment.
pub(crate) struct Target {
    pub(crate) identity: Identity,
    pub(crate) account: Arc<AwsAccount>,
    pub(crate) app: BenchlingApp,
}

/// Everything that a backfill needs.
pub(crate) struct BackfillContext {
    /// The bus.
    pub(crate) identity: Identity,
    pub(crate) session: Session,
    pub(crate) tenant_client: Arc<TenantClient>,
    pub(crate) tenant: String,
    /// `source` of the events.
    pub(crate) source: String,
}

impl SyncContext {
    /// Returns the bus if the events may be sent to it. Reads from the API server only.
    ///
    /// # Errors
    /// A reference is missing or not permitted, or the bus is no longer the one of the first run.
    pub(crate) async fn target(&self, backfill: &BenchlingBackfill) -> Result<Target, ReconcileError> {
        let namespace = backfill.metadata.namespace.as_deref().unwrap_or_default();
        let app = self.app(namespace, "spec", &backfill.spec.app_ref.name).await.map_err(reconcile_error)?;
        let (field, reference) = match &backfill.spec.bus_ref {
            Some(reference) => ("spec.busRef".to_owned(), reference.clone()),
            None => (format!("spec.appRef: BenchlingApp {}: spec.busRef", key_of(&app)), app.spec.bus_ref.clone()),
        };
        // The CRD allows no other kind.
        let reference = BusRef { kind: BusKind::EventBus, ..reference };
        let there = reference.namespace.as_deref().unwrap_or(namespace);
        let bus = Api::<Guarded<EventBus>>::namespaced(self.client.clone(), there).get_opt(&reference.name).await.map_err(api_error)?;
        let of_bus = bus.as_ref().and_then(|bus| bus.0.as_ref().ok()).and_then(|bus| bus.spec.account_ref.clone()).unwrap_or_default();
        let account = Api::<Guarded<AwsAccount>>::all(self.client.clone()).get_opt(&of_bus.name).await.map_err(api_error)?;
        let view = view(bus, account);
        let bus = view.bus_for(namespace, &field, &reference)?;
        bus.check_not_partner_bus(&field)?;
        bus.check_accepts_events(&field)?;
        let identity = bus.admitted_identity(&view)?;
        let account = view.account_for(namespace, Some(&AccountRef { name: identity.account.clone(), ..Default::default() }))?;
        let pinned = backfill.status.as_ref().and_then(|status| status.common.identity.as_ref());
        if let Some(pinned) = pinned.filter(|pinned| pinned.arn != identity.arn) {
            return Err(ReconcileError::invalid(
                Reason::IdentityChanged,
                format!(
                    "the backfill started on bus {}, but its references now resolve to {}. Revert the change, or create another BenchlingBackfill that \
                     starts at status.position.",
                    pinned.arn, identity.arn
                ),
            ));
        }
        Ok(Target { identity, account, app })
    }

    /// Returns the bus with a session for it, and a session in Benchling.
    ///
    /// # Errors
    /// As [`Self::target`], or Benchling or AWS rejects the credentials.
    pub(crate) async fn backfill_context(&self, backfill: &BenchlingBackfill) -> Result<BackfillContext, ReconcileError> {
        let Target { identity, account, app } = self.target(backfill).await?;
        let keys = self.secrets.keys_of(&account).await?;
        let session = self.sessions.open(&account, &identity.region, keys).await?;
        let (tenant, client) = self.credentials_of(&app, "spec", backfill.spec.tenant.as_ref()).await.map_err(reconcile_error)?;
        let begun = backfill.status.as_ref().and_then(|status| status.tenant.as_ref());
        if let Some(begun) = begun.filter(|begun| **begun != tenant) {
            return Err(ReconcileError::invalid(
                Reason::IdentityChanged,
                format!(
                    "the backfill started in tenant {begun}, but its BenchlingApp now resolves to tenant {tenant}. Revert the change, or create another \
                     BenchlingBackfill."
                ),
            ));
        }
        let tenant_client = self.tenant_clients.get(&tenant, client).map_err(|error| reconcile_error(error.into()))?;
        // Rejected credentials are reported before the backfill starts.
        tenant_client.token().await.map_err(|error| reconcile_error(error.into()))?;
        let source = backfill.spec.source.clone().unwrap_or_else(|| format!("{}{tenant}", app.source_prefix()));
        Ok(BackfillContext { identity, session, tenant_client, tenant, source })
    }
}

/// Returns the error as the condition of a backfill.
pub(crate) fn reconcile_error(error: SyncError) -> ReconcileError {
    use SyncErrorReason as T;
    let (class, reason) = match error.reason {
        T::AppNotFound => (RetryClass::Blocked, Reason::AppNotFound),
        T::AppNotReady | T::AppNotConfigured => (RetryClass::Blocked, Reason::AppNotReady),
        // Secrets are not watched.
        T::SecretNotFound => (RetryClass::Transient, Reason::SecretNotFound),
        T::SecretUnusable => (RetryClass::Refused, Reason::SecretUnusable),
        T::CredentialsRejected => (RetryClass::Refused, Reason::CredentialsRejected),
        T::TenantNotFound => (RetryClass::Refused, Reason::TenantNotFound),
        T::AppNotPermitted => (RetryClass::Refused, Reason::AppNotPermitted),
        T::BenchlingRefused => (RetryClass::Refused, Reason::BenchlingRefused),
        T::RateLimited => (RetryClass::Throttled, Reason::RateLimited),
        T::BenchlingUnavailable
        | T::SinkNotReady
        | T::QueueUnavailable
        | T::DatabaseNotPermitted
        | T::DatabaseUnavailable
        | T::DatabaseNotFound
        | T::DatabaseRefused
        | T::DatabaseFull
        | T::DatabaseTlsFailed
        | T::TableNotFound
        | T::TableNotUsable => (RetryClass::Transient, Reason::BenchlingUnavailable),
    };
    ReconcileError::new(class, reason, error.message)
}
