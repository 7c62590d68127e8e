//! A pipeline from Benchling to a table of PostgreSQL, and the worker of `tributary sync` as a process that can be stopped and killed.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::{Bed, Benchling, Binary, Postgres, World, free_address, until};

/// App `lims`, bus `events`, rule `entities` and sink `table`, all Ready, with an operator. No worker runs yet.
pub struct Fixture {
    /// The namespace of the objects.
    pub world: World,
    /// The tenant.
    pub benchling: Benchling,
    /// The server.
    pub postgres: Postgres,
    /// Name of the test's own database.
    pub database: String,
    /// A connection to it.
    pub db: Client,
    /// The app as Benchling has it.
    pub app: Value,
    /// Name of the queue of the sink.
    pub queue: String,
}

impl Fixture {
    /// On the server that all tests share; `more` replaces parts of `spec.postgres`.
    pub async fn new(name: &str, more: Value) -> Self {
        Self::on(Postgres::shared().await, name, more).await
    }

    /// The same on this server.
    pub async fn on(postgres: Postgres, name: &str, more: Value) -> Self {
        let world = World::start(name).await;
        let benchling = Benchling::of(&world);
        let app = benchling.app(json!({})).await;
        let database = world.namespace.replace('-', "_");
        let db = postgres.make_database(&database).await;
        let queue = format!("{}-table", world.namespace);
        let fixture = Self { world, benchling, postgres, database, db, app, queue };
        fixture.secrets(fixture.app["clientSecret"].as_str().unwrap(), fixture.postgres.text("password")).await;
        let world = &fixture.world;
        world.apply("EventBus", "events", json!({})).await;
        let tenants = json!([fixture.benchling.tenant]);
        let credentials = json!({"secretRef": {"name": "lims"}});
        let spec = json!({"tenants": tenants, "appDefinitionId": fixture.app["appDefinitionId"], "busRef": {"name": "events"}, "credentials": credentials});
        world.apply("BenchlingApp", "lims", spec).await;
        world.apply("EventSink", "table", fixture.spec(more)).await;
        let target = json!({"name": "table", "sinkRef": {"name": "table"}});
        world
            .apply(
                "EventRule",
                "entities",
                json!({"busRef": {"name": "events"}, "eventPattern": {"detail-type": [{"prefix": "v"}]}, "targets": [target]}),
            )
            .await;
        world.ready("EventSink", "table").await;
        world.ready("EventRule", "entities").await;
        fixture
    }

    /// Writes the Secrets of the app and of the database, with this client secret and this password.
    pub async fn secrets(&self, client: &str, password: &str) {
        let namespace = Some(self.world.namespace.as_str());
        let data = json!({"stringData": {"BENCHLING_CLIENT_ID": self.app["clientId"], "BENCHLING_CLIENT_SECRET": client}});
        self.world.apply_in(namespace, "v1", "Secret", "lims", data).await;
        let data = json!({"stringData": {"password": password, "ca.crt": self.postgres.text("ca")}});
        self.world.apply_in(namespace, "v1", "Secret", "database", data).await;
    }

    /// The sink's spec, with parts of `postgres` replaced.
    pub fn spec(&self, mut more: Value) -> Value {
        let mut postgres = json!({
            "appRef": {"name": "lims"},
            "database": {"host": "localhost", "port": self.postgres.about["port"], "name": self.database, "user": "postgres",
                "passwordSecretRef": {"name": "database"}, "tls": {"caSecretRef": {"name": "database"}}},
            "schemas": [{"id": "ts_plasmid", "field": "Notes"}],
            "queue": {"visibilityTimeoutSeconds": 5},
        });
        for (key, value) in more.as_object_mut().unwrap() {
            postgres[key] = value.take();
        }
        json!({"postgres": postgres, "deletionPolicy": "Delete"})
    }

    /// A thin event of a webhook, as the gateway puts it on the bus.
    pub fn thin(&self, entity: &str) -> Value {
        json!({"baseURL": format!("https://{}.benchling.com", self.benchling.tenant), "app": {"id": self.app["appId"]}, "message": {
            "type": "v2.entity.registered", "id": format!("evt_{entity}"), "resourceId": entity, "createdAt": "2026-01-01T00:00:00+00:00",
            "schema": {"id": "ts_plasmid"}}})
    }

    /// A hydrated event, as Benchling puts it on a partner's bus.
    pub fn hydrated(&self, entity: &Value) -> Value {
        json!({"id": "evt_h", "createdAt": "2026-01-01T00:00:00.000001+00:00", "eventType": "v2.entity.registered", "schema": {"id": "ts_plasmid"},
            "tenant": self.benchling.tenant, "entity": entity})
    }

    /// Puts an event with this detail on the bus.
    pub async fn put(&self, detail: &Value) {
        self.put_all(std::slice::from_ref(detail)).await;
    }

    /// Puts them on the bus, ten a call.
    pub async fn put_all(&self, details: &[Value]) {
        let source = format!("benchling.webhook/{}/lims/{}", self.world.namespace, self.benchling.tenant);
        let bus = format!("{}-events", self.world.namespace);
        for chunk in details.chunks(10) {
            let entries: Vec<_> = chunk
                .iter()
                .map(|detail| {
                    let type_ = detail["message"]["type"].as_str().or(detail["eventType"].as_str()).unwrap_or("v2.entity.registered");
                    json!({"EventBusName": bus, "Source": source, "DetailType": type_, "Detail": detail.to_string()})
                })
                .collect();
            let answer = self.world.aws.events("PutEvents", json!({"Entries": entries})).await;
            assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
        }
    }

    /// Sends a message of any body to the queue, past the bus.
    pub async fn send(&self, body: &str) {
        let url = self.world.aws.queue_url(&self.queue).await.unwrap();
        self.world.aws.sqs("SendMessage", json!({"QueueUrl": url, "MessageBody": body})).await;
    }

    /// Rows of the table by entity: name, value, reason of archival; `-` stands for NULL.
    pub async fn rows(&self) -> BTreeMap<String, (String, String, String)> {
        let query =
            "SELECT benchling_api_id, entity_name, coalesce(field_value, '-'), coalesce(archived_reason, '-') FROM synced_benchling_data";
        let Ok(rows) = self.db.query(query, &[]).await else { return BTreeMap::new() };
        let count = rows.len();
        let all: BTreeMap<_, _> = rows.into_iter().map(|row| (row.get(0), (row.get(1), row.get(2), row.get(3)))).collect();
        assert_eq!(all.len(), count, "an entity has two rows");
        all
    }

    /// Waits for the row of this entity.
    pub async fn row(&self, entity: &str) -> (String, String, String) {
        until(&format!("a row of {entity}"), || async { self.rows().await.remove(entity) }).await
    }

    /// Numbers of visible and of in-flight messages of a queue.
    pub async fn depth(&self, queue: &str) -> (u64, u64) {
        let url = self.world.aws.queue_url(queue).await.unwrap();
        let answer = self.world.aws.sqs("GetQueueAttributes", json!({"QueueUrl": url, "AttributeNames": ["All"]})).await;
        let number = |name: &str| answer["Attributes"][name].as_str().unwrap_or("0").parse().unwrap();
        (number("ApproximateNumberOfMessages"), number("ApproximateNumberOfMessagesNotVisible"))
    }

    /// Waits until nothing is in the queue.
    pub async fn drained(&self) {
        until("the queue is empty", || async { (self.depth(&self.queue).await == (0, 0)).then_some(()) }).await;
    }

    /// Receives this many messages of the dead-letter queue: reason, message and body of each.
    pub async fn dead(&self, count: usize) -> Vec<(String, String, String)> {
        let url = self.world.aws.queue_url(&format!("{}-dlq", self.queue)).await.unwrap();
        let mut all = Vec::new();
        until(&format!("{count} dead letters"), || {
            let (url, aws) = (url.clone(), self.world.aws.clone());
            async move {
                let wish = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"], "VisibilityTimeout": 600});
                aws.sqs("ReceiveMessage", wish).await["Messages"].as_array().cloned()
            }
        })
        .await
        .into_iter()
        .for_each(|message| all.push(message));
        while all.len() < count {
            let wish = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"], "VisibilityTimeout": 600, "WaitTimeSeconds": 5});
            let more = self.world.aws.sqs("ReceiveMessage", wish).await["Messages"].as_array().cloned().unwrap_or_default();
            assert!(!more.is_empty(), "only {} of {count} dead letters came", all.len());
            all.extend(more);
        }
        let text = |message: &Value, name: &str| message["MessageAttributes"][name]["StringValue"].as_str().unwrap_or_default().to_owned();
        let read = |message: Value| {
            (text(&message, "TributaryReason"), text(&message, "TributaryMessage"), message["Body"].as_str().unwrap().to_owned())
        };
        all.into_iter().map(read).collect()
    }

    /// Waits until `status.sync` passes the check, and returns it.
    pub async fn wait_for_status(&self, what: &str, check: impl Fn(&Value) -> bool) -> Value {
        self.world
            .wait("EventSink", "table", what, |object| {
                let status = object?.data["status"]["sync"].clone();
                check(&status).then_some(status)
            })
            .await
    }

    /// Waits for this reason of condition `Syncing`, and returns its message.
    pub async fn syncing(&self, reason: &str) -> String {
        let status = self.wait_for_status(&format!("Syncing: {reason}"), |status| status["conditions"][0]["reason"] == reason).await;
        status["conditions"][0]["message"].as_str().unwrap().to_owned()
    }

    /// Starts a worker.
    pub fn worker(&self) -> Binary {
        worker(&self.world, &self.benchling, &[])
    }
}

/// Starts `tributary sync` for the world's namespace, with the rights that the chart gives it. It may use databases of this machine, unless
/// the flags name other hosts.
pub fn worker(world: &World, benchling: &Benchling, flags: &[&str]) -> Binary {
    worker_with(world, benchling, flags, &[])
}

/// The same with these environment variables.
pub fn worker_with(world: &World, benchling: &Benchling, flags: &[&str], variables: &[(&str, &str)]) -> Binary {
    let (address, url) = (free_address(), benchling.urls().tenant);
    let hosts: &[&str] = if flags.contains(&"--database-hosts") { &[] } else { &["--database-hosts", "localhost,127.0.0.1"] };
    let arguments: [&[&str]; 4] = [
        &["sync", "--listen", &address, "--watch-namespaces", &world.namespace, "--report-seconds", "1"],
        &["--log-format", "text", "--benchling-url", &url],
        hosts,
        flags,
    ];
    let mut environment = vec![("TRIBUTARY_LOG", "info,tributary=debug")];
    environment.extend_from_slice(variables);
    Binary::start(&Bed::get().sync_kubeconfig(), &arguments, &environment)
}
