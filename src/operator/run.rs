//! Starts what runs in every replica: one watch per kind, health and metrics. The terms, in which a replica leads, are in `leadership.rs`.

use std::sync::Arc;

use futures::{
    Future, FutureExt,
    future::{Either, select},
};
use k8s_openapi::{api::core::v1::Namespace, jiff::Timestamp};
use kube::{Api, Client};
use tokio::{net::TcpListener, task::JoinSet};
use tributary_core::{for_each_kind, settings::Settings, view::View};

use super::{
    leadership::Leadership,
    options::{Error, Options, Signal},
};
use crate::{
    cluster::{
        stores::{Queues, Stores, stores},
        watch::{self, WatchContext},
    },
    telemetry::{
        health::{Health, router},
        metrics::Metrics,
    },
};

/// What the metrics tell of the stores, read when they are asked for.
fn refresh(metrics: Arc<Metrics>, stores: Stores) -> impl Fn() + Clone + Send + Sync + 'static {
    move || {
        if !metrics.tells_of_objects() {
            return;
        }
        for (kind, ready, other) in stores.counts() {
            metrics.objects(kind, ready, other);
        }
        let buses = stores.buses.state();
        metrics.event_sources(buses.iter().filter_map(|bus| {
            let bus = bus.0.as_ref().ok()?;
            let meta = &bus.metadata;
            Some((meta.namespace.as_deref()?, meta.name.as_deref()?, bus.status.as_ref()?.event_source.as_ref()?))
        }));
    }
}

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
    let view = View { objects: stores.objects(), settings: Arc::new(settings), resolved_arn: None, now: Timestamp::now() };
    let queues = Queues::default();
    let context = WatchContext {
        client: client.clone(),
        patience: options.patience,
        namespaces: options.watch_namespaces.clone(),
        queues: queues.clone(),
        view: view.clone(),
        health: health.clone(),
    };
    macro_rules! watch_all {
        ($($plural:ident $singular:ident: $kind:ident),* $(,)?) => {$({
            let watch = watch::run(context.clone(), writers.$plural, stores.$plural.clone(), queues.$plural.clone());
            let stop = stop.clone();
            tasks.spawn(async move { drop(select(std::pin::pin!(watch), stop).await) });
        })*};
    }
    for_each_kind!(watch_all);
    tracing::info!("operator started");
    // No pass before every kind is listed: a missing reference would look like a deleted one. Nor does a replica lead that cannot see.
    let listed = matches!(select(std::pin::pin!(stores.all_listed()), stop.clone()).await, Either::Left(_));
    if listed {
        let terms = Leadership { client, options, stores, view, queues, metrics, stop };
        terms.run(&health).await?;
    }
    while tasks.join_next().await.is_some() {}
    tracing::info!("operator stopped");
    Ok(())
}
