//! Leadership: while a replica holds the lease it runs one controller per kind, with a reconcile state of its own.
//!
//! A leadership term lasts from acquiring the lease to losing or releasing it. A new term knows as little as a new process.

use std::{sync::Arc, time::Instant};

use futures::{
    StreamExt,
    future::{Either, select},
};
use kube::{
    Client,
    runtime::{Controller, controller, reflector::Store},
};
use tokio::task::JoinSet;

use tributary_aws::{AwsOptions, Sessions};
use tributary_benchling::Benchling;
use tributary_core::{fence::Fence, for_each_kind, guarded::Guarded, view::View};

use crate::{
    cluster::{
        arn_from::ArnSources,
        deletions::DeletionCounter,
        dependents::Dependents,
        error::fenced,
        queue::Queue,
        secrets::Secrets,
        stores::{Queues, Stores},
    },
    observe::{Observe, Redrives, change_feeds::ChangeFeeds},
    operator::{
        app_configuration::AppConfigurations,
        change_events,
        changes::NotedChanges,
        context::Context,
        events::{self, Recorder},
        lease::{Candidate, Held, Lost},
        name_locks::NameLocks,
        options::{Error, Options, Signal},
        reconcile::reconcile,
        state::{ReconcileState, ResyncSchedule},
    },
    telemetry::{health::Health, metrics::Metrics},
};

/// A replica that leads whenever it holds the lease.
pub(super) struct Leadership {
    pub(super) client: Client,
    pub(super) options: Options,
    pub(super) stores: Stores,
    pub(super) view: View,
    pub(super) queues: Queues,
    pub(super) metrics: Arc<Metrics>,
    pub(super) stop: Signal,
}

/// How a leadership term ended.
enum TermEnd {
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
            self.metrics.set_leading(true);
            return self.lead(&Fence::open()).await;
        };
        let lease_key = format!("{}/{}", lease.namespace, lease.name);
        let mut candidate = Candidate::new(self.client.clone(), lease.clone(), &self.options.replica);
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
                    self.metrics.count_lost_lease();
                    tracing::warn!(%lost, lease = lease.name, "lost leadership; in-flight reconciles canceled");
                    health.set_role(format!("standby; {} holds lease {lease_key}", lost.holder().unwrap_or("an unknown replica")));
                }
            }
        }
    }

    /// Leads until the operator is stopped or the lease is lost. Dropping the term cancels everything that it started.
    async fn serve_term(&self, candidate: &Candidate, held: &mut Held) -> Result<TermEnd, Error> {
        let fence = candidate.fence(held);
        self.metrics.set_leading(true);
        let end = {
            let (term, renewals) = (std::pin::pin!(self.lead(&fence)), std::pin::pin!(candidate.hold(held, &fence)));
            match select(term, renewals).await {
                Either::Left((ended, _)) => ended.map(|()| TermEnd::Stopped)?,
                Either::Right((lost, _)) => TermEnd::Lost(lost),
            }
        };
        fence.close();
        self.metrics.set_leading(false);
        Ok(end)
    }

    /// Runs the controllers. Returns when all of them have stopped.
    async fn lead(&self, fence: &Fence) -> Result<(), Error> {
        let client = fenced(&self.client, fence);
        let (recorder, events) = Recorder::new(self.options.replica.clone());
        let context = Arc::new(self.context(&client, fence, recorder)?);
        let mut tasks = JoinSet::new();
        tasks.spawn(events::write(client, events));
        macro_rules! control_all {
            ($($plural:ident $singular:ident: $kind:ident),* $(,)?) => {
                $(self.control(&self.stores.$plural, &self.queues.$plural, &context, &mut tasks);)*
            };
        }
        for_each_kind!(control_all);
        tasks.spawn(change_events::run(context.clone(), self.queues.clone(), self.options.long_poll(), self.stop.clone()));
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
            client: client.clone(),
            dry_run: None,
        })
    }

    fn control<K: Dependents + Observe>(&self, store: &Store<Guarded<K>>, queue: &Queue<K>, context: &Arc<Context>, tasks: &mut JoinSet<()>)
    where
        Guarded<K>: serde::de::DeserializeOwned,
    {
        let (store, context, stop) = (store.clone(), context.clone(), self.stop.clone());
        let queue = queue.open(&store);
        let config = controller::Config::default().concurrency(self.options.concurrency);
        tasks.spawn(async move {
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
