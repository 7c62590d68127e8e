//! The whole path at once: signed webhooks through gateways that are killed, onto the bus, through the rule, by workers that are killed, into a
//! database that crashes; keys rotate, webhooks come twice and in any order, Benchling refuses some requests.

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    process::{Child, Command},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    harness::{Bed, seed, until_within},
    postgres::Postgres,
    stage::{Stage, Worker},
};

const EVENTS: usize = 10_000;
const ENTITIES: usize = EVENTS / 4;
const KILLS: usize = 20;
const SENDERS: usize = 16;
const PATIENCE: Duration = Duration::from_mins(15);

/// The real binary. Killed when dropped.
struct Gateway {
    child: Child,
    url: String,
    files: std::path::PathBuf,
}

impl Gateway {
    async fn start(stage: &Stage, number: usize) -> Self {
        let files = std::env::temp_dir().join(format!("tributary-path-{}-{number}", std::process::id()));
        fs::create_dir_all(&files).unwrap();
        fs::write(files.join("kubeconfig"), Bed::get().gateway_kubeconfig().to_string()).unwrap();
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let (public, admin, benchling) = (free(), free(), &stage.benchling.url);
        let child = Command::new(env!("CARGO_BIN_EXE_tributary"))
            .args(["gateway", "--listen", &public, "--admin-listen", &admin, "--watch-namespaces", &stage.world.namespace])
            .args(["--benchling-url", &format!("{benchling}/{{tenant}}")])
            .args(["--benchling-keys-url", &format!("{benchling}/api/v1/apps/{{app_definition_id}}/jwks"), "--drain-seconds", "0"])
            .env("KUBECONFIG", files.join("kubeconfig"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stderr(fs::File::create(files.join("log")).unwrap())
            .spawn()
            .unwrap();
        let gateway = Self { child, url: format!("http://{public}"), files };
        let ready = format!("{}/ready", gateway.url);
        until_within(Duration::from_secs(30), "the gateway is ready", || async {
            reqwest::get(&ready).await.ok().filter(|answer| answer.status() == 200)
        })
        .await;
        gateway
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = (self.child.kill(), self.child.wait());
        let _ = fs::remove_dir_all(&self.files);
    }
}

/// What the senders share.
struct Burst {
    stage: Stage,
    /// Webhooks that were not acknowledged yet: number and entity.
    rest: Mutex<Vec<(usize, usize)>>,
    urls: Mutex<Vec<String>>,
    acknowledged: Mutex<BTreeSet<String>>,
    again: Mutex<usize>,
}

/// As Benchling does: the same id with a new timestamp, until it is answered by 2xx. One in twenty comes once more after that.
async fn sender(burst: Arc<Burst>, mut dice: fastrand::Rng) {
    let http = reqwest::Client::new();
    loop {
        let Some((number, entity)) = burst.rest.lock().unwrap().pop() else { return };
        let id = format!("wh_{number}");
        let mut left = if dice.u8(..20) == 0 { 2 } else { 1 };
        while left > 0 {
            let wish = json!({"appDefinitionId": burst.stage.app["appDefinitionId"], "id": id, "message": {"resourceId": format!("bfi_{entity}")}});
            let signed = burst.stage.benchling.control("sign", wish).await["webhooks"][0].clone();
            let url = burst.urls.lock().unwrap().get(dice.usize(..2)).cloned().unwrap_or_default();
            let mut request = http.post(format!("{url}/1/webhooks")).body(signed["body"].as_str().unwrap().to_owned());
            for (name, value) in signed["headers"].as_object().unwrap() {
                request = request.header(name, value.as_str().unwrap());
            }
            if request.send().await.is_ok_and(|answer| answer.status().is_success()) {
                burst.acknowledged.lock().unwrap().insert(id.clone());
                left -= 1;
            } else {
                *burst.again.lock().unwrap() += 1;
                tokio::time::sleep(Duration::from_millis(dice.u64(50..200))).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "10,000 webhooks over the whole path: three minutes; run it with --ignored"]
async fn what_was_acknowledged_is_in_the_table_in_its_newest_version_once() {
    let mut dice = fastrand::Rng::with_seed(seed());
    let stage = Stage::on(Postgres::own().await, "path", json!({})).await;
    let version = |v: usize| -> Vec<Value> {
        let one = |n| json!({"id": format!("bfi_{n}"), "name": format!("v{v}"), "modifiedAt": format!("2026-01-01T00:00:00.{v:06}+00:00")});
        (0..ENTITIES).map(one).collect()
    };
    stage.benchling.entities("custom-entities", version(1)).await;
    stage.benchling.control("limits", json!({"limit": 300, "windowSeconds": 2, "hidden": 8})).await;
    let mut order: Vec<usize> = (0..EVENTS).map(|n| n % ENTITIES).collect();
    dice.shuffle(&mut order);
    let mut gateways = [Gateway::start(&stage, 0).await, Gateway::start(&stage, 1).await];
    let urls = Mutex::new(gateways.iter().map(|gateway| gateway.url.clone()).collect());
    let rest = Mutex::new(order.into_iter().enumerate().collect());
    let burst = Arc::new(Burst { stage, rest, urls, acknowledged: Mutex::default(), again: Mutex::default() });
    let stage = &burst.stage;
    let mut workers: Vec<Worker> = vec![stage.worker(), stage.worker()];
    let senders: Vec<_> = (0..SENDERS).map(|n| tokio::spawn(sender(burst.clone(), fastrand::Rng::with_seed(seed() + n as u64)))).collect();
    let began = Instant::now();
    for kill in 0..KILLS {
        // Spread over the burst.
        let left = EVENTS - EVENTS * (kill + 1) / (KILLS + 1);
        until_within(PATIENCE, "more of the burst is through", || async { (burst.rest.lock().unwrap().len() <= left).then_some(()) }).await;
        if kill % 2 == 0 {
            let victim = dice.usize(..2);
            gateways[victim] = Gateway::start(stage, kill + 2).await;
            burst.urls.lock().unwrap()[victim].clone_from(&gateways[victim].url);
        } else {
            workers.swap_remove(dice.usize(..2)).kill();
            workers.push(stage.worker());
        }
        match kill {
            5 | 15 => {
                let wish = json!({"appDefinitionId": stage.app["appDefinitionId"], "action": "rotate"});
                stage.benchling.control("keys", wish).await;
            }
            10 => {
                stage.benchling.entities("custom-entities", version(2)).await;
                stage.postgres.tell("kill").await;
                stage.postgres.tell("start").await;
            }
            _ => {}
        }
    }
    for sender in senders {
        sender.await.unwrap();
    }
    let sent = began.elapsed();
    // Each entity is told of once more after its newest version: the last word on it.
    *burst.rest.lock().unwrap() = (0..ENTITIES).map(|n| (EVENTS + n, n)).collect();
    let last: Vec<_> = (0..SENDERS).map(|n| tokio::spawn(sender(burst.clone(), fastrand::Rng::with_seed(n as u64)))).collect();
    for sender in last {
        sender.await.unwrap();
    }
    until_within(PATIENCE, "the queue is empty", || async { (stage.depth(&stage.queue).await == (0, 0)).then_some(()) }).await;
    let mut arrived = BTreeSet::new();
    for call in stage.world.aws.journal(0).await.0.into_iter().filter(|call| call.op == "PutEvents" && call.status == Some(200)) {
        for entry in call.request["Entries"].as_array().unwrap() {
            let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
            arrived.insert(detail["webhook"]["id"].as_str().unwrap().to_owned());
        }
    }
    let acknowledged = burst.acknowledged.lock().unwrap().clone();
    assert_eq!(acknowledged.len(), EVENTS + ENTITIES, "each was acknowledged in the end");
    assert!(acknowledged == arrived, "not on the bus: {:?}", acknowledged.difference(&arrived).collect::<Vec<_>>());
    let db = stage.postgres.connect(&stage.database).await;
    let rows = db.query("SELECT benchling_api_id, entity_name FROM synced_benchling_data", &[]).await.unwrap();
    assert_eq!(rows.len(), ENTITIES, "each entity has one row");
    assert!(rows.iter().all(|row| row.get::<_, String>(1) == "v2"), "an older version stands");
    assert_eq!(stage.depth(&format!("{}-dlq", stage.queue)).await, (0, 0), "nothing was given up");
    let again = *burst.again.lock().unwrap();
    eprintln!(
        "path: {EVENTS} webhooks acknowledged in {sent:.0?}, {again} times sent again; all in the table after {:.0?}",
        began.elapsed()
    );
}
