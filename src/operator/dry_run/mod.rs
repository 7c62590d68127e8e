//! A dry run of the operator: the same phases over a fixed set of objects, with a writer that records (ADR 0033).
//!
//! Each object is reconciled as the operator would, and then has the status that it would have after its steps, so that the objects that
//! refer to it are planned against that. When what others see of an object changes, they are reconciled again: by the same rules as
//! in the operator, until nothing changes any more. Nothing is written: neither to AWS nor to Kubernetes.

mod children;
mod objects;
mod outcome;
mod recorder;
pub(crate) mod snapshot;

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use k8s_openapi::{api::core::v1::ConfigMap, jiff::Timestamp};
use kube::{Client, ResourceExt, runtime::watcher::Event};
use tributary_api::{
    AwsAccount, BenchlingApp, BenchlingSubscription, EventBus, EventRedrive, EventReplay, EventRule, EventSink, FINALIZER, annotation,
};
use tributary_aws::{AwsOptions, Sessions};
use tributary_benchling::{Benchling, Urls};
use tributary_core::{
    delivering::{Observed, groups},
    fence::Fence,
    for_each_kind,
    guarded::Guarded,
    managed::Managed,
    settings::Settings,
    shard::Shard,
    steps::Step,
    view::View,
};

use crate::{
    cluster::{
        arn_from::{ArnKind, ArnSources},
        deletions::DeletionCounter,
        secrets::Secrets,
        stores::{Dependent, Stores, Writers, stores},
    },
    observe::{self, change_feeds::ChangeFeeds},
    operator::{
        app_configuration::AppConfigurations,
        changes::NotedChanges,
        clock::Clock,
        context::Context,
        events,
        fault_points::NoFaults,
        name_locks::NameLocks,
        reconciliation::Reconciliation,
        state::{ObjectState, ReconcileState, ResyncSchedule},
    },
    telemetry::metrics::Metrics,
};

pub(crate) use objects::{ObjectSet, Origin, Prunes};
pub(crate) use outcome::{Before, ObjectPlan};

use objects::{Planned, Start, Starts, order, visible};
use recorder::Recorder;

/// How old a list may be: as old as the dry run.
const LIST_AGE: Duration = Duration::from_hours(24);
/// How often an object is reconciled at most. Dependencies are a few levels deep.
const MAX_RECONCILES: u32 = 12;

/// What to plan, and how.
pub(crate) struct Options {
    /// Objects of the cluster.
    pub(crate) live: ObjectSet,
    /// Objects of manifests. `None` plans all objects of the cluster.
    pub(crate) wanted: Option<ObjectSet>,
    /// `ConfigMap`s of manifests, which precede those of the cluster.
    pub(crate) config_maps: Vec<ConfigMap>,
    /// Which objects of the cluster are deleted because no manifest has them.
    pub(crate) prunes: Prunes,
    /// Settings of the installation.
    pub(crate) settings: Settings,
    /// Kinds that `arnFrom` may read.
    pub(crate) arn_from: Vec<ArnKind>,
    /// How AWS is called.
    pub(crate) aws: AwsOptions,
    /// Reconciles that run at the same time.
    pub(crate) concurrency: usize,
    /// Called with the number of planned objects, and of those that are waiting to be.
    pub(crate) progress: Box<dyn Fn(usize, usize) + Send + Sync>,
}

/// A dry run in progress.
struct DryRun {
    context: Context,
    stores: Stores,
    writers: Mutex<Writers>,
    starts: Starts,
    plans: Mutex<BTreeMap<(usize, String), ObjectPlan>>,
    now: Timestamp,
}

/// What a dry run results in.
pub(crate) struct Outcome {
    /// The objects, in the order in which they are applied.
    pub(crate) plans: Vec<ObjectPlan>,
    /// Rules whose deliveries are observed afterwards.
    pub(crate) observed: Vec<Observed>,
}

/// Plans all objects.
///
/// # Errors
/// The CA bundle for AWS cannot be used.
pub(crate) async fn run(client: Client, options: Options) -> Result<Outcome, String> {
    let (concurrency, progress) = (options.concurrency.max(1), options.progress);
    let now = Timestamp::now();
    let of_manifests = options.wanted.is_some();
    let (starts, planned) = Starts::new(options.live, options.wanted, &options.prunes, now);
    let (stores, mut writers) = stores();
    starts.fill(&mut writers);
    let view = View {
        objects: stores.objects(),
        // A new permission counts as effective: the operator waits until it is.
        settings: Arc::new(Settings {
            policy_settle: Duration::ZERO,
            permission_settle: Duration::ZERO,
            first_rule: Duration::ZERO,
            ..options.settings
        }),
        resolved_arn: None,
        resolved_definition: None,
        now,
    };
    let metrics = Arc::new(Metrics::default());
    let context = Context {
        shard: Shard::ONLY,
        view,
        sessions: Sessions::new(options.aws, metrics.clone(), Fence::open())?,
        app_configurations: AppConfigurations::new(client.clone(), Secrets::new(client.clone(), ""), Urls::default(), LIST_AGE),
        secrets: Secrets::new(client.clone(), ""),
        arn_sources: ArnSources { client: client.clone(), kinds: options.arn_from, provided: options.config_maps },
        recorder: events::Recorder::new(String::new()).0,
        metrics,
        state: ReconcileState::default(),
        changes: NotedChanges::default(),
        names: NameLocks::default(),
        deletions: DeletionCounter::new(client.clone()),
        resyncs: ResyncSchedule { started: Instant::now(), quick: LIST_AGE * 10, full: LIST_AGE, poll: LIST_AGE },
        fault_points: Arc::new(NoFaults),
        audit: None,
        clock: Clock::default(),
        benchling: Benchling::new(Urls::default()),
        redrives: observe::Redrives::new(Duration::ZERO),
        change_feeds: ChangeFeeds::default(),
        observations: observe::observations::Observations::default(),
        client,
        term_version: Arc::default(),
        dry_run: Some(Arc::new(observe::dry_run::DryRun::new(now))),
    };
    let dry_run = DryRun { context, stores, writers: Mutex::new(writers), starts, plans: Mutex::default(), now };
    dry_run.settle(planned, concurrency, &*progress).await;
    let mut observed: Vec<_> = groups(&dry_run.context.view()).into_iter().flat_map(|group| group.rules).collect();
    let plans = dry_run.plans.into_inner().unwrap_or_else(PoisonError::into_inner).into_values();
    let plans = plans.filter(|plan| !(of_manifests && plan.is_unrelated()));
    // What refers to others is deleted before them.
    let (deleted, mut ordered): (Vec<_>, Vec<_>) = plans.partition(|plan| plan.is_deleted);
    ordered.extend(deleted.into_iter().rev());
    // The cluster has rules of others, which are not planned here.
    let planned: HashSet<&str> = ordered.iter().filter(|plan| plan.kind == EventRule::KIND).map(|plan| plan.key.as_str()).collect();
    observed.retain(|rule| planned.contains(format!("{}/{}", rule.namespace, rule.name).as_str()));
    Ok(Outcome { plans: ordered, observed })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl DryRun {
    /// Reconciles the objects, and those that depend on what changed, until nothing changes any more.
    async fn settle(&self, planned: Vec<Dependent>, concurrency: usize, progress: &(dyn Fn(usize, usize) + Send + Sync)) {
        let mut pending: HashSet<Dependent> = planned.into_iter().collect();
        while let Some(first) = pending.iter().map(order).min() {
            let batch: Vec<_> = pending.iter().filter(|object| order(object) == first).cloned().collect();
            pending.retain(|object| order(object) != first);
            let mut left = batch.len();
            let mut reconciles = stream::iter(batch).map(|object| self.reconcile_any(object)).buffer_unordered(concurrency);
            while let Some(dependents) = reconciles.next().await {
                left -= 1;
                pending.extend(dependents);
                progress(lock(&self.plans).len(), pending.len() + left);
            }
        }
    }

    fn reconcile_any(&self, object: Dependent) -> BoxFuture<'_, Vec<Dependent>> {
        macro_rules! reconcile {
            ($($plural:ident $singular:ident: $kind:ident),* $(,)?) => {
                match object {
                    $(Dependent::$kind(object) => {
                        let key = object.namespace.map_or_else(|| object.name.clone(), |namespace| format!("{namespace}/{}", object.name));
                        self.reconcile::<$kind>(key).boxed()
                    })*
                }
            };
        }
        for_each_kind!(reconcile)
    }

    /// Reconciles one object, and returns what has to be reconciled because of it.
    async fn reconcile<K: Planned>(&self, key: String) -> Vec<Dependent> {
        let Some(start) = self.begin::<K>(&key) else { return vec![] };
        let recorder = Recorder::default();
        let state = ObjectState::due(start.object.meta().uid.as_deref().unwrap_or_default(), &self.context.resyncs);
        let mut reconciliation = Reconciliation::new(&self.context, &recorder, start.object.clone(), state);
        let result = reconciliation.run().await;
        let deleting = start.object.meta().deletion_timestamp.is_some();
        let has_finalizer = start.object.finalizers().iter().any(|name| name == FINALIZER);
        let gone = deleting && result.is_ok() && (reconciliation.state.gone.is_some() || !has_finalizer);
        let Reconciliation { applied, withheld, status, .. } = reconciliation;
        let record = recorder.into_inner();
        let paused = start.object.annotations().get(annotation::PAUSED).is_some_and(|value| value == "true");
        let mut changed: Vec<_> =
            applied.iter().filter_map(|step| if let Step::Child(step) = step { Some(step) } else { None }).cloned().collect();
        changed.retain(|step| !lock(&self.plans).values().any(|plan| plan.steps.contains(&Step::Child(step.clone()))));
        let plan = ObjectPlan {
            kind: K::KIND,
            key: key.clone(),
            origin: start.origin,
            is_new: start.live.is_none(),
            is_deleted: deleting,
            identity: K::common(&status).identity.clone(),
            steps: applied,
            withheld,
            observed: record.observed,
            error: result.err(),
            waits_for: record.waits_for,
            warnings: record.warnings,
            is_paused: paused,
            before: start.live.as_ref().map_or_else(Before::default, |live| Before {
                is_deleted: live.meta().deletion_timestamp.is_some(),
                reason: live.current().and_then(|status| Some(K::common(status).condition("Ready")?.reason.clone())),
            }),
        };
        self.foresee::<K>(&plan);
        let mut object = start.object.clone();
        *object.status_mut() = Some(status);
        self.store(&object, gone);
        self.enter(K::ORDER, key.clone(), plan);
        let mut pending: Vec<_> = changed
            .iter()
            .filter_map(|step| children::apply(&self.starts, step, self.now))
            .inspect(|child| self.store_child(child))
            .collect();
        pending.extend(self.dependents(&key, &start, &object, gone));
        pending
    }

    /// The object to reconcile, unless it was reconciled too often already.
    fn begin<K: Planned>(&self, key: &str) -> Option<Start<K>> {
        let mut starts = K::starts(&self.starts);
        let start = starts.get_mut(key)?;
        start.reconciles += 1;
        (start.reconciles <= MAX_RECONCILES).then(|| start.clone())
    }

    /// Enters what the planned steps change for the reads of other objects.
    fn foresee<K: Planned>(&self, plan: &ObjectPlan) {
        let (Some(dry_run), Some(identity)) = (&self.context.dry_run, &plan.identity) else { return };
        if K::KIND != EventRule::KIND || plan.error.is_some() || plan.is_paused || !plan.withheld.is_empty() {
            return;
        }
        if plan.steps.iter().any(|step| step.name() == "DeleteRule") {
            dry_run.delete(&identity.arn);
        } else if !plan.is_deleted {
            dry_run.settle(&identity.arn);
        }
    }

    fn store<K: Planned>(&self, object: &K, gone: bool) {
        let object = Guarded::readable(object.clone());
        let event = if gone { Event::Delete(object) } else { Event::Apply(object) };
        K::writer(&mut lock(&self.writers)).apply(&event);
    }

    fn store_child(&self, child: &Dependent) {
        macro_rules! store {
            ($($plural:ident $singular:ident: $kind:ident),* $(,)?) => {
                match child {
                    $(Dependent::$kind(object) => {
                        let key = object.namespace.as_ref().map_or_else(|| object.name.clone(), |namespace| format!("{namespace}/{}", object.name));
                        let start = $kind::starts(&self.starts).get(&key).cloned();
                        // Its status stays the present one until it is reconciled.
                        if let Some(mut start) = start {
                            let present = self.stores.$plural.get(&kube::runtime::reflector::ObjectRef::from_obj(&Guarded::readable(start.object.clone())));
                            let present = present.and_then(|object| object.0.as_ref().ok().and_then(|object| object.status.clone()));
                            start.object.status = present.or(start.object.status.take());
                            self.store(&start.object, false);
                        }
                    })*
                }
            };
        }
        for_each_kind!(store);
    }

    /// Enters the plan. What it does to children stays from an earlier reconcile, whose effect the later one sees.
    fn enter(&self, order: usize, key: String, plan: ObjectPlan) {
        let mut plans = lock(&self.plans);
        let before = plans.remove(&(order, key.clone()));
        let is_same = |a: &Step, b: &Step| a.to_string() == b.to_string();
        let earlier = before.into_iter().flat_map(|plan| plan.steps).filter(|step| matches!(step, Step::Child(_)));
        let mut steps: Vec<_> = earlier.filter(|step| !plan.steps.iter().any(|new| is_same(new, step))).collect();
        steps.extend(plan.steps);
        plans.insert((order, key), ObjectPlan { steps, ..plan });
    }

    /// The objects that depend on what others see of this one, if that has changed.
    fn dependents<K: Planned>(&self, key: &str, start: &Start<K>, object: &K, gone: bool) -> Vec<Dependent> {
        let now = (!gone).then(|| visible(object));
        if now == start.visible {
            return vec![];
        }
        if let Some(start) = K::starts(&self.starts).get_mut(key) {
            start.visible = now;
        }
        if gone {
            K::starts(&self.starts).remove(key);
        }
        let mut dependents = object.dependents(&self.context.view);
        // References that the change removed.
        dependents.extend(start.live.iter().flat_map(|live| live.dependents(&self.context.view)));
        dependents
    }
}
