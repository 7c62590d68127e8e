//! Starts what runs in every replica: one watch per kind, health and metrics. What only a leader runs is in `leadership.rs`.

use std::sync::Arc;

use futures::{
    Future, FutureExt,
    future::{Either, select},
};
use k8s_openapi::{api::core::v1::Namespace, jiff::Timestamp};
use kube::{Api, Client};
use tokio::{net::TcpListener, task::JoinSet};
use tributary_api::{AwsAccount, BenchlingApp, BenchlingSubscription, EventBus, EventRedrive, EventReplay, EventRule, EventSink};
use tributary_core::{fence::Fence, for_each_kind, kinds::DELIVERABLE, settings::Settings, shard::Shard, view::View};

use super::{
    leadership::{Leadership, Permits},
    options::{Error, Options, Signal},
    shards,
};
use crate::{
    cluster::{
        reflector::{self, ReflectorContext},
        shards::HeldShards,
        stores::{Queues, Stores, stores},
        watch::{WatchSettings, expect_list},
    },
    telemetry::{
        health::{Admin, Health},
        metrics::Metrics,
    },
};

/// Name of this part in the readiness report.
const INSTALLATION_ID: &str = "installation id";

/// Reads the figures of the stores into the metrics, whenever these are requested.
fn refresh(metrics: Arc<Metrics>, stores: Stores, held: HeldShards) -> impl Fn() + Send + Sync + 'static {
    move || {
        metrics.set_shards_led(held.count());
        if !metrics.reports_objects() {
            return;
        }
        for (kind, ready, not_ready) in stores.counts(&held) {
            metrics.set_objects(kind, ready, not_ready);
        }
        let mut rules = stores.rules.state();
        rules.retain(|rule| held.own(rule));
        let deliverable = rules.iter().filter_map(|rule| {
            let conditions = &rule.0.as_ref().ok()?.status.as_ref()?.common.conditions;
            conditions.iter().find(|condition| condition.type_ == DELIVERABLE).map(|condition| condition.status.as_str())
        });
        metrics.set_deliverable(deliverable);
        metrics.set_deliveries(rules.iter().filter_map(|rule| {
            let rule = rule.0.as_ref().ok()?;
            let meta = &rule.metadata;
            Some((meta.namespace.as_deref()?, meta.name.as_deref()?, rule.status.as_ref()?))
        }));
        let mut buses = stores.buses.state();
        buses.retain(|bus| held.own(bus));
        metrics.set_event_sources(buses.iter().filter_map(|bus| {
            let bus = bus.0.as_ref().ok()?;
            let meta = &bus.metadata;
            Some((meta.namespace.as_deref()?, meta.name.as_deref()?, bus.status.as_ref()?.event_source.as_ref()?))
        }));
    }
}

/// Runs the operator until `stop` completes; reconciles in flight then are completed and the lease is released. Dropping the future
/// stops at once, as a crash does.
///
/// # Errors
/// The uid of namespace `kube-system` cannot be read, or the CA bundle for AWS cannot be used.
pub async fn run(
    client: Client,
    options: Options,
    listener: Option<TcpListener>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let (health, metrics) = (Arc::new(expectant()), Arc::new(Metrics::default()));
    let stop: Signal = stop.boxed().shared();
    let client = options.timeouts.client(&client);
    let (stores, writers) = stores();
    let mut options = options;
    options.shards = if options.lease.is_some() { options.shards.max(1) } else { 1 };
    metrics.set_shards(options.shards);
    let held = HeldShards::none(options.shards, stores.objects());
    let mut tasks = JoinSet::new();
    if let Some(listener) = listener {
        let admin = Admin::new(health.clone(), vec![metrics.registry()], refresh(metrics.clone(), stores.clone(), held.clone()));
        tasks.spawn(admin.serve(listener, stop.clone()));
    }
    let settings = Arc::new(settings(&client, &options, &health).await?);
    let view = View { objects: stores.objects(), settings, resolved_arn: None, resolved_definition: None, now: Timestamp::now() };
    let queues = Queues::default();
    let context = ReflectorContext {
        watch: WatchSettings { client: client.clone(), timeouts: options.timeouts, health: health.clone() },
        namespaces: options.watch_namespaces.clone(),
        queues: queues.clone(),
        view: view.clone(),
        shards: options.shards,
    };
    macro_rules! watch_all {
        ($($plural:ident $singular:ident: $kind:ident),* $(,)?) => {$({
            let watch = reflector::run(context.clone(), writers.$plural, queues.$plural.clone());
            let stop = stop.clone();
            tasks.spawn(async move { drop(select(std::pin::pin!(watch), stop).await) });
        })*};
    }
    for_each_kind!(watch_all);
    tracing::info!("operator started");
    // No reconcile before every kind is listed: a missing reference would look like a deleted one. Until then no replica leads either.
    let listed = matches!(select(std::pin::pin!(stores.all_listed()), stop.clone()).await, Either::Left(_));
    if listed {
        let (shard, outer, permits) = (Shard::ONLY, Fence::open(), Permits::default());
        let leadership = Leadership { client, options, stores, view, queues, metrics, stop, shard, held, outer, permits };
        match &leadership.options.lease {
            Some(lease) if leadership.options.shards > 1 => shards::run(&leadership, lease, &health).await?,
            _ => leadership.run(&health).await?,
        }
    }
    while tasks.join_next().await.is_some() {}
    tracing::info!("operator stopped");
    Ok(())
}

/// All that the operator needs before it is ready, as missing.
fn expectant() -> Health {
    let health = Health::default();
    health.waiting(INSTALLATION_ID, "the uid of namespace kube-system");
    macro_rules! expect_all {
        ($($plural:ident $singular:ident: $kind:ident),* $(,)?) => {$(expect_list::<$kind>(&health);)*};
    }
    for_each_kind!(expect_all);
    health
}

async fn settings(client: &Client, options: &Options, health: &Health) -> Result<Settings, Error> {
    let installation_id = match &options.installation_id {
        Some(id) => id.clone(),
        None => Api::<Namespace>::all(client.clone()).get("kube-system").await?.metadata.uid.unwrap_or_default(),
    };
    health.up(INSTALLATION_ID);
    Ok(Settings {
        installation_id,
        policy_settle: options.policy_settle,
        permission_settle: options.permission_settle,
        grant_grace: options.grant_grace,
        first_rule: options.first_rule,
        gateway_url: options.gateway_url.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_not_ready_before_its_tasks_have_run() {
        let missing = expectant().missing().join("\n");
        macro_rules! each_is_missing {
            ($($plural:ident $singular:ident: $kind:ident),* $(,)?) => {$(
                assert!(missing.contains(concat!(stringify!($kind), " watch: ")), "{missing}");
            )*};
        }
        for_each_kind!(each_is_missing);
        assert!(missing.contains(INSTALLATION_ID), "{missing}");
    }
}
