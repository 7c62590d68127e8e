//! A Benchling app with its bus, a rule and a queue; an operator, and a gateway that can be stopped and started.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tributary_testkit::{
    Bed, Benchling, Webhook, World, options,
    product::{gateway, operator},
};

pub const PATH: &str = "/1/webhooks";

pub struct Running {
    pub public: SocketAddr,
    pub admin: SocketAddr,
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Running {
    pub async fn start(world: &World, benchling: &Benchling, change: impl FnOnce(&mut gateway::Options)) -> Self {
        let mut options = gateway::Options {
            watch_namespaces: vec![world.namespace.clone(), format!("{}-*", world.namespace)],
            benchling: benchling.urls(),
            status_every: Duration::from_millis(500),
            drain: Duration::ZERO,
            ..gateway::Options::default()
        };
        change(&mut options);
        let (public, admin) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let (addresses, client) = ((public.local_addr().unwrap(), admin.local_addr().unwrap()), Bed::get().gateway().await);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            gateway::run(client, options, public, admin, async { drop(stopped.await) }).await.expect("the gateway runs");
        });
        let running = Self { public: addresses.0, admin: addresses.1, task, stop };
        tributary_testkit::until("the gateway is ready", || async {
            reqwest::get(format!("http://{}/ready", running.public)).await.ok().filter(|answer| answer.status() == 200)
        })
        .await;
        running
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.public)
    }

    /// As a rollout does.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        tokio::time::timeout(Duration::from_secs(20), self.task).await.expect("it stops within 20 s").unwrap();
    }
}

pub struct Fixture {
    pub world: World,
    pub benchling: Benchling,
    /// The app as Benchling has it.
    pub app: Value,
    pub gateway: Running,
}

impl Fixture {
    /// All Ready: bus `events`, queue `queue`, app `lims`, and a rule of the app that sends all its webhooks there.
    pub async fn new(name: &str) -> Self {
        Self::with(name, json!({}), json!({})).await
    }

    pub async fn with(name: &str, installed: Value, spec: Value) -> Self {
        let mut world = World::empty(name).await;
        let benchling = Benchling::of(&world);
        world
            .run(operator::Options { benchling: benchling.urls(), gateway_url: Some("https://hooks.example.com/".into()), ..options() })
            .await;
        let app = benchling.app(installed).await;
        world.apply("EventBus", "events", json!({})).await;
        world.apply("EventSink", "queue", json!({"sqs": {"managed": {}}, "deletionPolicy": "Delete"})).await;
        world.apply("BenchlingApp", "lims", app_spec(&benchling, &app, spec)).await;
        world.apply("EventRule", "all", rule(json!({}))).await;
        world.ready("EventRule", "all").await;
        world.ready("BenchlingApp", "lims").await;
        let gateway = Running::start(&world, &benchling, |_| {}).await;
        Self { world, benchling, app, gateway }
    }

    pub fn definition(&self) -> String {
        self.app["appDefinitionId"].as_str().unwrap().to_owned()
    }

    pub async fn sign(&self, wish: Value) -> Vec<Webhook> {
        self.benchling.sign(&self.app, wish).await
    }

    pub async fn one(&self, wish: Value) -> Webhook {
        self.sign(wish).await.remove(0)
    }

    /// Signed, sent and, where the answer is not 2xx, sent again under the same id.
    pub async fn send(&self, mut wish: Value) -> Vec<Value> {
        wish["appDefinitionId"] = self.app["appDefinitionId"].clone();
        wish["url"] = wish["url"].as_str().map_or_else(|| json!(self.gateway.url(PATH)), |url| json!(url));
        self.benchling.control("webhook", wish).await["webhooks"].as_array().unwrap().clone()
    }

    pub async fn post(&self, path: &str, webhook: &Webhook) -> (u16, String) {
        webhook.post(&self.benchling.http, &self.gateway.url(path)).await
    }

    /// `detail`s that were put on the bus, with what became of each.
    pub async fn puts(&self) -> Vec<(Value, bool)> {
        let mut all = Vec::new();
        for call in self.world.aws.journal(0).await.0.into_iter().filter(|call| call.op == "PutEvents") {
            let entries = call.request["Entries"].as_array().unwrap().clone();
            for entry in entries {
                let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
                all.push((detail, call.status == Some(200) && call.fault.is_none()));
            }
        }
        all
    }

    /// Ids of the webhooks whose event the bus took, each as often as it did.
    pub async fn taken(&self) -> Vec<String> {
        self.puts()
            .await
            .into_iter()
            .filter(|(_, good)| *good)
            .map(|(detail, _)| detail["webhook"]["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Waits until the webhooks' status says so.
    pub async fn wait_for_status(&self, what: &str, check: impl Fn(&Value) -> bool) -> Value {
        self.world
            .wait("BenchlingApp", "lims", what, |object| {
                let status = object?.data["status"]["webhooks"].clone();
                check(&status).then_some(status)
            })
            .await
    }

    pub async fn metrics(&self) -> String {
        reqwest::get(format!("http://{}/metrics", self.gateway.admin)).await.unwrap().text().await.unwrap()
    }
}

#[allow(clippy::needless_pass_by_value)] // Written in place.
pub fn app_spec(benchling: &Benchling, app: &Value, more: Value) -> Value {
    let mut spec = json!({"tenants": [benchling.tenant], "appDefinitionId": app["appDefinitionId"], "busRef": {"name": "events"}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

/// A rule of the app `lims` that sends to `queue`.
#[allow(clippy::needless_pass_by_value)]
pub fn rule(benchling: Value) -> Value {
    json!({"busRef": {"kind": "BenchlingApp", "name": "lims"}, "benchling": benchling, "targets": [{"name": "queue", "sinkRef": {"name": "queue"}}]})
}
