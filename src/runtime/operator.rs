//! Starts the parts and joins them: one watch and one controller per kind. The one place where kinds are listed.

use std::{sync::Arc, time::Duration};

use futures::{Future, FutureExt, StreamExt, channel::mpsc, future::Either};
use k8s_openapi::{api::core::v1::Namespace, jiff::Timestamp};
use kube::{
    Api, Client,
    runtime::{
        Controller, controller,
        reflector::{self, ObjectRef, Store},
    },
};
use tokio::{net::TcpListener, task::JoinSet};

use super::{
    edges::Edges,
    events::{self, Recorder},
    health::{Health, router},
    memory::{Memory, Sweeps},
    metrics::Metrics,
    probe::{NoProbe, Probe},
    reconcile::{Context, reconcile},
    secrets::Secrets,
    watch::{self, Queues},
};
use crate::{
    api::{AwsAccount, BenchlingSubscription, EventBus, EventRule, EventSink},
    aws::{AwsOptions, Sessions},
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
    pub aws: AwsOptions,
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
            aws: AwsOptions::default(),
            probe: Arc::new(NoProbe),
        }
    }
}

/// One kind's store and queue, until its watch and controller are started.
struct Part<K: Edges> {
    store: Store<Guarded<K>>,
    writer: reflector::store::Writer<Guarded<K>>,
    own: mpsc::UnboundedSender<ObjectRef<Guarded<K>>>,
    queue: mpsc::UnboundedReceiver<ObjectRef<Guarded<K>>>,
}

impl<K: Edges> Part<K> {
    fn new() -> Self {
        let (store, writer) = reflector::store();
        let (own, queue) = mpsc::unbounded();
        Self { store, writer, own, queue }
    }
}

/// What the parts are started with.
struct Start {
    client: Client,
    options: Options,
    health: Arc<Health>,
    queues: Queues,
    context: Arc<Context>,
    stop: Signal,
    /// No pass before every kind is listed: a missing reference would look like a deleted one. One future for all who wait: a
    /// store wakes only the last of several that wait for it.
    listed: Signal,
}

type Signal = futures::future::Shared<futures::future::BoxFuture<'static, ()>>;

impl Start {
    fn part<K: Edges + Observe>(&self, part: Part<K>, tasks: &mut JoinSet<()>)
    where
        Guarded<K>: serde::de::DeserializeOwned,
    {
        let Part { store, writer, own, queue } = part;
        let view = self.context.view.clone();
        let watch = watch::run::<K>(
            self.client.clone(),
            self.options.watch_namespaces.clone(),
            writer,
            store.clone(),
            own,
            self.queues.clone(),
            view,
            self.health.clone(),
        );
        let stop = self.stop.clone();
        tasks.spawn(async move { drop(futures::future::select(std::pin::pin!(watch), stop).await) });
        let (context, stop, listed) = (self.context.clone(), self.stop.clone(), self.listed.clone());
        let config = controller::Config::default().concurrency(self.options.concurrency);
        tasks.spawn(async move {
            if let Either::Right(_) = futures::future::select(listed, stop.clone()).await {
                return;
            }
            Controller::<Guarded<K>>::for_stream(futures::stream::pending(), store)
                .with_config(config)
                .reconcile_on(queue)
                .graceful_shutdown_on(stop)
                .run(reconcile::<K>, |_, never, _| match *never {}, context)
                .for_each(|_| async {})
                .await;
        });
    }
}

async fn all_listed(view: View) {
    let _ = view.accounts.wait_until_ready().await;
    let _ = view.subscriptions.wait_until_ready().await;
    let _ = view.buses.wait_until_ready().await;
    let _ = view.rules.wait_until_ready().await;
    let _ = view.sinks.wait_until_ready().await;
}

type Stores = (
    Store<Guarded<AwsAccount>>,
    Store<Guarded<BenchlingSubscription>>,
    Store<Guarded<EventBus>>,
    Store<Guarded<EventRule>>,
    Store<Guarded<EventSink>>,
);

/// What the metrics tell of the stores, read when they are asked for.
fn refresh(metrics: Arc<Metrics>, stores: Stores) -> impl Fn() + Clone + Send + Sync + 'static {
    move || {
        for (kind, (ready, not)) in [
            (AwsAccount::KIND, watch::count(&stores.0)),
            (BenchlingSubscription::KIND, watch::count(&stores.1)),
            (EventBus::KIND, watch::count(&stores.2)),
            (EventRule::KIND, watch::count(&stores.3)),
            (EventSink::KIND, watch::count(&stores.4)),
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

/// Runs until `stop`; passes that are under way are finished. Dropping the future stops at once, as a crash does.
pub async fn run(
    client: Client,
    options: Options,
    listener: Option<TcpListener>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), kube::Error> {
    let health = Arc::new(Health::default());
    let metrics = Arc::new(Metrics::default());
    let stop = stop.boxed().shared();
    let (accounts, subscriptions, buses) = (Part::<AwsAccount>::new(), Part::<BenchlingSubscription>::new(), Part::<EventBus>::new());
    let (rules, sinks) = (Part::<EventRule>::new(), Part::<EventSink>::new());
    let mut tasks = JoinSet::new();
    let stores = (accounts.store.clone(), subscriptions.store.clone(), buses.store.clone(), rules.store.clone(), sinks.store.clone());
    let refresh = refresh(metrics.clone(), stores);
    if let Some(listener) = listener {
        let (app, stop) = (router(health.clone(), metrics.clone(), refresh), stop.clone());
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
    };
    let view = View {
        accounts: accounts.store.clone(),
        subscriptions: subscriptions.store.clone(),
        buses: buses.store.clone(),
        rules: rules.store.clone(),
        sinks: sinks.store.clone(),
        settings: Arc::new(settings),
        now: Timestamp::now(),
    };
    let (recorder, events) = Recorder::new(std::env::var("POD_NAME").unwrap_or_else(|_| "tributary".into()));
    tasks.spawn(events::write(client.clone(), events));
    let start = Start {
        queues: Queues {
            accounts: accounts.own.clone(),
            subscriptions: subscriptions.own.clone(),
            buses: buses.own.clone(),
            rules: rules.own.clone(),
            sinks: sinks.own.clone(),
        },
        listed: all_listed(view.clone()).boxed().shared(),
        context: Arc::new(Context {
            view,
            sessions: Sessions::new(options.aws.clone(), metrics.clone()),
            secrets: Secrets::new(client.clone(), &options.operator_namespace),
            recorder,
            metrics,
            memory: Memory::default(),
            sweeps: Sweeps {
                started: std::time::Instant::now(),
                quick: options.sweep,
                full: options.full_sweep,
                poll: options.source_poll,
            },
            probe: options.probe.clone(),
            client: client.clone(),
        }),
        client,
        options,
        health,
        stop,
    };
    start.part(accounts, &mut tasks);
    start.part(subscriptions, &mut tasks);
    start.part(buses, &mut tasks);
    start.part(rules, &mut tasks);
    start.part(sinks, &mut tasks);
    // The parts hold what they need; with the last of them the recorder goes, and so ends the writing of Events.
    drop(start);
    tracing::info!("operator started");
    while tasks.join_next().await.is_some() {}
    tracing::info!("operator stopped");
    Ok(())
}
