//! Sync: from a backfill to all that it needs: app, bus, account, client. The same checks as those of the gateway; an error says what is missing.

use tributary_api::{AccountRef, AwsAccount, BenchlingApp, BenchlingBackfill, BusKind, BusRef, EventBus, Identity};
use tributary_aws::Session;
use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    guarded::Guarded,
    managed::Managed,
    object::key_of,
    objects::{Objects, fixed},
    references::{AppReferences, BusReferences},
    view::View,
};

use crate::{
    cluster::error::api_error,
    sync::{
        poison::{Trouble, TroubleReason},
        reader::Reader,
        resolve::Shared,
    },
};

use kube::Api;

/// Where the events of a backfill go, as of one moment.
pub struct Target {
    pub place: Identity,
    pub account: AwsAccount,
    pub app: BenchlingApp,
}

/// All that a backfill needs.
pub struct Way {
    pub place: Identity,
    pub session: Session,
    pub reader: std::sync::Arc<Reader>,
    pub tenant: String,
    pub source: String,
}

impl Shared {
    /// Whether the events may go, and where to. Asks the API server alone.
    pub async fn target(&self, backfill: &BenchlingBackfill) -> Result<Target, ReconcileError> {
        let namespace = backfill.metadata.namespace.as_deref().unwrap_or_default();
        let app = self.app(namespace, "spec", &backfill.spec.app_ref.name).await.map_err(halted)?;
        let (field, reference) = match &backfill.spec.bus_ref {
            Some(reference) => ("spec.busRef".to_owned(), reference.clone()),
            None => (format!("spec.appRef: BenchlingApp {}: spec.busRef", key_of(&app)), app.spec.bus_ref.clone()),
        };
        // Admission knows no other kind.
        let reference = BusRef { kind: BusKind::EventBus, ..reference };
        let there = reference.namespace.as_deref().unwrap_or(namespace);
        let bus = Api::<Guarded<EventBus>>::namespaced(self.client.clone(), there).get_opt(&reference.name).await.map_err(api_error)?;
        let of_bus = bus.as_ref().and_then(|bus| bus.0.as_ref().ok()).and_then(|bus| bus.spec.account_ref.clone()).unwrap_or_default();
        let account = Api::<Guarded<AwsAccount>>::all(self.client.clone()).get_opt(&of_bus.name).await.map_err(api_error)?;
        let view = view(bus, account);
        let bus = view.bus_for(namespace, &field, &reference)?;
        bus.is_no_partners(&field)?;
        bus.takes_events(&field)?;
        let place = bus.identity(&view)?;
        let account = view.account_for(namespace, Some(&AccountRef { name: place.account.clone(), ..Default::default() }))?;
        let pinned = backfill.status.as_ref().and_then(|status| status.common.identity.as_ref());
        if let Some(pinned) = pinned.filter(|pinned| pinned.arn != place.arn) {
            return Err(ReconcileError::invalid(
                Reason::IdentityChanged,
                format!(
                    "the backfill was begun for {}, and its references now mean {}. Undo that, or make another BenchlingBackfill from status.position on",
                    pinned.arn, place.arn
                ),
            ));
        }
        Ok(Target { place, account, app })
    }

    /// The same, with credentials.
    pub async fn way(&self, backfill: &BenchlingBackfill) -> Result<Way, ReconcileError> {
        let Target { place, account, app } = self.target(backfill).await?;
        let keys = self.secrets.keys_of(&account).await?;
        let session = self.sessions.open(&account, &place.region, keys).await?;
        let (tenant, client) = self.client_of(&app, "spec", backfill.spec.tenant.as_ref()).await.map_err(halted)?;
        let begun = backfill.status.as_ref().and_then(|status| status.tenant.as_ref());
        if let Some(begun) = begun.filter(|begun| **begun != tenant) {
            return Err(ReconcileError::invalid(
                Reason::IdentityChanged,
                format!(
                    "the backfill was begun in tenant {begun}, and its BenchlingApp now means {tenant}. Undo that, or make another BenchlingBackfill"
                ),
            ));
        }
        let reader = self.reader(&tenant, client).await.map_err(halted)?;
        // So that a wrong client is known before it is begun.
        reader.token().await.map_err(halted)?;
        let source = backfill.spec.source.clone().unwrap_or_else(|| format!("{}{tenant}", app.source_prefix()));
        Ok(Way { place, session, reader, tenant, source })
    }
}

/// A view of nothing but these: what is asked of it is what the operator asks.
fn view(bus: Option<Guarded<EventBus>>, account: Option<Guarded<AwsAccount>>) -> View {
    let objects = Objects {
        accounts: fixed(account.and_then(|account| account.0.ok())),
        buses: fixed(bus.and_then(|bus| bus.0.ok())),
        ..Objects::default()
    };
    View { objects, resolved_arn: None, settings: std::sync::Arc::default(), now: k8s_openapi::jiff::Timestamp::now() }
}

/// Trouble with Benchling or what belongs to it, as a backfill says it.
pub fn halted(trouble: Trouble) -> ReconcileError {
    use TroubleReason as T;
    let (class, reason) = match trouble.reason {
        T::AppNotFound => (RetryClass::Blocked, Reason::AppNotFound),
        T::AppNotReady => (RetryClass::Blocked, Reason::AppNotReady),
        // Secrets are not watched.
        T::SecretNotFound => (RetryClass::Transient, Reason::SecretNotFound),
        T::SecretUnusable => (RetryClass::Refused, Reason::SecretUnusable),
        T::CredentialsRejected => (RetryClass::Refused, Reason::CredentialsRejected),
        T::TenantNotFound => (RetryClass::Refused, Reason::TenantNotFound),
        T::AppNotPermitted => (RetryClass::Refused, Reason::AppNotPermitted),
        T::BenchlingRefused => (RetryClass::Refused, Reason::BenchlingRefused),
        T::RateLimited => (RetryClass::Throttled, Reason::RateLimited),
        _ => (RetryClass::Transient, Reason::BenchlingUnavailable),
    };
    ReconcileError::new(class, reason, trouble.message)
}
