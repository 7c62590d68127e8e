//! A pipeline whose operator sees the API server through a fault proxy. Each trial changes a spec and looks for the change in AWS.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tributary_testkit::{
    ApiProxy, Bed, World, options,
    product::{Options, Timeouts},
};

pub const GROUP: &str = "tributary.dev/v1alpha1";

/// Everything of ours that is watched.
pub const PLURALS: [&str; 5] = ["awsaccounts", "benchlingsubscriptions", "eventbuses", "eventrules", "eventsinks"];

/// As the product, where nothing says otherwise: only the grace of permissions, which tests set to nothing else, is an hour.
pub fn with_timeouts(patience: Timeouts) -> Options {
    Options { timeouts: patience, grant_grace: Duration::from_hours(1), ..options() }
}

pub struct Fixture {
    pub world: World,
    pub proxy: ApiProxy,
}

impl Fixture {
    /// Bus `b`, sink `q` and rule `r`, Ready, with an operator behind the proxy.
    pub async fn new(name: &str, options: Options) -> Self {
        let mut fixture = Self { world: World::empty(name).await, proxy: ApiProxy::new(Bed::get().operator().await).await };
        fixture.run(options);
        apply_pipeline(&fixture.world).await;
        fixture
    }

    pub fn run(&mut self, options: Options) {
        self.world.run_through(self.proxy.client(), options);
    }
}

pub fn rule(text: &str) -> Value {
    json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["test"]}, "description": text, "targets": [{"name": "q", "sinkRef": {"name": "q"}}]})
}

pub async fn apply_pipeline(world: &World) {
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventRule", "r", rule("first")).await;
    world.apply("EventSink", "q", json!({"sqs": {"managed": {}}, "deletionPolicy": "Delete"})).await;
    for (kind, name) in [("EventBus", "b"), ("EventSink", "q"), ("EventRule", "r")] {
        world.ready(kind, name).await;
    }
}

/// What AWS says of the rule.
pub async fn description(world: &World, rule: &str) -> Option<String> {
    let found = world.aws.rule(&format!("{}-b", world.namespace), &format!("{}-{rule}", world.namespace)).await?;
    Some(found["Description"].as_str().unwrap_or_default().to_owned())
}

/// Waits until AWS says this of the rule; the seconds that took, or what it says instead.
pub async fn visible(world: &World, rule: &str, text: &str, within: Duration) -> Result<f64, String> {
    let (began, mut last) = (Instant::now(), None);
    while began.elapsed() < within {
        last = description(world, rule).await;
        if last.as_deref() == Some(text) {
            return Ok(began.elapsed().as_secs_f64());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("{text:?} is not in AWS within {} s, but {last:?}", within.as_secs()))
}

/// Each write of the journal once: no call was made again with the same request.
pub async fn nothing_repeated(world: &World, since: u64) -> Result<(), String> {
    let calls = world.aws.journal(since).await.0;
    let mut seen = std::collections::BTreeSet::new();
    for call in calls.iter().filter(|call| call.is_write() && call.op == "PutRule") {
        if !seen.insert(call.request.to_string()) {
            return Err(format!("{} was repeated: {}", call.op, call.request));
        }
    }
    Ok(())
}
