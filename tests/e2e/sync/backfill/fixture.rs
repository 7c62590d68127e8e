//! A Benchling tenant with events, an app, and a rule to a queue; what arrived there, and how many calls were made.

use std::collections::BTreeMap;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tributary_testkit::{Benchling, Binary, World, sync::worker};

pub const KIND: &str = "BenchlingBackfill";

/// A tenant with events, and an app whose webhooks a rule routes to a queue.
pub struct Fixture {
    pub world: World,
    pub benchling: Benchling,
    pub app: Value,
    /// `createdAt` of the first event; the others follow each second.
    start: Timestamp,
}

impl Fixture {
    /// Creates a tenant with `events` events, its app, the app's bus, and a rule that routes the app's webhooks to a queue.
    pub async fn new(name: &str, events: usize) -> Self {
        let world = World::start(name).await;
        let benchling = Benchling::of(&world);
        let app = benchling.app(json!({})).await;
        let start = Timestamp::from_second(Timestamp::now().as_second() - 7200).unwrap();
        let fixture = Self { world, benchling, app, start };
        fixture.benchling.control("events", json!({"count": events, "from": start.to_string()})).await;
        fixture.secret(fixture.app["clientSecret"].as_str().unwrap()).await;
        let world = &fixture.world;
        world.apply("EventBus", "events", json!({})).await;
        fixture.apply_app("lims").await;
        fixture.rule(world, "r", "q", json!({"kind": "BenchlingApp", "name": "lims"})).await;
        fixture
    }

    pub async fn apply_app(&self, name: &str) {
        let credentials = json!({"secretRef": {"name": "lims"}});
        let spec = json!({"tenants": [self.benchling.tenant], "appDefinitionId": self.app["appDefinitionId"], "path": format!("/1/{name}"),
            "busRef": {"name": "events"}, "credentials": credentials});
        self.world.apply("BenchlingApp", name, spec).await;
    }

    pub async fn secret(&self, secret: &str) {
        let data = json!({"BENCHLING_CLIENT_ID": self.app["clientId"], "BENCHLING_CLIENT_SECRET": secret});
        self.world.user_secret("lims", data).await;
    }

    pub async fn rule(&self, world: &World, rule: &str, queue: &str, bus: Value) {
        world.apply("EventSink", queue, json!({"sqs": {"managed": {}}})).await;
        let targets = json!([{"name": "queue", "sinkRef": {"name": queue}}]);
        world
            .apply("EventRule", rule, json!({"busRef": bus, "benchling": {"eventTypes": ["v2.entity.registered"]}, "targets": targets}))
            .await;
        world.ready("EventRule", rule).await;
    }

    pub fn at(&self, seconds: i64) -> String {
        (self.start + SignedDuration::from_secs(seconds)).to_string()
    }

    pub fn spec(&self, more: &Value) -> Value {
        let mut spec = json!({"appRef": {"name": "lims"}, "startTime": self.at(0), "endTime": self.at(3600), "eventsPerSecond": 1000});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    }

    /// Creates a backfill; its spec is immutable.
    pub async fn backfill(&self, name: &str, more: Value) {
        self.world.apply(KIND, name, self.spec(&more)).await;
    }

    pub fn worker(&self) -> Binary {
        worker(&self.world, &self.benchling, &["--backfill-claim-seconds", "4"])
    }

    pub async fn completed(&self, name: &str) -> Value {
        self.world.ready(KIND, name).await.data["status"].clone()
    }

    pub async fn status(&self, name: &str) -> Value {
        self.world.get(KIND, name).await.unwrap().data["status"].clone()
    }

    /// Number of `PutEvents` calls since the mark.
    pub async fn calls(&self, mark: u64) -> usize {
        self.world.aws.calls(mark).await.iter().filter(|call| *call == "events:PutEvents").count()
    }

    pub async fn some_calls(&self, count: usize) {
        self.world.aws.until("some calls", || async { (self.calls(0).await >= count).then_some(()) }).await;
    }

    /// Receives all messages of a queue. Returns how often each event arrived, by its id, and one of the events.
    pub async fn delivered(&self, queue: &str, least: usize) -> (BTreeMap<String, usize>, Value) {
        let queue = format!("{}-{queue}", self.world.namespace);
        let (aws, url) = (&self.world.aws, self.world.aws.queue_url(&queue).await.unwrap());
        let (mut all, mut one) = (BTreeMap::new(), Value::Null);
        loop {
            let request = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 600, "WaitTimeSeconds": if all.len() < least { 5 } else { 0 }});
            let messages = aws.sqs("ReceiveMessage", request).await["Messages"].as_array().cloned().unwrap_or_default();
            if messages.is_empty() {
                return (all, one);
            }
            for message in messages {
                one = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
                *all.entry(one["detail"]["id"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
    }

    /// Waits until a worker has seen all objects, which is so once it has processed a newer one.
    pub async fn settle(&self, name: &str) {
        self.backfill(name, json!({"dryRun": true})).await;
        self.completed(name).await;
    }
}
