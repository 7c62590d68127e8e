//! Starts what runs in every replica: one watch per kind, health and metrics. The terms, in which a replica leads, are in `term.rs`.

use std::{sync::Arc, time::Duration};

use futures::{
    Future, FutureExt,
    future::{Either, select},
};
use k8s_openapi::{api::core::v1::Namespace, jiff::Timestamp};
use kube::{
    Api, Client,
    runtime::reflector::{self, Store, store::Writer},
};
use tokio::{net::TcpListener, task::JoinSet};

use super::{
    arn_from::ArnKind,
    edges::Edges,
    health::{Health, router},
    lease::LeaseOptions,
    metrics::Metrics,
    patience::Patience,
    probe::{NoProbe, Probe},
    term::Terms,
    watch::{self, Queue, Queues},
};
use crate::{
    api::{AwsAccount, BenchlingApp, BenchlingSubscription, EventBus, EventReplay, EventRule, EventSink},
    aws::AwsOptions,
    benchling_api::Urls,
    observe::Observe,
    resources::{Guarded, Managed, Settings, View},
};

#[derive(Clone)]
pub struct Options {
    /// Where Secrets of accounts live.
    pub operator_namespace: String,
    /// Only objects of these namespaces, and the accounts that they may use; none: all.
    pub watch_namespaces: Vec<String>,
    /// Part of every owner tag; `None`: the uid of the `kube-system` namespace.
    pub installation_id: Option<String>,
    pub policy_settle: Duration,
    pub permission_settle: Duration,
    pub grant_grace: Duration,
    pub first_rule: Duration,
    pub source_poll: Duration,
    pub sweep: Duration,
    pub full_sweep: Duration,
    pub concurrency: u16,
    pub patience: Patience,
    pub aws: AwsOptions,
    /// Where Benchling is.
    pub benchling: Urls,
    /// Where the gateway is reached from outside.
    pub gateway_url: Option<String>,
    /// Kinds whose objects may tell the ARN of a sink.
    pub arn_from: Vec<ArnKind>,
    /// By which the replicas agree on who leads; `None`: this is the only one.
    pub lease: Option<LeaseOptions>,
    /// The replica's name: in the lease, in Events, and in the user agent of its AWS calls.
    pub replica: String,
    pub probe: Arc<dyn Probe>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            operator_namespace: "tributary-system".into(),
            watch_namespaces: vec![],
            installation_id: None,
            policy_settle: Duration::from_mins(1),
            permission_settle: Duration::from_secs(10),
            grant_grace: Duration::from_hours(24),
            first_rule: Duration::from_secs(2),
            source_poll: Duration::from_secs(5),
            sweep: Duration::from_mins(5),
            full_sweep: Duration::from_hours(1),
            concurrency: 64,
            patience: Patience::default(),
            aws: AwsOptions::default(),
            benchling: Urls::default(),
            gateway_url: None,
            arn_from: vec![],
            lease: None,
            replica: "tributary".into(),
            probe: Arc::new(NoProbe),
        }
    }
}

async fn all_listed(view: &View) {
    let _ = view.accounts.wait_until_ready().await;
    let _ = view.subscriptions.wait_until_ready().await;
    let _ = view.apps.wait_until_ready().await;
    let _ = view.buses.wait_until_ready().await;
    let _ = view.rules.wait_until_ready().await;
    let _ = view.sinks.wait_until_ready().await;
    let _ = view.replays.wait_until_ready().await;
}

type Stores = (
    Store<Guarded<AwsAccount>>,
    Store<Guarded<BenchlingSubscription>>,
    Store<Guarded<EventBus>>,
    Store<Guarded<EventRule>>,
    Store<Guarded<EventSink>>,
    Store<Guarded<EventReplay>>,
    Store<Guarded<BenchlingApp>>,
);

type Writers = (
    Writer<Guarded<AwsAccount>>,
    Writer<Guarded<BenchlingSubscription>>,
    Writer<Guarded<EventBus>>,
    Writer<Guarded<EventRule>>,
    Writer<Guarded<EventSink>>,
    Writer<Guarded<EventReplay>>,
    Writer<Guarded<BenchlingApp>>,
);

fn stores() -> (Stores, Writers) {
    let (accounts, subscriptions, buses) = (reflector::store(), reflector::store(), reflector::store());
    let (rules, sinks, replays, apps) = (reflector::store(), reflector::store(), reflector::store(), reflector::store());
    let writers = (accounts.1, subscriptions.1, buses.1, rules.1, sinks.1, replays.1, apps.1);
    ((accounts.0, subscriptions.0, buses.0, rules.0, sinks.0, replays.0, apps.0), writers)
}

/// What the metrics tell of the stores, read when they are asked for.
fn refresh(metrics: Arc<Metrics>, stores: Stores) -> impl Fn() + Clone + Send + Sync + 'static {
    move || {
        if !metrics.tells_of_objects() {
            return;
        }
        for (kind, (ready, not)) in [
            (AwsAccount::KIND, watch::count(&stores.0)),
            (BenchlingSubscription::KIND, watch::count(&stores.1)),
            (EventBus::KIND, watch::count(&stores.2)),
            (EventRule::KIND, watch::count(&stores.3)),
            (EventSink::KIND, watch::count(&stores.4)),
            (EventReplay::KIND, watch::count(&stores.5)),
            (BenchlingApp::KIND, watch::count(&stores.6)),
        ] {
            metrics.objects(kind, ready, not);
        }
        let buses = stores.2.state();
        metrics.event_sources(buses.iter().filter_map(|bus| {
            let bus = bus.0.as_ref().ok()?;
            let meta = &bus.metadata;
            Some((meta.namespace.as_deref()?, meta.name.as_deref()?, bus.status.as_ref()?.event_source.as_ref()?))
        }));
    }
}

/// What the watches are started with: they run in every replica, whoever leads.
struct Watches<'a> {
    client: &'a Client,
    options: &'a Options,
    view: &'a View,
    queues: &'a Queues,
    health: &'a Arc<Health>,
    stop: &'a Signal,
    tasks: &'a mut JoinSet<()>,
}

impl Watches<'_> {
    fn start<K: Edges + Observe>(&mut self, writer: Writer<Guarded<K>>, store: &Store<Guarded<K>>, own: &Queue<K>)
    where
        Guarded<K>: serde::de::DeserializeOwned,
    {
        let watch = watch::run::<K>(
            self.client.clone(),
            self.options.patience,
            self.options.watch_namespaces.clone(),
            writer,
            store.clone(),
            own.clone(),
            self.queues.clone(),
            self.view.clone(),
            self.health.clone(),
        );
        let stop = self.stop.clone();
        self.tasks.spawn(async move { drop(select(std::pin::pin!(watch), stop).await) });
    }
}

/// What ends the operator before it is told to stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Kubernetes(#[from] kube::Error),
    #[error("the CA bundle cannot be used: {0}")]
    CaBundle(String),
}

pub(super) type Signal = futures::future::Shared<futures::future::BoxFuture<'static, ()>>;

/// Runs until `stop`; passes that are under way are finished, and the lease is given back. Dropping the future stops at once, as a crash does.
pub async fn run(
    client: Client,
    options: Options,
    listener: Option<TcpListener>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let (health, metrics) = (Arc::new(Health::default()), Arc::new(Metrics::default()));
    let stop: Signal = stop.boxed().shared();
    let client = options.patience.client(&client);
    let (stores, writers) = stores();
    let mut tasks = JoinSet::new();
    if let Some(listener) = listener {
        let app = router(health.clone(), metrics.clone(), refresh(metrics.clone(), stores.clone()));
        let stop = stop.clone();
        tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(stop).await {
                tracing::error!(%error, "health and metrics are not served");
            }
        });
    }
    health.waiting("installation id", "the uid of namespace kube-system");
    let installation_id = match &options.installation_id {
        Some(id) => id.clone(),
        None => Api::<Namespace>::all(client.clone()).get("kube-system").await?.metadata.uid.unwrap_or_default(),
    };
    health.up("installation id");
    let settings = Settings {
        installation_id,
        policy_settle: options.policy_settle,
        permission_settle: options.permission_settle,
        grant_grace: options.grant_grace,
        first_rule: options.first_rule,
        gateway_url: options.gateway_url.clone(),
    };
    let view = View {
        accounts: stores.0,
        subscriptions: stores.1,
        buses: stores.2,
        rules: stores.3,
        sinks: stores.4,
        replays: stores.5,
        apps: stores.6,
        settings: Arc::new(settings),
        told_arn: None,
        now: Timestamp::now(),
    };
    let queues = Queues::default();
    let mut watches =
        Watches { client: &client, options: &options, view: &view, queues: &queues, health: &health, stop: &stop, tasks: &mut tasks };
    watches.start(writers.0, &view.accounts, &queues.accounts);
    watches.start(writers.1, &view.subscriptions, &queues.subscriptions);
    watches.start(writers.2, &view.buses, &queues.buses);
    watches.start(writers.3, &view.rules, &queues.rules);
    watches.start(writers.4, &view.sinks, &queues.sinks);
    watches.start(writers.5, &view.replays, &queues.replays);
    watches.start(writers.6, &view.apps, &queues.apps);
    tracing::info!("operator started");
    // No pass before every kind is listed: a missing reference would look like a deleted one. Nor does a replica lead that cannot see.
    let listed = matches!(select(std::pin::pin!(all_listed(&view)), stop.clone()).await, Either::Left(_));
    if listed {
        let terms = Terms { client, options, view, queues, metrics, stop };
        terms.run(&health).await?;
    }
    while tasks.join_next().await.is_some() {}
    tracing::info!("operator stopped");
    Ok(())
}
