//! Liveness, readiness and metrics over HTTP. `/readyz` lists what the process still waits for.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use futures::Future;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, header};
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};
use tokio::net::TcpListener;

use crate::{
    http_server::{self, ServerLimits, plain},
    telemetry::metrics::encode,
};

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

/// What the port for health and metrics serves: `/healthz`, `/readyz` and `/metrics`.
pub(crate) struct Admin {
    health: Arc<Health>,
    registries: Vec<Arc<Registry>>,
    refresh: Box<dyn Fn() + Send + Sync>,
}

impl Admin {
    /// `/metrics` calls `refresh`, then encodes all `registries` as one OpenMetrics text.
    pub(crate) fn new(health: Arc<Health>, registries: Vec<Arc<Registry>>, refresh: impl Fn() + Send + Sync + 'static) -> Self {
        Self { health, registries, refresh: Box::new(refresh) }
    }

    /// Serves until `stop` completes, then answers open requests.
    pub(crate) async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let admin = Arc::new(self);
        let answer = move |request: Request<_>| std::future::ready(admin.answer(&request));
        http_server::serve(listener, ServerLimits::ADMIN, Gauge::default(), stop, answer).await;
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if !matches!(request.method(), &Method::GET | &Method::HEAD) {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are allowed");
        }
        match request.uri().path() {
            "/healthz" => plain(StatusCode::OK, "ok"),
            "/readyz" => self.ready(),
            "/metrics" => self.metrics(),
            _ => plain(StatusCode::NOT_FOUND, "not found"),
        }
    }

    fn ready(&self) -> Response<Full<Bytes>> {
        let missing = self.health.missing();
        if missing.is_empty() {
            let role = self.health.role.lock().unwrap_or_else(PoisonError::into_inner);
            return plain(StatusCode::OK, &format!("ok\n{role}"));
        }
        plain(StatusCode::SERVICE_UNAVAILABLE, &format!("waiting for\n{}", missing.join("\n")))
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        (self.refresh)();
        let mut response = Response::new(Full::new(Bytes::from(encode(&self.registries))));
        let type_ = header::HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, type_);
        response
    }
}
