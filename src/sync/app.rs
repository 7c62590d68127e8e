//! Resolves a reference to a `BenchlingApp`: the app, its tenant and its client credentials.

use kube::Api;

use tributary_api::BenchlingApp;
use tributary_benchling::AppClient;
use tributary_core::{guarded::Guarded, object::key_of};

use crate::sync::{
    context::SyncContext,
    error::{SyncError, SyncErrorReason},
    tenant_clients::VersionedClient,
};

impl SyncContext {
    /// Returns the app that an object of the namespace references at `field`.
    pub(crate) async fn app(&self, namespace: &str, field: &str, name: &str) -> Result<BenchlingApp, SyncError> {
        let not_found = |message: String| SyncError::new(SyncErrorReason::AppNotFound, message);
        let found = Api::<Guarded<BenchlingApp>>::namespaced(self.client.clone(), namespace).get_opt(name).await;
        let found = found.map_err(|error| not_found(format!("{field}.appRef: BenchlingApp {namespace}/{name}: {error}")))?;
        let app = found.ok_or_else(|| {
            not_found(format!("{field}.appRef: BenchlingApp {namespace}/{name} not found. Create it, or correct the reference."))
        })?;
        app.into_object().map_err(|error| not_found(format!("{field}.appRef: BenchlingApp {namespace}/{name} cannot be read: {error}")))
    }

    /// Returns tenant and client credentials of the app, for an object of its namespace with `tenant` at `field`.
    pub(crate) async fn credentials_of(
        &self,
        app: &BenchlingApp,
        field: &str,
        tenant: Option<&String>,
    ) -> Result<(String, VersionedClient), SyncError> {
        let (key, namespace) = (key_of(app), app.metadata.namespace.as_deref().unwrap_or_default());
        let tenant = tenant_of(app, field, tenant)?;
        let credentials = app.spec.credentials.as_ref().ok_or_else(|| {
            not_ready(format!(
                "BenchlingApp {key} has no spec.credentials, which reading from Benchling requires. Set it to the Secret of the app's client."
            ))
        })?;
        let secret = &credentials.secret_ref.name;
        let client = AppClient::of_secret(&self.secret_to_send(namespace, secret).await?).map_err(|lack| {
            SyncError::new(SyncErrorReason::SecretNotFound, format!("Secret {namespace}/{secret} {lack}. Add it to the Secret."))
        })?;
        Ok((tenant, client))
    }
}

fn not_ready(message: String) -> SyncError {
    SyncError::new(SyncErrorReason::AppNotReady, message)
}

/// Returns the tenant of the app for an object with `tenant` at `field`.
///
/// # Errors
/// The app has no such tenant, or has several and none is named.
pub(crate) fn tenant_of(app: &BenchlingApp, field: &str, tenant: Option<&String>) -> Result<String, SyncError> {
    let key = key_of(app);
    match (tenant, app.spec.tenants.as_slice()) {
        (Some(tenant), all) if all.contains(tenant) => Ok(tenant.clone()),
        (None, [only]) => Ok(only.clone()),
        (Some(tenant), _) => {
            let message = format!("{field}.tenant: {tenant} is not in spec.tenants of BenchlingApp {key}. Correct one of the two.");
            Err(not_ready(message))
        }
        (None, _) => Err(not_ready(format!("BenchlingApp {key} has several tenants. Set {field}.tenant to one of them."))),
    }
}
