//! Liveness, readiness and metrics over HTTP. `/readyz` lists what the process still waits for.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{Router, extract::State, http::StatusCode, routing::get};

use prometheus_client::registry::Registry;

use crate::telemetry::metrics::encode;

/// Parts of the process and what each still waits for; `None` once it is up.
#[derive(Debug, Default)]
pub(crate) struct Health {
    parts: Mutex<BTreeMap<String, Option<String>>>,
    role: Mutex<String>,
}

impl Health {
    /// Sets the text that `/readyz` has for the role of this replica. A standby is ready: it takes over at once.
    pub(crate) fn set_role(&self, role: impl Into<String>) {
        *self.role.lock().unwrap_or_else(PoisonError::into_inner) = role.into();
    }

    /// Sets what the part waits for.
    pub(crate) fn waiting(&self, part: &str, what: impl Into<String>) {
        self.parts().insert(part.to_owned(), Some(what.into()));
    }

    /// Marks the part as up.
    pub(crate) fn up(&self, part: &str) {
        self.parts().insert(part.to_owned(), None);
    }

    /// What the process still waits for, one line per part.
    pub(crate) fn missing(&self) -> Vec<String> {
        self.parts().iter().filter_map(|(part, what)| what.as_ref().map(|what| format!("{part}: {what}"))).collect()
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<String, Option<String>>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the routes `/healthz`, `/readyz` and `/metrics`.
///
/// `/metrics` calls `refresh`, then encodes all `registries` as one OpenMetrics text.
pub(crate) fn router(health: Arc<Health>, registries: Vec<Arc<Registry>>, refresh: impl Fn() + Clone + Send + Sync + 'static) -> Router {
    let metrics = move || async move {
        refresh();
        ([("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")], encode(&registries))
    };
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready).with_state(health))
        .route("/metrics", get(metrics))
}

async fn ready(State(health): State<Arc<Health>>) -> (StatusCode, String) {
    let missing = health.missing();
    if missing.is_empty() {
        return (StatusCode::OK, format!("ok\n{}\n", health.role.lock().unwrap_or_else(PoisonError::into_inner)));
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for\n{}\n", missing.join("\n")))
}
