//! `tributary gateway`: takes webhooks of Benchling's apps, and puts each on its bus before it answers. Stateless; any number of replicas.
//!
//! One direction: choose the app -> verify -> look whether it was accepted before -> put in a batch -> answer. Pure but for `keys`, `batch`,
//! `server` and what is here. Reads objects as the operator does, and writes only `status.webhooks` of a `BenchlingApp`.

mod batch;
mod envelope;
mod handle;
mod keys;
mod routes;
mod seen;
mod server;
mod status;
mod tally;
mod verify;

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{Router, http::StatusCode, routing::get};
use futures::{FutureExt, StreamExt};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};

use tributary_api::{AwsAccount, BenchlingApp, EventBus};
use tributary_aws::{Answer, AwsOptions, Entry, Sessions};
use tributary_benchling::{Benchling, Urls};
use tributary_core::{error::ReconcileError, fence::Fence, managed::Managed, objects::Objects, settings::Settings, view::View};

use crate::{
    cluster::{
        queue::Queue,
        reflector::{self, ReflectorContext},
        secrets::Secrets,
        stores::{Queues, lister, stores},
        timeouts::Timeouts,
        watch::WatchSettings,
    },
    gateway::{
        batch::{Failed, Lane, Put},
        keys::Keys,
        routes::{Bus, Routes},
        seen::Seen,
        tally::Tally,
    },
    telemetry::{health::Health, metrics::Metrics},
};

/// What bounds the memory of a replica.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections.
    pub connections: usize,
    /// Bytes of one body.
    pub body: usize,
    /// Bytes of all bodies that are held at a time, beyond the first 16 KiB of each.
    pub bodies: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 2_048, body: 256 * 1024, bodies: 64 * 1024 * 1024 }
    }
}

#[derive(Clone)]
pub struct Options {
    /// Where Secrets of accounts live.
    pub namespace: String,
    /// Only apps of these namespaces; none: all.
    pub watch_namespaces: Vec<String>,
    pub timeouts: Timeouts,
    pub aws: AwsOptions,
    pub benchling: Urls,
    pub limits: Limits,
    /// Between two writes of an app's status.
    pub status_every: Duration,
    /// How long it serves on after it was told to stop, until nobody is sent here any more.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            namespace: "tributary-system".into(),
            watch_namespaces: vec![],
            timeouts: Timeouts::default(),
            aws: AwsOptions { timeout: Duration::from_secs(2), ..AwsOptions::default() },
            benchling: Urls::default(),
            limits: Limits::default(),
            status_every: Duration::from_secs(10),
            drain: Duration::from_secs(5),
        }
    }
}

/// How old what is known of the apps may be when a webhook comes.
const ROUTES_FRESH: Duration = Duration::from_millis(250);
/// Between two looks at what keys are due.
const KEYS_EVERY: Duration = Duration::from_secs(1);

/// All that requests share.
#[derive(Clone)]
struct Gateway(Arc<Shared>);

struct Shared {
    view: View,
    limits: Limits,
    bodies: Arc<Semaphore>,
    keys: Keys,
    seen: Seen,
    tally: Tally,
    health: Arc<Health>,
    routes: Mutex<(Option<Instant>, Arc<Routes>)>,
    lanes: Mutex<HashMap<LaneKey, Lane>>,
    aws: Arc<Aws>,
}

/// `AwsAccount`, Region and ARN of a bus.
type LaneKey = (String, String, String);

impl std::ops::Deref for Gateway {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Shared {
    fn view(&self) -> View {
        View { now: Timestamp::now(), ..self.view.clone() }
    }

    fn missing(&self) -> Vec<String> {
        self.health.missing()
    }

    fn routes(&self) -> Arc<Routes> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        if routes.0.is_none_or(|at| at.elapsed() >= ROUTES_FRESH) {
            // What was seen before all is listed is not the truth a moment later.
            let now = self.missing().is_empty().then(Instant::now);
            *routes = (now, Arc::new(Routes::new(&self.view())));
        }
        routes.1.clone()
    }

    fn lane(&self, bus: &Bus) -> Lane {
        let (identity, account) = (&bus.identity, &bus.account);
        let key = (identity.account.clone(), identity.region.clone(), identity.arn.clone());
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let open = || {
            Lane::open(ToBus {
                aws: self.aws.clone(),
                account: identity.account.clone(),
                account_id: account.spec.account_id.clone(),
                region: identity.region.clone(),
            })
        };
        lanes.entry(key).or_insert_with(open).clone()
    }

    /// Forgets what is of apps that are gone, or of buses.
    fn tidy(&self, routes: &Routes) {
        self.keys.keep(|definition| routes.has_definition(definition));
        self.tally.keep(|app| routes.all().any(|route| route.key == app));
        let used = |key: &LaneKey| routes.all().filter_map(|route| route.bus.as_ref().ok()).any(|bus| bus.identity.arn == key.2);
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).retain(|key, _| used(key));
    }
}

struct Aws {
    view: View,
    sessions: Sessions,
    secrets: Secrets,
}

/// `PutEvents` as an `AwsAccount` says, as it is at the moment of the call.
struct ToBus {
    aws: Arc<Aws>,
    account: String,
    account_id: String,
    region: String,
}

impl ToBus {
    async fn session(&self) -> Result<tributary_aws::Session, ReconcileError> {
        let gone = || ReconcileError::transient(format!("AwsAccount {} is gone or of another account", self.account));
        let account: AwsAccount =
            self.aws.view.account(&self.account).filter(|account| account.spec.account_id == self.account_id).ok_or_else(gone)?;
        let keys = self.aws.secrets.keys_of(&account).await?;
        self.aws.sessions.open(&account, &self.region, keys).await
    }
}

impl Put for ToBus {
    async fn put(&self, entries: &[&Entry]) -> Result<Vec<Answer>, Failed> {
        let session = self.session().await.map_err(|halt| Failed::Late(halt.to_string()))?;
        Ok(session.put(entries).await?)
    }
}

/// What ends the gateway before it is told to stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the CA bundle cannot be used: {0}")]
    CaBundle(String),
}

/// Serves webhooks at `public`, and health and metrics at `admin`, until `stop`; what is under way is finished.
pub async fn run(
    client: Client,
    options: Options,
    public: TcpListener,
    admin: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let stop = stop.boxed().shared();
    let client = options.timeouts.client(&client);
    let (stores, writers) = stores();
    // Only what it watches. The other kinds have no objects here.
    let objects =
        Objects { accounts: lister(&stores.accounts), apps: lister(&stores.apps), buses: lister(&stores.buses), ..Objects::default() };
    let view = View { objects, settings: Arc::new(Settings::default()), resolved_arn: None, now: Timestamp::now() };
    let (health, metrics) = (Arc::new(Health::default()), Arc::new(Metrics::default()));
    for kind in [AwsAccount::KIND, EventBus::KIND, BenchlingApp::KIND] {
        // By the name that the watch gives it: not even at the first moment is the gateway ready.
        health.waiting(&format!("{kind} watch"), "the first list of objects");
    }
    let mut tasks = JoinSet::new();
    // The queues have no controllers here.
    let context = ReflectorContext {
        watch: WatchSettings { client: client.clone(), timeouts: options.timeouts, health: health.clone() },
        namespaces: options.watch_namespaces.clone(),
        queues: Queues::default(),
        view: view.clone(),
    };
    tasks.spawn(reflector::run(context.clone(), writers.accounts, stores.accounts, Queue::default()));
    tasks.spawn(reflector::run(context.clone(), writers.buses, stores.buses, Queue::default()));
    tasks.spawn(reflector::run(context, writers.apps, stores.apps, Queue::default()));
    let aws = Aws {
        view: view.clone(),
        sessions: Sessions::new(options.aws.clone(), metrics.clone(), Fence::open()).map_err(Error::CaBundle)?,
        secrets: Secrets::new(client.clone(), &options.namespace),
    };
    let gateway = Gateway(Arc::new(Shared {
        view,
        limits: options.limits,
        bodies: Arc::new(Semaphore::new(options.limits.bodies)),
        keys: Keys::new(Benchling::new(options.benchling.clone())),
        seen: Seen::new(Instant::now()),
        tally: Tally::default(),
        health,
        routes: Mutex::default(),
        lanes: Mutex::default(),
        aws: Arc::new(aws),
    }));
    tasks.spawn(serve_admin(gateway.clone(), metrics, admin));
    tasks.spawn(prepare(gateway.clone()));
    tasks.spawn(status::write(client.clone(), gateway.clone(), options.status_every));
    tracing::info!("gateway started");
    let told = {
        let (gateway, stop, drain) = (gateway.clone(), stop.clone(), options.drain);
        async move {
            stop.await;
            gateway.health.waiting("gateway", "its end: it was told to stop");
            tokio::time::sleep(drain).await;
        }
    };
    server::serve(gateway.clone(), public, told).await;
    status::last(&gateway, &client).await;
    tasks.shutdown().await;
    tracing::info!("gateway stopped");
    Ok(())
}

/// Keeps the keys of all apps fresh, so that no webhook has to wait for them.
async fn prepare(gateway: Gateway) {
    loop {
        let routes = gateway.routes();
        gateway.tidy(&routes);
        futures::stream::iter(routes.all())
            .for_each_concurrent(8, |route| {
                let gateway = &gateway;
                async move { gateway.tally.keys(&route.key, gateway.keys.prepare(&route.definition).await) }
            })
            .await;
        // At the start there are no apps before all is listed.
        tokio::time::sleep(if gateway.missing().is_empty() { KEYS_EVERY } else { ROUTES_FRESH }).await;
    }
}

/// Health and metrics, for the cluster and not for the world.
async fn serve_admin(gateway: Gateway, metrics: Arc<Metrics>, listener: TcpListener) {
    let ready = {
        let gateway = gateway.clone();
        move || {
            let missing = gateway.missing();
            async move {
                if missing.is_empty() {
                    (StatusCode::OK, "ok\n".to_owned())
                } else {
                    (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for\n{}\n", missing.join("\n")))
                }
            }
        }
    };
    let text = move || {
        let (own, aws) = (gateway.tally.text(), metrics.text());
        async move {
            let own = own.trim_end().trim_end_matches("# EOF").to_owned();
            ([("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")], own + &aws)
        }
    };
    let app = Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(ready)).route("/metrics", get(text));
    if let Err(error) = axum::serve(listener, app).await {
        tracing::error!(%error, "health and metrics are not served");
    }
}
