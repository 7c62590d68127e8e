//! A burst, with all that may go wrong at once: workers killed at random moments, duplicates, reordering, refusals, a database that restarts.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    harness::{seed, whole},
    postgres::Postgres,
    stage::Stage,
};

#[tokio::test(flavor = "multi_thread")]
async fn every_newest_version_is_in_the_table_exactly_once() {
    let events: usize = if whole() { 10_000 } else { 600 };
    let entities = events / 4;
    let mut dice = fastrand::Rng::with_seed(seed());
    let stage = Stage::on(Postgres::own().await, "burst", json!({})).await;
    let id = |n: usize| format!("bfi_{n}");
    let version =
        |n: usize, v: usize| json!({"id": id(n), "name": format!("v{v}"), "modifiedAt": format!("2026-01-01T00:00:00.{v:06}+00:00")});
    stage.benchling.entities("custom-entities", (0..entities).map(|n| version(n, 1)).collect()).await;
    // Requests enough for the work, with a refusal now and then.
    stage.benchling.control("limits", json!({"limit": 300, "windowSeconds": 2, "hidden": 8})).await;
    // Each entity several times, in any order.
    let mut order: Vec<usize> = (0..events).map(|n| n % entities).collect();
    dice.shuffle(&mut order);
    let (first, second) = order.split_at(events / 2);
    let details = |part: &[usize]| part.iter().map(|n| stage.thin(&id(*n))).collect::<Vec<_>>();
    stage.put_all(&details(first)).await;
    let mut workers = vec![stage.worker(), stage.worker()];
    // A newer version of all, told by the second half only.
    stage.benchling.entities("custom-entities", (0..entities).map(|n| version(n, 2)).collect()).await;
    stage.put_all(&details(second)).await;
    stage.put_all(&details(&(0..entities).collect::<Vec<_>>())).await;
    let began = Instant::now();
    let kills = if whole() { 20 } else { 5 };
    for kill in 0..kills {
        tokio::time::sleep(Duration::from_millis(dice.u64(200..1500))).await;
        let victim = dice.usize(..workers.len());
        workers.swap_remove(victim).kill();
        if kill == kills / 2 {
            stage.postgres.tell("kill").await;
            stage.postgres.tell("start").await;
        }
        workers.push(stage.worker());
    }
    let db = stage.postgres.connect(&stage.database).await;
    let deadline = Duration::from_secs(if whole() { 900 } else { 120 });
    loop {
        let (waiting, hidden) = stage.depth(&stage.queue).await;
        if (waiting, hidden) == (0, 0) {
            break;
        }
        assert!(began.elapsed() < deadline, "{waiting} messages wait, {hidden} are in hand");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let rows = db.query("SELECT benchling_api_id, entity_name FROM synced_benchling_data", &[]).await.unwrap();
    assert_eq!(rows.len(), entities, "each entity has one row");
    let old: Vec<String> = rows.iter().filter(|row| row.get::<_, String>(1) != "v2").map(|row| row.get(0)).collect();
    assert!(old.is_empty(), "an older version stands: {old:?}");
    assert_eq!(stage.depth(&format!("{}-dlq", stage.queue)).await, (0, 0), "nothing was given up");
}
