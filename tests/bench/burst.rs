//! Benchmark of sync: a burst of events until each has its row, once queued before the worker starts and once arriving while it runs. Prints figures
//! and aims, as `tests/bench` does; a missed aim is not a failure. Run by `make bench`, inside a whole test bed.
//!
//! AWS and Benchling are stand-ins here, one Python process each: counts are those of sync, the wall time is mostly theirs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod figures;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use figures::{Report, count, rounded};
use serde_json::{Value, json};
use tributary_testkit::sync::Fixture;

/// What one request to Benchling reads.
const BATCH: usize = 50;
/// "Plus a few" of the aim: requests that were not full because messages came late.
const FEW: usize = 10;
const PATIENCE: Duration = Duration::from_mins(15);

fn events() -> usize {
    std::env::var("BENCH_EVENTS").map_or(10_000, |text| text.parse().expect("BENCH_EVENTS is a number"))
}

async fn until_drained(fixture: &Fixture) {
    let began = Instant::now();
    loop {
        let (waiting, hidden) = fixture.depth(&fixture.queue).await;
        if (waiting, hidden) == (0, 0) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{waiting} messages wait, {hidden} are in hand");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// User and system time of a process so far.
fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The second field is the name in parentheses; utime and stime are fields 14 and 15, in hundredths of a second.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    Duration::from_millis(10) * (fields[11].parse::<u32>().unwrap() + fields[12].parse::<u32>().unwrap())
}

fn peak_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1_024.0
}

/// By operation, how many calls of the account the journal has since.
async fn calls(fixture: &Fixture, mark: u64) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for call in fixture.world.aws.journal(mark).await.0 {
        // Our own look at the queue's depth is among sync's.
        *calls.entry(call.op).or_default() += 1;
    }
    calls
}

fn id(n: usize) -> String {
    format!("bfi_{n}")
}

/// A sink of its own, and as many entities as events.
async fn prepared(name: &str, events: usize) -> Fixture {
    let fixture = Fixture::new(name, json!({})).await;
    let entity = |n: usize| json!({"id": id(n), "name": format!("P{n}")});
    fixture.benchling.entities("custom-entities", (0..events).map(entity).collect()).await;
    // As Benchling does: 300 requests of an app in 30 seconds, and 1,000 of the whole tenant, of which no header tells.
    fixture.benchling.control("limits", json!({"limit": 300, "windowSeconds": 30, "hidden": 1_000})).await;
    fixture
}

async fn put(fixture: &Fixture, events: usize) {
    fixture.put_all(&(0..events).map(|n| fixture.thin(&id(n))).collect::<Vec<_>>()).await;
}

/// What Benchling was asked, and what is in the table; `what` leads the names of the figures.
async fn outcome(fixture: &Fixture, what: &str, events: usize, report: &mut Report) {
    let asked = fixture.benchling.requests("").await;
    let limited = asked.iter().filter(|request| request["status"] == 429).count();
    let reads = asked.iter().filter(|request| request["path"].as_str().is_some_and(|path| path.ends_with(":bulk-get"))).count();
    let rows = fixture.db.query("SELECT benchling_api_id, entity_name FROM synced_benchling_data", &[]).await.unwrap();
    // What is wrong in a row is as good as lost.
    let found: BTreeMap<String, String> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let lost = (0..events).filter(|n| found.get(&id(*n)) != Some(&format!("P{n}"))).count();
    let dead = fixture.depth(&format!("{}-dlq", fixture.queue)).await.0;
    let aim = events.div_ceil(BATCH) + FEW;
    report.figure(format!("{what}: requests to Benchling for entities"), count(reads), "", Some(count(aim)));
    report.figure("  all requests to Benchling, tokens too", count(asked.len()), "", None);
    report.figure(format!("{what}: rate-limit hits (429)"), count(limited), "", Some(0.0));
    report.figure(format!("{what}: rows lost"), count(lost), "", Some(0.0));
    report.figure(format!("{what}: rows doubled"), count(rows.len() - found.len()), "", Some(0.0));
    report.figure(format!("{what}: messages in the dead-letter queue"), count(usize::try_from(dead).unwrap()), "", Some(0.0));
}

/// It lies in the queue when the worker begins, as after an outage.
async fn waiting(report: &mut Report) {
    let (events, all) = (events(), count(events()));
    eprintln!("bench: burst: {events} events of as many entities, put on the bus");
    let fixture = prepared("waiting", events).await;
    put(&fixture, events).await;
    tributary_testkit::until_within(PATIENCE, "all are in the queue", || async {
        (fixture.depth(&fixture.queue).await.0 == events as u64).then_some(())
    })
    .await;

    eprintln!("bench: burst: one worker, until the queue is empty");
    let (mark, began) = (fixture.world.aws.mark().await, Instant::now());
    let worker = fixture.worker();
    until_drained(&fixture).await;
    let (wall, cpu, peak) = (began.elapsed(), cpu(worker.id()), peak_mib(worker.id()));
    worker.stop().await;

    outcome(&fixture, "waiting burst", events, report).await;
    report.figure("wall time from the worker's start to the empty queue", wall.as_secs_f64(), "s", None);
    report.figure("  rows a second", all / wall.as_secs_f64(), "", None);
    report.figure("CPU per row", cpu.as_secs_f64() * 1_000.0 / all, "ms", None);
    report.figure("peak RSS of the worker", peak, "MiB", None);
    let calls = calls(&fixture, mark).await;
    let of_sqs = ["ReceiveMessage", "DeleteMessageBatch"].map(|op| calls.get(op).copied().unwrap_or_default());
    report.figure(
        "SQS calls per row, to receive and to delete",
        count(of_sqs.iter().sum()) / all,
        "",
        Some(rounded(0.2 + count(FEW) / all)),
    );
    report.detail("aws", json!(calls));
    report.detail("burst", json!({"events": events, "wallSeconds": rounded(wall.as_secs_f64()), "cpuSeconds": rounded(cpu.as_secs_f64())}));
}

/// It comes while the worker runs: as fast as the stand-in takes it.
async fn arriving(report: &mut Report) {
    let events = events();
    eprintln!("bench: burst: {events} events more, while a worker runs");
    let fixture = prepared("arriving", events).await;
    let (worker, began) = (fixture.worker(), Instant::now());
    fixture.wait_for_status("the worker is there", |status| status["conditions"][0]["status"] == "True").await;
    put(&fixture, events).await;
    let put = began.elapsed();
    until_drained(&fixture).await;
    let wall = began.elapsed();
    worker.stop().await;
    outcome(&fixture, "arriving burst", events, report).await;
    report.figure("wall time from the first event to the empty queue", wall.as_secs_f64(), "s", None);
    report.figure("  of which the stand-in took the events for", put.as_secs_f64(), "s", None);
}

#[tokio::main]
async fn main() {
    let mut report = Report::new(format!("A burst of {} events to rows, one worker", events()), &Value::Null);
    waiting(&mut report).await;
    arriving(&mut report).await;
    println!("{}", report.table());
    let path = std::env::var_os("TRIBUTARY_BENCH_BURST_JSON")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-burst.json"), PathBuf::from);
    std::fs::write(&path, format!("{:#}\n", report.json())).unwrap();
    eprintln!("bench: the same as JSON, with details: {}", path.display());
}
