//! Health and readiness over HTTP, which name what they wait for; and the metrics.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{Router, extract::State, http::StatusCode, routing::get};

use crate::telemetry::metrics::Metrics;

/// Parts of the operator and what each still waits for; `None`: it is up.
#[derive(Debug, Default)]
pub struct Health {
    parts: Mutex<BTreeMap<String, Option<String>>>,
    role: Mutex<String>,
}

impl Health {
    /// Whether this replica leads, and who does if not. A standby is ready: it takes over at once.
    pub fn role(&self, role: impl Into<String>) {
        *self.role.lock().unwrap_or_else(PoisonError::into_inner) = role.into();
    }

    pub fn waiting(&self, part: &str, what: impl Into<String>) {
        self.parts().insert(part.to_owned(), Some(what.into()));
    }

    pub fn up(&self, part: &str) {
        self.parts().insert(part.to_owned(), None);
    }

    /// What is still waited for, one line each.
    pub fn missing(&self) -> Vec<String> {
        self.parts().iter().filter_map(|(part, what)| what.as_ref().map(|what| format!("{part}: {what}"))).collect()
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<String, Option<String>>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub fn router(health: Arc<Health>, metrics: Arc<Metrics>, refresh: impl Fn() + Clone + Send + Sync + 'static) -> Router {
    Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(ready).with_state(health)).route(
        "/metrics",
        get(move || async move {
            refresh();
            ([("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")], metrics.text())
        }),
    )
}

async fn ready(State(health): State<Arc<Health>>) -> (StatusCode, String) {
    let missing = health.missing();
    if missing.is_empty() {
        return (StatusCode::OK, format!("ok\n{}\n", health.role.lock().unwrap_or_else(PoisonError::into_inner)));
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for\n{}\n", missing.join("\n")))
}
