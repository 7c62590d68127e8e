//! Benchmark, part 3b: the floor of a perfect operator: the writes of the floor and, for each rule, two writes to its object and one Event,
//! with the concurrency of the operator and through the same API server. It reads nothing, plans nothing and makes no mistake.
//!
//! It has threads of its own, whose CPU time is measured: what the requests alone cost with the operator's own clients.
//!
//! Its rules are objects of a namespace of their own, which no operator sees: none runs meanwhile.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::{
    runtime::{Builder, Handle},
    sync::Semaphore,
    task::block_in_place,
};
use tributary_testkit::product::EventRule;

use crate::{
    Result,
    cluster::Cluster,
    floor::{Floor, Times, rules},
    objects::{self, AT_ONCE, NAMESPACE},
    operator::cpu_of_threads,
    standin::StandIn,
};

const FLOOR_NAMESPACE: &str = "bench-floor";
const FINALIZER: &str = "tributary.dev/finalizer";
/// Rules that are worked on at a time: the operator's own number.
const CONCURRENCY: usize = 64;
/// Name of its threads; at most 15 bytes, as Linux keeps it.
const THREADS: &str = "perfect";

/// A rule, with what the operator wrote of it.
struct Rule<'a> {
    name: String,
    status: Value,
    bus: &'a Value,
    entry: &'a Value,
}

struct Perfect<'a> {
    floor: Floor,
    /// With the rights of the operator.
    operator: Client,
    /// With those of a user, whose requests are made by other threads.
    user: Api<DynamicObject>,
    users: Handle,
    calls: Semaphore,
    deletions: Semaphore,
    rules: Vec<Rule<'a>>,
}

fn api(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &ApiResource::erase::<EventRule>(&()))
}

/// What it took.
#[derive(Clone, Copy)]
pub struct Measured {
    pub wall: Times,
    pub cpu: Times,
}

/// Makes and deletes the rules that the operator has made, and says what both took.
pub fn run(cluster: &Cluster, standin: &StandIn, contents: &Value, in_flight: usize) -> Result<Measured> {
    let users = Handle::current();
    block_in_place(|| {
        let threads = Builder::new_multi_thread().worker_threads(2).thread_name(THREADS).enable_all().build()?;
        threads.block_on(make_and_delete(cluster, standin, contents, (in_flight, users)))
    })
}

async fn make_and_delete(cluster: &Cluster, standin: &StandIn, contents: &Value, (in_flight, users): (usize, Handle)) -> Result<Measured> {
    let by_name: BTreeMap<_, _> = rules(contents).map(|(bus, entry)| (entry["rule"]["Name"].as_str(), (bus, entry))).collect();
    let made = api(&cluster.admin, NAMESPACE).list(&ListParams::default()).await?.items;
    let rules: Vec<_> = made
        .into_iter()
        .filter_map(|object| {
            let status = object.data["status"].clone();
            let (bus, entry) = *by_name.get(&status["identity"]["name"].as_str())?;
            Some(Rule { name: object.metadata.name?, status, bus, entry })
        })
        .collect();
    objects::create_rules(&cluster.admin, FLOOR_NAMESPACE, rules.len()).await?;
    let perfect = Perfect {
        floor: Floor::new(standin),
        operator: cluster.operator().await?,
        user: api(&cluster.admin, FLOOR_NAMESPACE),
        users,
        calls: Semaphore::new(in_flight),
        deletions: Semaphore::new(AT_ONCE),
        rules,
    };
    let (started, before) = (Instant::now(), cpu_of_threads(THREADS)?);
    perfect.floor.create_others(contents).await?;
    let all: Vec<_> = perfect.rules.iter().map(|rule| perfect.create(rule)).collect();
    stream::iter(all).buffer_unordered(CONCURRENCY).try_collect::<()>().await?;
    let (create, made, started) = (started.elapsed(), cpu_of_threads(THREADS)?, Instant::now());
    let all: Vec<_> = perfect.rules.iter().map(|rule| perfect.delete(rule)).collect();
    stream::iter(all).buffer_unordered(CONCURRENCY).try_collect::<()>().await?;
    perfect.floor.delete_others(contents).await?;
    let (delete, after) = (started.elapsed(), cpu_of_threads(THREADS)?);
    let cpu = Times { create: made.saturating_sub(before), delete: after.saturating_sub(made) };
    Ok(Measured { wall: Times { create, delete }, cpu })
}

impl Perfect<'_> {
    async fn create(&self, rule: &Rule<'_>) -> Result<()> {
        let api = api(&self.operator, FLOOR_NAMESPACE);
        let claim = json!({"identity": rule.status["identity"]}).to_string();
        let patch = json!({"metadata": {"finalizers": [FINALIZER], "annotations": {"tributary.dev/identity": claim}}});
        api.patch(&rule.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        let call = self.calls.acquire().await?;
        self.floor.create_rule(rule.bus, rule.entry).await?;
        drop(call);
        let kind =
            json!({"apiVersion": "tributary.dev/v1alpha1", "kind": "EventRule", "metadata": {"name": rule.name}, "status": rule.status});
        api.patch_status(&rule.name, &PatchParams::apply("tributary").force(), &Patch::Apply(kind)).await?;
        self.publish(rule).await
    }

    async fn delete(&self, rule: &Rule<'_>) -> Result<()> {
        let deletion = self.deletions.acquire().await?;
        let (user, name) = (self.user.clone(), rule.name.clone());
        self.users.spawn(async move { user.delete(&name, &DeleteParams::background()).await }).await??;
        drop(deletion);
        let call = self.calls.acquire().await?;
        self.floor.delete_rule(rule.bus, rule.entry).await?;
        drop(call);
        let patch = json!({"metadata": {"finalizers": null}});
        api(&self.operator, FLOOR_NAMESPACE).patch(&rule.name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        self.publish(rule).await
    }

    /// Publishes an Event, as long as the operator's.
    async fn publish(&self, rule: &Rule<'_>) -> Result<()> {
        let now = Timestamp::now();
        let event = Event {
            metadata: kube::core::ObjectMeta {
                name: Some(format!("{}.{:x}", rule.name, now.as_nanosecond())),
                namespace: Some(FLOOR_NAMESPACE.into()),
                ..Default::default()
            },
            action: Some("Apply".into()),
            event_time: Some(MicroTime(now)),
            note: Some(format!("PutRule {} on bus {}; PutTargets queue", rule.name, rule.bus)),
            reason: Some("Applied".into()),
            regarding: Some(ObjectReference {
                kind: Some("EventRule".into()),
                name: Some(rule.name.clone()),
                namespace: Some(FLOOR_NAMESPACE.into()),
                ..ObjectReference::default()
            }),
            reporting_controller: Some("tributary.dev/operator".into()),
            reporting_instance: Some("bench".into()),
            type_: Some("Normal".into()),
            ..Default::default()
        };
        Api::<Event>::namespaced(self.operator.clone(), FLOOR_NAMESPACE).create(&PostParams::default(), &event).await?;
        Ok(())
    }
}

/// A duration as a ratio to another one.
pub fn ratio(of: Duration, to: Duration) -> f64 {
    of.as_secs_f64() / to.as_secs_f64()
}
