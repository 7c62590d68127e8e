//! Leadership: a replica that holds the lease runs one controller per kind, with a memory of its own, until it is told to stop or loses the lease.
//! A new term knows as little as a new process. The one place where controllers are listed.

use std::sync::Arc;

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
        dependents::Dependents,
        error::fenced,
        queue::Queue,
        secrets::Secrets,
        stores::{Queues, Stores},
    },
    observe::Observe,
    operator::{
        context::Context,
        events::{self, Recorder},
        lease::{Candidate, Lost},
        options::{Error, Options, Signal},
        reconcile::reconcile,
        state::{ReconcileState, ResyncSchedule},
    },
    telemetry::{health::Health, metrics::Metrics},
};

pub(super) struct Leadership {
    pub client: Client,
    pub options: Options,
    pub stores: Stores,
    pub view: View,
    pub queues: Queues,
    pub metrics: Arc<Metrics>,
    pub stop: Signal,
}

impl Leadership {
    /// Leads whenever it is its turn, until it is told to stop.
    pub async fn run(&self, health: &Health) -> Result<(), Error> {
        let Some(lease) = &self.options.lease else {
            health.role("the only replica");
            self.metrics.leads(true);
            self.lead(&Fence::open()).await?;
            return Ok(());
        };
        let mut candidate = Candidate::new(self.client.clone(), lease.clone(), &self.options.replica);
        loop {
            let acquired = candidate.acquire(|holder| {
                tracing::info!(holder, lease = lease.name, "standing by");
                health.role(format!("standing by; {holder} holds lease {}/{}", lease.namespace, lease.name));
            });
            let Either::Left((mut held, _)) = select(std::pin::pin!(acquired), self.stop.clone()).await else { return Ok(()) };
            let fence = candidate.fence(&held);
            health.role(format!("leading; this replica holds lease {}/{}", lease.namespace, lease.name));
            tracing::info!(lease = lease.name, "leading");
            self.metrics.leads(true);
            let lost = {
                let (term, renewals) = (std::pin::pin!(self.lead(&fence)), std::pin::pin!(candidate.hold(&mut held, &fence)));
                // With the term everything that it started is dropped where it stands.
                match select(term, renewals).await {
                    Either::Left((ended, _)) => ended.map(|()| None)?,
                    Either::Right((lost, _)) => Some(lost),
                }
            };
            fence.close();
            self.metrics.leads(false);
            let Some(lost) = lost else {
                candidate.release(held).await;
                return Ok(());
            };
            self.metrics.lease_lost();
            tracing::warn!(%lost, lease = lease.name, "not leading any more; whatever was under way is dropped");
            let holder = if let Lost::Taken(holder) = &lost { holder } else { "it is not known who" };
            health.role(format!("standing by; {holder} holds lease {}/{}", lease.namespace, lease.name));
        }
    }

    /// One term. Ends when all controllers have, which is after `stop`.
    async fn lead(&self, fence: &Fence) -> Result<(), Error> {
        let options = &self.options;
        let client = fenced(&self.client, fence);
        let (recorder, events) = Recorder::new(options.replica.clone());
        let aws = AwsOptions { app_name: Some(options.replica.clone()), ..options.aws.clone() };
        let context = Arc::new(Context {
            view: self.view.clone(),
            sessions: Sessions::new(aws, self.metrics.clone(), fence.clone()).map_err(Error::CaBundle)?,
            secrets: Secrets::new(client.clone(), &options.operator_namespace),
            arn_sources: ArnSources { client: client.clone(), kinds: options.arn_from.clone() },
            recorder,
            metrics: self.metrics.clone(),
            memory: ReconcileState::default(),
            sweeps: ResyncSchedule {
                started: std::time::Instant::now(),
                quick: options.sweep,
                full: options.full_sweep,
                poll: options.source_poll,
            },
            probe: options.probe.clone(),
            benchling: Benchling::new(options.benchling.clone()),
            client: client.clone(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(events::write(client, events));
        macro_rules! control_all {
            ($($plural:ident $singular:ident: $kind:ident),* $(,)?) => {
                $(self.control(&self.stores.$plural, &self.queues.$plural, &context, &mut tasks);)*
            };
        }
        for_each_kind!(control_all);
        // The controllers hold what they need; with the last of them the recorder goes, and so ends the writing of Events.
        drop(context);
        while tasks.join_next().await.is_some() {}
        Ok(())
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
