//! Leadership: while a replica holds the lease it runs one controller per kind, with a reconcile state of its own.
//!
//! A leadership term lasts from acquiring the lease to losing or releasing it. A new term knows as little as a new process. It is of all
//! AWS accounts, or of one shard of them (`shards`).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Instant,
};

use futures::{
    StreamExt,
    future::{Either, select},
};
use kube::{
    Api, Client,
    api::ListParams,
    runtime::{
        Controller,
        controller::{self, Action},
        reflector::Store,
    },
};
use tokio::{sync::Semaphore, task::JoinSet};

use tributary_api::EventRule;
use tributary_aws::{AwsOptions, Sessions};
use tributary_benchling::Benchling;
use tributary_core::{fence::Fence, for_each_kind, guarded::Guarded, object::key_of, shard::Shard, view::View};

use crate::{
    cluster::{
        arn_from::ArnSources,
        deletions::DeletionCounter,
        dependents::Dependents,
        error::fenced,
        queue::Queue,
        reference::reference_of,
        secrets::Secrets,
        shards::{HeldShards, account_of, route, shard_of},
        stores::{Queues, Stores},
    },
    observe::{Observe, Redrives, change_feeds::ChangeFeeds, observations::Observations},
    operator::{
        app_configuration::AppConfigurations,
        change_events,
        changes::NotedChanges,
        context::Context,
        deliveries,
        events::{self, Recorder},
        lease::{Candidate, Held, Lost, unique},
        name_locks::NameLocks,
        options::{Error, Options, Signal},
        reconcile::reconcile,
        state::{ReconcileState, ResyncSchedule},
        turns::{self, Turns},
    },
    telemetry::{health::Health, metrics::Metrics},
};

/// A replica that leads whenever it holds the lease.
#[derive(Clone)]
pub(super) struct Leadership {
    pub(super) client: Client,
    pub(super) options: Options,
    pub(super) stores: Stores,
    pub(super) view: View,
    pub(super) queues: Queues,
    pub(super) metrics: Arc<Metrics>,
    pub(super) stop: Signal,
    /// What its terms are of.
    pub(super) shard: Shard,
    pub(super) held: HeldShards,
    /// The fence that those of its terms are within.
    pub(super) outer: Fence,
    pub(super) permits: Permits,
}

/// Reconciles at the same time, which the terms of all shards of a replica share: many shards are no more load than one. By kind.
#[derive(Clone, Default)]
pub(super) struct Permits(Arc<Mutex<HashMap<&'static str, Arc<Semaphore>>>>);

impl Permits {
    fn of(&self, kind: &'static str, concurrency: u16) -> Arc<Semaphore> {
        let permits = if concurrency == 0 { Semaphore::MAX_PERMITS } else { usize::from(concurrency) };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(kind).or_insert_with(|| Arc::new(Semaphore::new(permits))).clone()
    }
}

/// How a leadership term ended.
pub(super) enum TermEnd {
    /// The operator was stopped.
    Stopped,
    /// The lease was lost.
    Lost(Lost),
}

impl Leadership {
    /// Leads whenever this replica holds the lease, until the operator is stopped.
    ///
    /// # Errors
    /// The CA bundle for AWS cannot be used.
    pub(super) async fn run(&self, health: &Health) -> Result<(), Error> {
        let Some(lease) = &self.options.lease else {
            health.set_role("single replica");
            let _leads = self.held.lead(self.shard);
            return self.lead(&Fence::open()).await;
        };
        let lease_key = format!("{}/{}", lease.namespace, lease.name);
        let mut candidate = Candidate::new(self.client.clone(), lease.clone(), unique(&self.options.replica));
        loop {
            let acquired = candidate.acquire(|holder| {
                let holder = holder.unwrap_or("no replica");
                tracing::info!(holder, lease = lease.name, "standby");
                health.set_role(format!("standby; {holder} holds lease {lease_key}"));
            });
            let Either::Left((mut held, _)) = select(std::pin::pin!(acquired), self.stop.clone()).await else { return Ok(()) };
            health.set_role(format!("leading; this replica holds lease {lease_key}"));
            tracing::info!(lease = lease.name, "leading");
            match self.serve_term(&candidate, &mut held).await? {
                TermEnd::Stopped => {
                    candidate.release(held).await;
                    return Ok(());
                }
                TermEnd::Lost(lost) => {
                    self.report_lost(&lost, &held);
                    health.set_role(format!("standby; {} holds lease {lease_key}", lost.holder().unwrap_or("an unknown replica")));
                }
            }
        }
    }

    /// The same replica as the leader of a shard. Its terms end with `stop`, and write only while `outer` is open.
    pub(super) fn of_shard(&self, shard: Shard, outer: &Fence, stop: Signal) -> Self {
        Self { shard, outer: outer.clone(), stop, ..self.clone() }
    }

    /// Reports that the lease was lost.
    pub(super) fn report_lost(&self, lost: &Lost, held: &Held) {
        self.metrics.count_lost_lease();
        let lease = held.lease.metadata.name.as_deref();
        tracing::warn!(%lost, lease, "lost leadership; in-flight reconciles canceled");
    }

    /// Leads until the operator is stopped or the lease is lost. Dropping the term cancels everything that it started.
    pub(super) async fn serve_term(&self, candidate: &Candidate, held: &mut Held) -> Result<TermEnd, Error> {
        let fence = candidate.fence(held).within(&self.outer);
        let leads = self.held.lead(self.shard);
        let end = {
            let (term, renewals) = (std::pin::pin!(self.lead(&fence)), std::pin::pin!(candidate.hold(held, &fence)));
            match select(term, renewals).await {
                Either::Left((ended, _)) => ended.map(|()| TermEnd::Stopped)?,
                Either::Right((lost, _)) => TermEnd::Lost(lost),
            }
        };
        fence.close();
        drop(leads);
        Ok(end)
    }

    /// Runs the controllers. Returns when all of them have stopped.
    async fn lead(&self, fence: &Fence) -> Result<(), Error> {
        let client = fenced(&self.client, fence);
        let (recorder, events) = Recorder::new(self.options.replica.clone());
        let context = Arc::new(self.context(&client, fence, recorder)?);
        let mut tasks = JoinSet::new();
        tasks.spawn(events::write(client.clone(), events));
        tasks.spawn(read_term_version(client, context.term_version.clone()));
        macro_rules! control_all {
            ($($plural:ident $singular:ident: $kind:ident),* $(,)?) => {
                $(self.control(&self.stores.$plural, &self.queues.$plural, &context, &mut tasks);)*
            };
        }
        for_each_kind!(control_all);
        tasks.spawn(change_events::run(context.clone(), self.queues.clone(), self.options.long_poll(), self.stop.clone()));
        tasks.spawn(deliveries::read(context.clone(), self.queues.clone(), self.stop.clone()));
        // The controllers hold the context. With the last of them the recorder is dropped, which ends the writing of Events.
        drop(context);
        while tasks.join_next().await.is_some() {}
        Ok(())
    }

    fn context(&self, client: &Client, fence: &Fence, recorder: Recorder) -> Result<Context, Error> {
        let options = &self.options;
        let secrets = Secrets::new(client.clone(), &options.operator_namespace);
        let aws = AwsOptions { app_name: Some(options.replica.clone()), ..options.aws.clone() };
        Ok(Context {
            shard: self.shard,
            view: self.view.clone(),
            sessions: Sessions::new(aws, self.metrics.clone(), fence.clone()).map_err(Error::CaBundle)?,
            secrets: Secrets::new(client.clone(), &options.operator_namespace),
            arn_sources: ArnSources { client: client.clone(), kinds: options.arn_from.clone(), provided: vec![] },
            recorder,
            metrics: self.metrics.clone(),
            state: ReconcileState::default(),
            changes: NotedChanges::default(),
            names: NameLocks::default(),
            deletions: DeletionCounter::new(client.clone()),
            resyncs: ResyncSchedule {
                started: Instant::now(),
                quick: options.resync,
                full: options.full_resync,
                poll: options.source_poll,
            },
            fault_points: options.fault_points.clone(),
            audit: options.audit.clone(),
            clock: options.clock.clone(),
            benchling: Benchling::new(options.benchling.clone()),
            redrives: Redrives::new(options.redrive_hidden),
            app_configurations: AppConfigurations::new(client.clone(), secrets, options.benchling.clone(), options.resync),
            change_feeds: ChangeFeeds::default(),
            observations: Observations::default(),
            client: client.clone(),
            term_version: Arc::default(),
            dry_run: None,
        })
    }

    fn control<K: Dependents + Observe>(&self, store: &Store<Guarded<K>>, queue: &Queue<K>, context: &Arc<Context>, tasks: &mut JoinSet<()>)
    where
        Guarded<K>: serde::de::DeserializeOwned,
    {
        let (store, context, stop, calls) = (store.clone(), context.clone(), self.stop.clone(), queue.clone());
        let queue = {
            if self.shard != Shard::ONLY {
                tasks.spawn(queue_missed(store.clone(), queue.clone(), context.clone(), stop.clone()));
            }
            queue.open(&store, self.shard, &route(&store, &self.view, self.shard.of))
        };
        let (limit, all) = (self.options.concurrency, self.options.concurrency.saturating_mul(turns::ACCOUNTS));
        let config = controller::Config::default().concurrency(all);
        let permits = (self.shard != Shard::ONLY).then(|| self.permits.of(K::KIND, all));
        let turns = Turns::new(limit.into());
        let call_again = {
            let (turns, calls, stop) = (turns.clone(), calls.clone(), self.stop.clone());
            async move { drop(select(std::pin::pin!(turns.call_again(|next| calls.send(next))), stop).await) }
        };
        tasks.spawn(call_again);
        let reconcile = move |object: Arc<Guarded<K>>, context: Arc<Context>| {
            let (permits, turns, calls) = (permits.clone(), turns.clone(), calls.clone());
            async move {
                let account = account_of(&object, &context.view);
                let Some(_turn) = turns.begin(&account, &reference_of(object.as_ref()), |next| calls.send(next)) else {
                    return Ok(Action::await_change());
                };
                let _permit = match &permits {
                    Some(permits) => permits.acquire().await.ok(),
                    None => None,
                };
                reconcile::<K>(object, &account, context).await
            }
        };
        tasks.spawn(async move {
            Controller::<Guarded<K>>::for_stream(futures::stream::pending(), store)
                .with_config(config)
                .reconcile_on(queue)
                .graceful_shutdown_on(stop)
                .run(reconcile, |_, never, _| match *never {}, context)
                .for_each(|_| async {})
                .await;
        });
    }
}

/// Queues, once in a resync interval, the objects of the shard that were never reconciled in this term: those that came to the shard without
/// a change that has queued them.
async fn queue_missed<K: Observe>(store: Store<Guarded<K>>, queue: Queue<K>, context: Arc<Context>, stop: Signal) {
    loop {
        let pause = std::pin::pin!(tokio::time::sleep(context.resyncs.quick));
        if let Either::Right(_) = select(pause, stop.clone()).await {
            return;
        }
        for object in store.state() {
            let is_own = shard_of(object.as_ref(), &context.view, context.shard.of) == context.shard;
            if is_own && !context.state.knows(&format!("{}/{}", K::KIND, key_of(object.as_ref()))) {
                queue.send(reference_of(object.as_ref()));
            }
        }
    }
}

/// Reads the resourceVersion of the cluster, once. It is no older than the leadership term: the API server answers a list without a version
/// with the most recent state (Kubernetes API concepts, "Semantics for get and list"). Without it, objects are read before their deletion.
async fn read_term_version(client: Client, version: Arc<OnceLock<u64>>) {
    match Api::<EventRule>::all(client).list_metadata(&ListParams::default().limit(1)).await {
        Ok(list) => {
            let read = list.metadata.resource_version.as_deref().and_then(|text| text.parse().ok());
            read.map(|read| version.set(read));
        }
        Err(error) => tracing::info!(%error, "cannot read the resourceVersion; objects are read before their deletion"),
    }
}
