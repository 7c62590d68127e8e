//! The whole way: signed webhooks through gateways that are killed, the bus, the rule, and workers that are killed, into a database that crashes.
//! Keys rotate, webhooks repeat in any order, Benchling refuses some requests.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tributary_testkit::{Gateway, Postgres, Row, form, http, seed, sync::Fixture, until_within};

const SENDERS: usize = 16;
const PATIENCE: Duration = Duration::from_mins(15);

/// What the senders share.
struct Burst {
    fixture: Fixture,
    /// Webhooks that were not taken yet: number and entity. The last is the next.
    rest: Mutex<Vec<(usize, usize)>>,
    urls: Mutex<[String; 2]>,
    acknowledged: Mutex<BTreeSet<String>>,
    /// Answered by something else than 2xx, or by nothing, and so sent again.
    again: Mutex<usize>,
}

impl Burst {
    fn left(&self) -> usize {
        self.rest.lock().unwrap().len()
    }

    /// Sends them all, as Benchling does: the same id with a new timestamp, until it is answered by 2xx. One in twenty comes once more after that.
    fn send(self: &Arc<Self>, webhooks: Vec<(usize, usize)>) -> JoinSet<()> {
        *self.rest.lock().unwrap() = webhooks;
        (0..SENDERS).map(|number| self.clone().sender(fastrand::Rng::with_seed(seed() + number as u64))).collect()
    }

    async fn sender(self: Arc<Self>, mut dice: fastrand::Rng) {
        let (http, fixture) = (http(), &self.fixture);
        loop {
            let Some((number, entity)) = self.rest.lock().unwrap().pop() else { return };
            let wish = json!({"id": format!("wh_{number}"), "message": {"resourceId": format!("bfi_{entity}")}});
            let mut left = if dice.u8(..20) == 0 { 2 } else { 1 };
            while left > 0 {
                let webhook = fixture.benchling.sign(&fixture.app, wish.clone()).await.remove(0);
                let url = format!("{}/1/webhooks", self.urls.lock().unwrap()[dice.usize(..2)]);
                if (200..300).contains(&webhook.post(&http, &url).await.0) {
                    self.acknowledged.lock().unwrap().insert(webhook.id);
                    left -= 1;
                } else {
                    *self.again.lock().unwrap() += 1;
                    tokio::time::sleep(Duration::from_millis(dice.u64(50..200))).await;
                }
            }
        }
    }

    /// Ids of the webhooks whose event the bus took, each as often as it did.
    async fn arrived(&self) -> Vec<String> {
        let calls = self.fixture.world.aws.journal(0).await.0.into_iter().filter(|call| call.op == "PutEvents" && call.status == Some(200));
        let id = |entry: &Value| {
            let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
            detail["webhook"]["id"].as_str().unwrap().to_owned()
        };
        calls.flat_map(|call| call.request["Entries"].as_array().unwrap().iter().map(id).collect::<Vec<_>>()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_in_the_table_in_its_newest_version_once() {
    // One of each entity's first version, then one of its second: none of the latter can be missed for another.
    let (entities, kills) = (form(300, 5_000), form(4, 10));
    let mut dice = fastrand::Rng::with_seed(seed());
    let fixture = Fixture::on(Postgres::own().await, "path", json!({})).await;
    let version = |v: usize| -> Vec<Value> {
        let one = |n| json!({"id": format!("bfi_{n}"), "name": format!("v{v}"), "modifiedAt": format!("2026-01-01T00:00:00.{v:06}+00:00")});
        (0..entities).map(one).collect()
    };
    // Requests enough for the work, with refusals: three for certain, and whenever the hidden limit is met.
    fixture.benchling.control("limits", json!({"limit": 300, "windowSeconds": 2, "hidden": 8})).await;
    fixture.benchling.own_fault("/api/v2/custom-entities:bulk-get", json!({"status": 429, "times": 3, "after": 2})).await;
    let mut row = Row::new(
        "W1-whole-path",
        "SIGKILL of gateways and workers in turn during a burst of signed webhooks; keys rotate, the database crashes, webhooks arrive twice and out of order, Benchling answers 429: the bus received exactly the acknowledged webhooks, and each entity has one row with its latest version.",
    );
    let namespace = fixture.world.namespace.clone();
    let mut gateways = [Gateway::start(&namespace, &fixture.benchling).await, Gateway::start(&namespace, &fixture.benchling).await];
    let mut workers = [fixture.worker(), fixture.worker()];
    let urls = Mutex::new([gateways[0].url.clone(), gateways[1].url.clone()]);
    let burst = Arc::new(Burst { fixture, rest: Mutex::default(), urls, acknowledged: Mutex::default(), again: Mutex::default() });
    let fixture = &burst.fixture;
    // Workers and database are killed under a batch that was received, not between two.
    let in_hand = || until_within(PATIENCE, "a batch is in hand", || async { (fixture.depth(&fixture.queue).await.1 > 0).then_some(()) });
    let began = Instant::now();
    for part in 0..2 {
        fixture.benchling.entities("custom-entities", version(part + 1)).await;
        let mut order: Vec<_> = (0..entities).map(|n| (entities * part + n, n)).collect();
        dice.shuffle(&mut order);
        let senders = burst.send(order);
        for kill in 0..kills {
            // Spread over the burst.
            let left = entities - entities * (kill + 1) / (kills + 1);
            until_within(PATIENCE, "more of the burst is through", || async { (burst.left() <= left).then_some(()) }).await;
            let victim = dice.usize(..2);
            if kill % 2 == 0 {
                gateways[victim].binary.kill();
                gateways[victim] = Gateway::start(&namespace, &fixture.benchling).await;
                burst.urls.lock().unwrap()[victim].clone_from(&gateways[victim].url);
            } else {
                in_hand().await;
                workers[victim].kill();
                workers[victim] = fixture.worker();
            }
            if kill == kills / 4 {
                fixture.benchling.control("keys", json!({"appDefinitionId": fixture.app["appDefinitionId"], "action": "rotate"})).await;
            }
            if kill == kills / 2 {
                in_hand().await;
                fixture.postgres.tell("kill").await;
                fixture.postgres.tell("start").await;
            }
        }
        senders.join_all().await;
    }
    let sent = began.elapsed();
    until_within(PATIENCE, "the queue is empty", || async { (fixture.depth(&fixture.queue).await == (0, 0)).then_some(()) }).await;
    let (all, arrived, acknowledged) = (began.elapsed(), burst.arrived().await, burst.acknowledged.lock().unwrap().clone());
    let on_the_bus: BTreeSet<String> = arrived.iter().cloned().collect();
    for id in (0..2 * entities).map(|number| format!("wh_{number}")) {
        row.trial(match (acknowledged.contains(&id), on_the_bus.contains(&id)) {
            (true, true) => Ok(()),
            (acknowledged, on_the_bus) => Err(format!("{id}: acknowledged: {acknowledged}, on the bus: {on_the_bus}")),
        });
    }
    let db = fixture.postgres.connect(&fixture.database).await;
    let mut held: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in db.query("SELECT benchling_api_id, entity_name FROM synced_benchling_data", &[]).await.unwrap() {
        held.entry(row.get(0)).or_default().push(row.get(1));
    }
    for id in (0..entities).map(|n| format!("bfi_{n}")) {
        let versions = held.get(&id).cloned().unwrap_or_default();
        row.trial(if versions == ["v2"] { Ok(()) } else { Err(format!("{id}: rows of it: {versions:?}")) });
    }
    let refused = fixture.benchling.requests("bulk-get").await.iter().filter(|request| request["status"] == 429).count();
    let again = *burst.again.lock().unwrap();
    row.figure("webhooks", 2 * entities);
    row.figure("processes killed", 2 * kills);
    row.figure("resent", again);
    row.figure("duplicates on the bus", arrived.len() - on_the_bus.len());
    row.figure("throttled by Benchling", refused);
    row.figure("all acknowledged after, s", sent.as_secs());
    row.figure("all rows written after, s", all.as_secs());
    let dead = fixture.depth(&format!("{}-dlq", fixture.queue)).await;
    row.write();
    assert_eq!(dead, (0, 0), "nothing was given up");
    assert!(again > 0 && refused >= 3, "what was to go wrong did not: {again} sent again, {refused} refused");
    row.end();
}
