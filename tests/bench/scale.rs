//! Benchmark, part 7: what objects cost as their number grows: time to Ready, memory, a resync, a restart, each per object, so that
//! growth shows as a figure that is not flat.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    Result,
    cluster::Cluster,
    figures::{Report, count, rounded},
    objects,
    operator::{Operator, Usage},
    ready::Rules,
    say,
    settings::Settings,
    standin::{Options, Service, StandIn},
};

/// Long enough that none happens.
const NEVER: &str = "1000000";
/// Between two resyncs, where resyncs are measured.
const RESYNC: Duration = Duration::from_mins(1);

/// What one number of objects costs.
struct Cost {
    objects: usize,
    ready_seconds: f64,
    ready_cpu: f64,
    calls: usize,
    anonymous_mib: f64,
    peak_mib: f64,
    resync_cpu: f64,
    resync_calls: usize,
    restart_seconds: f64,
    restart_cpu: f64,
    restart_writes: usize,
}

fn start(cluster: &Cluster, settings: &Settings, name: &str, resync: &str) -> Result<(Operator, String)> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let flags = ["--listen", &address, "--quota", "0", "--resync-seconds", resync, "--full-resync-seconds", NEVER].map(str::to_owned);
    Ok((Operator::start(cluster, name, &settings.log, &flags)?, address))
}

/// How many passes there were, by the operator's own metrics.
pub async fn passes(address: &str) -> f64 {
    let Ok(answer) = reqwest::get(format!("http://{address}/metrics")).await else { return 0.0 };
    let text = answer.text().await.unwrap_or_default();
    let lines = text.lines().filter(|line| line.starts_with("tributary_reconciles_total"));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Until its processor time stands still: what was to be done is done.
async fn rest(operator: &mut Operator) -> Result<Usage> {
    let mut before = operator.usage()?;
    loop {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let now = operator.usage()?;
        if now.cpu.saturating_sub(before.cpu) < Duration::from_millis(60) {
            return Ok(now);
        }
        before = now;
    }
}

async fn measure(cluster: &Cluster, settings: &Settings, rules: usize) -> Result<Cost> {
    let standin = StandIn::start(Options { latency: settings.latency, throttle: None }).await?;
    say(&format!("scale: writing {rules} rules into the API server"));
    objects::create(&cluster.admin, rules, &standin.url).await?;
    let objects = rules + 2 * objects::buses(rules) + 1;

    say("scale: the operator, until all is Ready");
    let watch = Rules::shall(&cluster.admin, false).await?;
    let (mut operator, _) = start(cluster, settings, "scale-create", NEVER)?;
    operator.usage()?;
    watch.wait().await?;
    let (ready_seconds, made) = (operator.started.elapsed().as_secs_f64(), operator.usage()?);
    let calls = standin.log().of(Service::Events).len();
    rest(&mut operator).await?;
    operator.stop().await?;

    say("scale: a restart, until each object was looked at");
    let from = Instant::now();
    let (mut operator, address) = start(cluster, settings, "scale-restart", NEVER)?;
    while passes(&address).await < count(objects) {
        operator.usage()?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let restart_seconds = operator.started.elapsed().as_secs_f64();
    let restarted = rest(&mut operator).await?;
    let restart_writes = standin.log().between(from, Instant::now()).writes();
    operator.stop().await?;

    say("scale: a quick resync");
    let (mut operator, _) = start(cluster, settings, "scale-resync", &RESYNC.as_secs().to_string())?;
    // Half a period is left to the start.
    let from = operator.started + RESYNC / 2;
    tokio::time::sleep_until(from.into()).await;
    let before = operator.usage()?;
    tokio::time::sleep_until((from + RESYNC).into()).await;
    let after = operator.usage()?;
    let resync_calls = standin.log().between(from, from + RESYNC).of(Service::Events).len();
    say("scale: deleting everything");
    let gone = Rules::shall(&cluster.admin, true).await?;
    objects::delete(&cluster.admin).await?;
    gone.wait().await?;
    operator.stop().await?;
    Ok(Cost {
        objects,
        ready_seconds,
        ready_cpu: made.cpu.as_secs_f64(),
        calls,
        anonymous_mib: restarted.anonymous_mib,
        peak_mib: made.peak_rss_mib.max(restarted.peak_rss_mib).max(after.peak_rss_mib),
        resync_cpu: after.cpu.saturating_sub(before.cpu).as_secs_f64(),
        resync_calls,
        restart_seconds,
        restart_cpu: restarted.cpu.as_secs_f64(),
        restart_writes,
    })
}

pub async fn run(cluster: &Cluster, settings: &Settings, report: &mut Report) -> Result<()> {
    let mut costs = Vec::new();
    for rules in &settings.scale {
        let cost = measure(cluster, settings, *rules).await?;
        let n = count(cost.objects);
        let mut figure =
            |name: &str, value: f64, unit: &'static str, aim| report.figure(format!("{rules} rules: {name}"), value, unit, aim);
        figure("wall time to all Ready, per object", cost.ready_seconds * 1e3 / n, "ms", None);
        figure("CPU to all Ready, per object", cost.ready_cpu * 1e3 / n, "ms", None);
        figure("EventBridge calls, per object", count(cost.calls) / n, "", None);
        figure("memory at rest (anonymous)", cost.anonymous_mib, "MiB", None);
        figure("peak RSS of all phases", cost.peak_mib, "MiB", None);
        figure("CPU of a quick resync, per object", cost.resync_cpu * 1e3 / n, "ms", None);
        figure("EventBridge calls of a quick resync, per object", count(cost.resync_calls) / n, "", None);
        figure("restart, until each object was looked at", cost.restart_seconds, "s", None);
        figure("CPU of a restart, per object", cost.restart_cpu * 1e3 / n, "ms", None);
        figure("writes of a restart", count(cost.restart_writes), "", Some(0.0));
        report.detail(
            &format!("scale {rules}"),
            json!({"objects": cost.objects, "readySeconds": rounded(cost.ready_seconds), "readyCpuSeconds": rounded(cost.ready_cpu),
                   "anonymousMiB": rounded(cost.anonymous_mib), "resyncCpuSeconds": rounded(cost.resync_cpu), "restartCpuSeconds": rounded(cost.restart_cpu)}),
        );
        costs.push(cost);
    }
    if let [first, .., last] = &costs[..] {
        // What a further object costs at the large end, beside what it costs at the small end; fixed costs make the small end look dear.
        let more = count(last.objects - first.objects);
        let kib = (last.anonymous_mib - first.anonymous_mib) * 1_024.0 / more;
        report.figure("memory at rest per further object", kib, "KiB", None);
        let growth = |of: fn(&Cost) -> f64| (of(last) / count(last.objects)) / (of(first) / count(first.objects));
        report.figure("growth of CPU to Ready per object, largest to smallest", growth(|cost| cost.ready_cpu), "", Some(1.0));
        report.figure("growth of CPU of a resync per object, largest to smallest", growth(|cost| cost.resync_cpu), "", Some(1.0));
        report.figure("growth of CPU of a restart per object, largest to smallest", growth(|cost| cost.restart_cpu), "", Some(1.0));
    }
    Ok(())
}
