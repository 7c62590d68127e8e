//! What all requests of a replica share.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use k8s_openapi::jiff::Timestamp;
use tokio::sync::Semaphore;

use tributary_benchling::{Benchling, Urls};
use tributary_core::view::View;

use crate::{
    gateway::{
        accepted_events::AcceptedEvents,
        keys::Keys,
        lane::Lane,
        metrics::GatewayMetrics,
        options::Limits,
        routes::{Bus, Routes},
    },
    telemetry::health::Health,
};

/// How long the routes are used before they are computed again.
pub(crate) const ROUTES_LIFETIME: Duration = Duration::from_millis(250);

/// Opens the queue of a bus: publishes to it in AWS, or delivers within the process.
pub(crate) type OpenLane = Box<dyn Fn(&Bus) -> Lane + Send + Sync>;

/// Handle to the shared state.
#[derive(Clone)]
pub(crate) struct Gateway(pub(crate) Arc<State>);

impl std::ops::Deref for Gateway {
    type Target = State;
    fn deref(&self) -> &State {
        &self.0
    }
}

pub(crate) struct State {
    pub(crate) view: View,
    pub(crate) limits: Limits,
    /// Bytes of bodies that may be held.
    pub(crate) bodies: Arc<Semaphore>,
    pub(crate) keys: Keys,
    pub(crate) accepted_events: AcceptedEvents,
    pub(crate) metrics: GatewayMetrics,
    pub(crate) health: Arc<Health>,
    pub(crate) routes: Mutex<CachedRoutes>,
    pub(crate) lanes: Mutex<HashMap<LaneKey, Lane>>,
    /// Opens the queue of a bus.
    pub(crate) open: OpenLane,
}

/// Routes, and since when they are valid. `None` if they must be computed again.
#[derive(Default)]
pub(crate) struct CachedRoutes {
    since: Option<Instant>,
    routes: Arc<Routes>,
}

/// A bus as an `AwsAccount` reaches it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LaneKey {
    account: String,
    region: String,
    arn: String,
}

impl State {
    /// Returns the state of a gateway that serves the apps in the view.
    pub(crate) fn new(view: View, limits: Limits, urls: Urls, health: Arc<Health>, open: OpenLane) -> Self {
        Self {
            view,
            limits,
            bodies: Arc::new(Semaphore::new(limits.bodies)),
            keys: Keys::new(Benchling::new(urls)),
            accepted_events: AcceptedEvents::new(Instant::now()),
            metrics: GatewayMetrics::default(),
            health,
            routes: Mutex::default(),
            lanes: Mutex::default(),
            open,
        }
    }

    /// Returns what the replica waits for before it is ready.
    pub(crate) fn missing(&self) -> Vec<String> {
        self.health.missing()
    }

    pub(crate) fn routes(&self) -> Arc<Routes> {
        let mut cached = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.since.is_none_or(|at| at.elapsed() >= ROUTES_LIFETIME) {
            // Routes from before all objects are listed are incomplete and not cached.
            let since = self.missing().is_empty().then(Instant::now);
            let view = View { now: Timestamp::now(), ..self.view.clone() };
            *cached = CachedRoutes { since, routes: Arc::new(Routes::new(&view)) };
        }
        cached.routes.clone()
    }

    pub(crate) fn lane(&self, bus: &Bus) -> Lane {
        let identity = &bus.identity;
        let key = LaneKey { account: identity.account.clone(), region: identity.region.clone(), arn: identity.arn.clone() };
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.entry(key).or_insert_with(|| (self.open)(bus)).clone()
    }

    /// Drops state of apps and buses that no longer exist.
    pub(crate) fn retain(&self, routes: &Routes) {
        self.keys.retain(|definition| routes.has_definition(definition));
        self.metrics.retain(|app| routes.all().any(|route| route.key == app));
        let is_used = |key: &LaneKey| routes.all().filter_map(|route| route.bus.as_ref().ok()).any(|bus| bus.identity.arn == key.arn);
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).retain(|key, _| is_used(key));
    }
}
