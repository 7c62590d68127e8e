//! Benchmark, part 8: a fleet: many objects in many accounts, with one operator. What it costs, how long a restart takes, whether resyncs
//! come in bursts, whether one account slows others, and what a larger fleet would need.

mod cost;
mod fairness;
mod objects;
mod process;
mod projection;
mod replicas;
mod watch;

use std::time::{Duration, Instant};

use cost::{Cost, Create, Delete, Restart, Resync};
use objects::Size;
use process::{NEVER, Process, silent, stop};
use serde_json::json;
use watch::Watches;

use crate::{
    Result,
    cluster::Cluster,
    figures::Report,
    say,
    settings::Settings,
    standin::{Options, Service, StandIn},
};

/// Between two resyncs, where resyncs are measured.
const RESYNC: Duration = Duration::from_mins(1);

/// Names of the Secrets with the keys of the accounts.
pub fn secrets(settings: &Settings) -> Vec<String> {
    if settings.fleet.is_empty() { vec![] } else { (0..settings.fleet_accounts).map(objects::name).collect() }
}

/// Shards that the chart shall have permissions for.
pub fn shards(settings: &Settings) -> usize {
    if settings.fleet.is_empty() || settings.replicas < 2 { 1 } else { replicas::SHARDS }
}

/// From the start of the operator until all is Ready.
async fn create(cluster: &Cluster, settings: &Settings, standin: &StandIn, watches: &Watches) -> Result<Create> {
    let mark = cluster.audit.mark()?;
    let mut processes = vec![Process::start(cluster, settings, "create", NEVER, &[])?];
    watches.ready().await?;
    let wall = processes[0].operator.started.elapsed();
    let (usage, calls, requests) = (processes[0].operator.usage()?, standin.log(), cluster.audit.since(mark)?);
    silent(&mut processes, standin).await?;
    stop(processes).await?;
    let events = calls.of(Service::Events);
    let detail = json!({"events": events.by_operation(), "sqs": calls.of(Service::Sqs).by_operation(), "kubernetes": requests.json()});
    Ok(Create { wall, usage, events: events.len(), others: calls.len() - events.len(), requests: requests.total(), detail })
}

async fn restart(cluster: &Cluster, settings: &Settings, standin: &StandIn, size: Size) -> Result<Restart> {
    let (from, mark) = (Instant::now(), cluster.audit.mark()?);
    let mut processes = vec![Process::start(cluster, settings, "restart", NEVER, &[])?];
    let inspected = processes[0].inspected(size.objects()).await?;
    let done = silent(&mut processes, standin).await?;
    stop(processes).await?;
    let (calls, requests) = (standin.log().between(from, Instant::now()), cluster.audit.since(mark)?);
    let detail = json!({"calls": calls.by_operation(), "kubernetes": requests.json()});
    let writes = calls.writes() + requests.writes();
    Ok(Restart { inspected, silent: done.after, usage: done.usages[0], writes, calls: calls.len(), detail })
}

/// One period of resyncs, without the one that a start causes.
async fn resync(cluster: &Cluster, settings: &Settings, standin: &StandIn, size: Size) -> Result<Resync> {
    let mut process = Process::start(cluster, settings, "resync", &RESYNC.as_secs().to_string(), &[])?;
    process.inspected(size.objects()).await?;
    // Half a period is left to the end of a resync, on both sides; with very many objects a start takes longer.
    let mut from = process.operator.started + RESYNC / 2;
    while from < Instant::now() {
        from += RESYNC;
    }
    tokio::time::sleep_until(from.into()).await;
    let before = process.operator.usage()?;
    tokio::time::sleep_until((from + RESYNC).into()).await;
    let usage = process.operator.usage()?;
    let calls = standin.log().between(from, from + RESYNC);
    process.operator.stop().await?;
    if calls.len() == 0 {
        return Err(format!("no call within a whole period of {RESYNC:?}").into());
    }
    Ok(Resync { period: RESYNC, cpu: usage.cpu.saturating_sub(before.cpu), usage, per_second: calls.per_second(from, RESYNC), calls })
}

async fn delete(cluster: &Cluster, settings: &Settings, standin: &StandIn, size: Size, watches: &Watches) -> Result<Delete> {
    let mut processes = vec![Process::start(cluster, settings, "delete", NEVER, &[])?];
    processes[0].inspected(size.objects()).await?;
    silent(&mut processes, standin).await?;
    let (from, mark, before) = (Instant::now(), cluster.audit.mark()?, processes[0].operator.usage()?);
    objects::delete(&cluster.admin, size).await?;
    watches.gone().await?;
    let (wall, usage) = (from.elapsed(), processes[0].operator.usage()?);
    let (calls, requests) = (standin.log().between(from, Instant::now()), cluster.audit.since(mark)?);
    stop(processes).await?;
    let events = calls.of(Service::Events);
    let detail = json!({"events": events.by_operation(), "sqs": calls.of(Service::Sqs).by_operation(), "kubernetes": requests.json()});
    let cpu = usage.cpu.saturating_sub(before.cpu);
    Ok(Delete { wall, cpu, usage, events: events.len(), requests: requests.total(), left: standin.left(), detail })
}

async fn measure(cluster: &Cluster, settings: &Settings, size: Size, report: &mut Report) -> Result<(Cost, Result<()>)> {
    let standin = StandIn::start(Options { latency: settings.latency, throttle: None }).await?;
    let Size { accounts, buses, sinks, rules } = size;
    let each = format!("{rules} rules, {sinks} sinks and {buses} buses");
    say(&format!("fleet: writing {} objects: {each} in each of {accounts} accounts", size.objects()));
    objects::write(&cluster.admin, size, &standin.url).await?;
    let watches = Watches::start(&cluster.admin).await?;
    say("fleet: the operator, until all is Ready");
    let create = create(cluster, settings, &standin, &watches).await?;
    say("fleet: a restart, until it is silent");
    let restart = restart(cluster, settings, &standin, size).await?;
    say("fleet: a period of resyncs");
    let resync = resync(cluster, settings, &standin, size).await?;
    let mut outcome = fairness::run((cluster, settings, report), size, &standin, &watches).await;
    if settings.replicas > 1 && outcome.is_ok() {
        outcome = replicas::run((cluster, settings, report), size, &standin, &watches).await;
    }
    // What comes last does not depend on these two, and has to be reported with what came first.
    if let Err(error) = &outcome {
        say(&format!("fleet: {error}"));
    }
    say("fleet: deleting everything");
    let delete = delete(cluster, settings, &standin, size, &watches).await?;
    Ok((Cost { size, create, restart, resync, delete }, outcome))
}

pub async fn run(cluster: &Cluster, settings: &Settings, report: &mut Report) -> Result<()> {
    let mut costs = vec![];
    let mut outcome = Ok(());
    for objects in &settings.fleet {
        let (cost, of_this) = measure(cluster, settings, Size::of(*objects, settings.fleet_accounts), report).await?;
        cost.report(report);
        costs.push(cost);
        outcome = outcome.and(of_this);
    }
    if let [first, .., last] = &costs[..] {
        last.report_growth(first, report);
    }
    projection::report(&costs, report);
    outcome
}
