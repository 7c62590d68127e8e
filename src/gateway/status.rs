//! Writes `status.webhooks` of each app, at most every few seconds and only if it changes. Replicas add their counts: each write has the
//! read version as a precondition.

use std::time::Duration;

use futures::{StreamExt, stream};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;

use tributary_api::BenchlingApp;
use tributary_core::object::key_of;

use crate::gateway::state::Gateway;

const MANAGER: &str = "tributary-gateway";

/// Writes the status of all apps at this interval.
pub(crate) async fn write(client: Client, gateway: Gateway, every: Duration) {
    loop {
        // With jitter: simultaneous writes of replicas conflict.
        tokio::time::sleep(every.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
        let _ = flush(&gateway, &client).await;
    }
}

/// Writes the counts of this process before it ends. Conflicts with other replicas are retried.
pub(crate) async fn write_last(gateway: &Gateway, client: &Client) {
    for _ in 0..10 {
        if flush(gateway, client).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100 + fastrand::u64(0..200))).await;
    }
}

/// Returns whether all counts are written.
async fn flush(gateway: &Gateway, client: &Client) -> bool {
    let mut apps = Vec::new();
    gateway.view.each_app(|app| apps.push(app.clone()));
    stream::iter(apps)
        .map(|app| async move { flush_app(gateway, client, &app).await })
        .buffer_unordered(8)
        .fold(true, |all, written| async move { all && written })
        .await
}

async fn flush_app(gateway: &Gateway, client: &Client, app: &BenchlingApp) -> bool {
    let key = key_of(app);
    let before = app.status.as_ref().and_then(|status| status.webhooks.as_ref());
    let error =
        gateway.routes().all().find(|route| route.key == key).and_then(|route| route.bus.as_ref().err().map(|error| error.message.clone()));
    let (status, counted) = gateway.metrics.status(&key, before, error);
    if before == Some(&status) {
        return true;
    }
    let (Some(namespace), Some(name)) = (&app.metadata.namespace, &app.metadata.name) else { return true };
    let patch = json!({"metadata": {"resourceVersion": app.metadata.resource_version}, "status": {"webhooks": {
        "keys": status.keys, "keysFetchedAt": status.keys_fetched_at, "lastEventTime": status.last_event_time, "accepted": status.accepted,
        "duplicates": status.duplicates, "refused": status.refused, "failed": status.failed, "unknownTypes": status.unknown_types,
        "message": status.message,
    }}});
    let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
    match Api::<BenchlingApp>::namespaced(client.clone(), namespace).patch_status(name, &params, &Patch::Merge(patch)).await {
        Ok(_) => {
            gateway.metrics.written(&key, &counted);
            true
        }
        Err(kube::Error::Api(answer)) if answer.code == 404 => true,
        // Changed in the meantime: the next flush reads again.
        Err(kube::Error::Api(answer)) if answer.code == 409 => false,
        Err(error) => {
            tracing::warn!(app = key, %error, "status not written");
            false
        }
    }
}
