//! Starts the gateway: watches, the public and the admin server, key refresh and status writes.

use std::{future::Future, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use tokio::{net::TcpListener, task::JoinSet};

use tributary_api::{AwsAccount, BenchlingApp, EventBus};
use tributary_aws::Sessions;
use tributary_core::{fence::Fence, objects::Objects, settings::Settings, view::View};

use crate::{
    cluster::{
        queue::Queue,
        reflector::{self, ReflectorContext},
        secrets::Secrets,
        stores::{Queues, Stores, Writers, lister, stores},
        watch::{WatchSettings, expect_list},
    },
    gateway::{
        bus::{Aws, BusPublisher},
        handle,
        lane::Lane,
        options::{Limits, Options},
        routes::Bus,
        state::{Gateway, ROUTES_LIFETIME, State},
        status,
    },
    http_server::{self, ServerLimits, WhenFull},
    telemetry::{
        health::{Admin, Health},
        metrics::Metrics,
    },
};

/// Time limit for a request head, and for an idle connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Interval of the checks for key sets that are due.
const KEYS_INTERVAL: Duration = Duration::from_secs(1);

/// What ends the gateway before `stop`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the CA bundle cannot be used: {0}")]
    CaBundle(String),
}

/// Serves webhooks at `public`, and health and metrics at `admin`, until `stop` completes and open requests are answered.
///
/// # Errors
/// The CA bundle cannot be used.
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
    let metrics = Arc::new(Metrics::default());
    let gateway = Gateway(Arc::new(state(&client, &options, &stores, metrics.clone())?));
    let mut tasks = JoinSet::new();
    watch(&mut tasks, &client, &options, &gateway, writers);
    let served = Admin::new(gateway.health.clone(), vec![gateway.metrics.registry(), metrics.registry()], || {});
    tasks.spawn(served.serve(admin, std::future::pending()));
    tasks.spawn(refresh_keys(gateway.clone()));
    tasks.spawn(status::write(client.clone(), gateway.clone(), options.status_every));
    tracing::info!("gateway started");
    let drained = {
        let (gateway, drain) = (gateway.clone(), options.drain);
        async move {
            stop.await;
            gateway.health.waiting("gateway", "shutting down");
            tokio::time::sleep(drain).await;
        }
    };
    serve(gateway.clone(), public, drained).await;
    status::write_last(&gateway, &client).await;
    tasks.shutdown().await;
    tracing::info!("gateway stopped");
    Ok(())
}

fn state(client: &Client, options: &Options, stores: &Stores, metrics: Arc<Metrics>) -> Result<State, Error> {
    // Only the kinds that the gateway watches.
    let objects =
        Objects { accounts: lister(&stores.accounts), apps: lister(&stores.apps), buses: lister(&stores.buses), ..Objects::default() };
    let view =
        View { objects, settings: Arc::new(Settings::default()), resolved_arn: None, resolved_definition: None, now: Timestamp::now() };
    let health = Arc::new(Health::default());
    health.set_role("serving webhooks");
    expect_list::<AwsAccount>(&health);
    expect_list::<EventBus>(&health);
    expect_list::<BenchlingApp>(&health);
    let aws = Arc::new(Aws {
        view: view.clone(),
        sessions: Sessions::new(options.aws.clone(), metrics, Fence::open()).map_err(Error::CaBundle)?,
        secrets: Secrets::new(client.clone(), &options.namespace),
    });
    let open = Box::new(move |bus: &Bus| Lane::open(BusPublisher::new(aws.clone(), bus)));
    Ok(State::new(view, options.limits, options.benchling.clone(), health, open))
}

fn watch(tasks: &mut JoinSet<()>, client: &Client, options: &Options, gateway: &Gateway, writers: Writers) {
    // No controllers read these queues.
    let context = ReflectorContext {
        watch: WatchSettings { client: client.clone(), timeouts: options.timeouts, health: gateway.health.clone() },
        namespaces: options.watch_namespaces.clone(),
        queues: Queues::default(),
        view: gateway.view.clone(),
        shards: 1,
    };
    tasks.spawn(reflector::run(context.clone(), writers.accounts, Queue::default()));
    tasks.spawn(reflector::run(context.clone(), writers.buses, Queue::default()));
    tasks.spawn(reflector::run(context, writers.apps, Queue::default()));
}

/// Keeps the key sets of all apps fresh, so that no webhook waits for them.
pub(crate) async fn refresh_keys(gateway: Gateway) {
    loop {
        let routes = gateway.routes();
        gateway.retain(&routes);
        futures::stream::iter(routes.all())
            .for_each_concurrent(8, |route| {
                let gateway = &gateway;
                async move { gateway.metrics.keys(&route.key, gateway.keys.refresh(&route.definition).await) }
            })
            .await;
        // There are no apps until all objects are listed.
        tokio::time::sleep(if gateway.missing().is_empty() { KEYS_INTERVAL } else { ROUTES_LIFETIME }).await;
    }
}

/// Serves webhooks at the public port until `stop` completes.
async fn serve(gateway: Gateway, listener: TcpListener, stop: impl Future<Output = ()>) {
    let limits = server_limits(gateway.limits);
    let gauge = gateway.metrics.connections.clone();
    let answer = move |request| {
        let gateway = gateway.clone();
        async move { handle::answer(&gateway, request).await }
    };
    http_server::serve(listener, limits, gauge, stop, answer).await;
}

/// Returns the limits of the public port.
pub(crate) fn server_limits(limits: Limits) -> ServerLimits {
    ServerLimits { connections: limits.connections, when_full: WhenFull::Wait, head: HEAD_TIMEOUT, write: limits.write, age: limits.age }
}
