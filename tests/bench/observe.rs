//! Benchmark, part 4d: what `observeDeliveries` costs: calls of a resync for all rules, from metrics alone and with the logs of the buses.
//! Each rule has a dead-letter queue and a delivery that failed, and each log has more than one page: the most that it can take.

use std::time::{Duration, Instant};

use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use tributary_testkit::product::EventBus;

use crate::{
    Result,
    cluster::Cluster,
    figures::{Report, count},
    objects::{self, NAMESPACE},
    operator::Operator,
    ready::Rules,
    say,
    settings::Settings,
    standin::{Call, Options, Service, StandIn},
};

const BUSES: usize = 10;
/// Calls of a resync, at most: from metrics, and with logs.
const AIMS: [f64; 2] = [12.0, 22.0];

fn bus(n: usize) -> Value {
    json!({"metadata": {"name": format!("bus-{n}")}, "spec": {"observeDeliveries": "Enabled"}})
}

fn sink(name: &str) -> impl Fn(usize) -> Value {
    move |n| json!({"metadata": {"name": format!("{name}-{n}")}, "spec": {"sqs": {"managed": {}}, "deletionPolicy": "Delete"}})
}

fn rule(n: usize) -> Value {
    let to = |name: &str| json!({"name": format!("{name}-{}", n % BUSES)});
    let target = json!({"name": "queue", "sinkRef": to("work"), "deadLetter": {"sinkRef": to("dead")}});
    json!({
        "metadata": {"name": format!("rule-{n:04}")},
        "spec": {"busRef": to("bus"), "eventPattern": {"source": ["com.mycompany.myapp"], "detail": {"shard": [n]}}, "targets": [target]},
    })
}

fn flags(resync: &str) -> Vec<String> {
    ["--quota", "0", "--resync-seconds", resync, "--full-resync-seconds", "1000000"].map(str::to_owned).to_vec()
}

/// Lets the operator work until all is Ready.
async fn settle(cluster: &Cluster, settings: &Settings, name: &str) -> Result<()> {
    let rules = Rules::shall(&cluster.admin, false).await?;
    let operator = Operator::start(cluster, name, &settings.log, &flags("1000000"))?;
    rules.wait().await?;
    operator.stop().await
}

/// The calls that read deliveries, by resync, without the first one after a start.
async fn resyncs(cluster: &Cluster, standin: &StandIn, settings: &Settings, name: &str) -> Result<Vec<Vec<Call>>> {
    let period = if settings.rules > 200 { 20 } else { 5 };
    let operator = Operator::start(cluster, name, &settings.log, &flags(&period.to_string()))?;
    let period = Duration::from_secs(period);
    tokio::time::sleep_until((operator.started + period * 7 / 2).into()).await;
    let started = operator.started;
    operator.stop().await?;
    let mut resyncs: Vec<Vec<Call>> = vec![];
    let is_read = |call: &Call| call.service == Service::CloudWatch || call.op == "FilterLogEvents";
    for call in standin.log().between(started, Instant::now()).0.into_iter().filter(is_read) {
        match resyncs.last_mut() {
            Some(resync) if resync.last().is_some_and(|last| call.at.duration_since(last.at) < period / 4) => resync.push(call),
            _ => resyncs.push(vec![call]),
        }
    }
    if resyncs.len() < 3 {
        return Err(format!("{} resyncs of deliveries within three and a half periods", resyncs.len()).into());
    }
    resyncs.remove(0);
    Ok(resyncs)
}

pub async fn run(cluster: &Cluster, settings: &Settings, report: &mut Report) -> Result<()> {
    let standin = StandIn::start(Options { latency: settings.latency, throttle: None }).await?;
    say(&format!("observe: {} rules on {BUSES} buses, with the metrics of their deliveries", settings.rules));
    let admin = &cluster.admin;
    objects::prepare(admin, &standin.url).await?;
    objects::create_kind(admin, "EventBus", (0..BUSES).map(bus)).await?;
    for name in ["work", "dead"] {
        objects::create_kind(admin, "EventSink", (0..BUSES).map(sink(name))).await?;
    }
    objects::create_kind(admin, "EventRule", (0..settings.rules).map(rule)).await?;
    settle(cluster, settings, "observe-create").await?;
    let metrics = resyncs(cluster, &standin, settings, "observe-metrics").await?;
    say("observe: the same with the log of each bus");
    let log = json!({"level": "INFO", "delivery": {"logGroup": {"managed": {"deletionPolicy": "Delete"}}}});
    let buses = Api::<EventBus>::namespaced(admin.clone(), NAMESPACE);
    for n in 0..BUSES {
        let patch = Patch::Merge(json!({"spec": {"log": log}}));
        buses.patch(&format!("bus-{n}"), &PatchParams::default(), &patch).await?;
    }
    settle(cluster, settings, "observe-log").await?;
    let logs = resyncs(cluster, &standin, settings, "observe-logs").await?;
    for (what, resyncs, aim) in [("metrics", metrics, AIMS[0]), ("metrics and logs", logs, AIMS[1])] {
        let most =
            |of: fn(&Call) -> bool| resyncs.iter().map(|calls| calls.iter().filter(|call| of(call)).count()).max().unwrap_or_default();
        report.figure(format!("calls per resync for deliveries, from {what}"), count(most(|_| true)), "", Some(aim));
        report.figure("  GetMetricData", count(most(|call| call.op == "GetMetricData")), "", None);
        report.figure("  FilterLogEvents, with a group for each of 10 buses", count(most(|call| call.op == "FilterLogEvents")), "", None);
    }
    say("observe: delete");
    let rules = Rules::shall(admin, true).await?;
    let operator = Operator::start(cluster, "observe-delete", &settings.log, &flags("1000000"))?;
    objects::delete(admin).await?;
    rules.wait().await?;
    operator.stop().await
}
