//! Benchmark, part 8g: one operator beside replicas that share the accounts by shards: all rules are edited, and each replica's memory,
//! processor time and accounts are counted.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    objects::{self, Size},
    process::{self, NEVER, Process, silent},
    watch::Watches,
};
use crate::{
    Result,
    cluster::Cluster,
    figures::{Report, count, rounded},
    operator::Usage,
    say,
    settings::Settings,
    standin::{Log, StandIn},
};

/// As many as accounts by default.
pub const SHARDS: usize = 30;
const PATIENCE: Duration = Duration::from_mins(3);

/// What replicas needed for a change of all rules.
struct Share {
    wall: Duration,
    /// Of each replica, for the change alone.
    cpu: Vec<Duration>,
    /// Of each replica, at rest after it.
    usages: Vec<Usage>,
    calls: Log,
    requests: usize,
}

impl Share {
    fn busiest(&self) -> f64 {
        self.cpu.iter().map(Duration::as_secs_f64).fold(0.0, f64::max)
    }

    fn largest(&self, of: fn(&Usage) -> f64) -> f64 {
        self.usages.iter().map(of).fold(0.0, f64::max)
    }

    /// The accounts that each replica wrote to.
    fn accounts(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut accounts = BTreeMap::<_, BTreeSet<_>>::new();
        for call in self.calls.0.iter().filter(|call| call.is_write()) {
            let replica = call.replica.as_deref().unwrap_or("unknown").to_owned();
            accounts.entry(replica).or_default().insert(call.account.to_string());
        }
        accounts
    }
}

/// Until the replicas lead all shards, and none more than its share.
async fn balanced(processes: &mut [Process]) -> Result<()> {
    let (began, share) = (Instant::now(), count(SHARDS.div_ceil(processes.len())));
    loop {
        let mut led = vec![];
        for process in processes.iter_mut() {
            process.operator.usage()?;
            led.push(process.shards().await);
        }
        if led.iter().all(|shards| *shards <= share) && led.iter().sum::<f64>() >= count(SHARDS) {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("the replicas lead {led:?} of {SHARDS} shards after {PATIENCE:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn change(
    (cluster, settings): (&Cluster, &Settings),
    replicas: usize,
    size: Size,
    standin: &StandIn,
    watches: &Watches,
) -> Result<Share> {
    say(&format!("fleet: all rules are edited, with {replicas} replicas"));
    let mut processes = vec![];
    for n in 0..replicas {
        let (name, shards) = (format!("r{n}"), SHARDS.to_string());
        let shards = if replicas > 1 { &["--shards", &shards][..] } else { &[] };
        let flags = [&["--leader-elect", "true", "--replica", &name], shards].concat();
        processes.push(Process::start(cluster, settings, &format!("{replicas}-{name}"), NEVER, &flags)?);
    }
    if replicas > 1 {
        balanced(&mut processes).await?;
    } else {
        processes[0].inspected(size.objects()).await?;
    }
    let before = silent(&mut processes, standin).await?.usages;
    let (from, mark) = (Instant::now(), cluster.audit.mark()?);
    let all = (0..size.rules).flat_map(|n| (0..size.accounts).map(move |account| (account, n)));
    let edited = objects::edit_all(&cluster.admin, all, &format!("edited for {replicas} replicas")).await?;
    watches.rules.until_ready("Ready after the edit", &edited).await?;
    let wall = from.elapsed();
    let usages = silent(&mut processes, standin).await?.usages;
    let (calls, requests) = (standin.log().between(from, Instant::now()), cluster.audit.since(mark)?.total());
    process::stop(processes).await?;
    let cpu = usages.iter().zip(before).map(|(after, before)| after.cpu.saturating_sub(before.cpu)).collect();
    Ok(Share { wall, cpu, usages, calls, requests })
}

pub async fn run(
    (cluster, settings, report): (&Cluster, &Settings, &mut Report),
    size: Size,
    standin: &StandIn,
    watches: &Watches,
) -> Result<()> {
    let one = change((cluster, settings), 1, size, standin, watches).await?;
    let many = change((cluster, settings), settings.replicas, size, standin, watches).await?;
    let rules = count(size.rules());
    for (replicas, share) in [(1, &one), (settings.replicas, &many)] {
        let mut figure = |name: &str, value: f64, unit: &'static str| {
            report.figure(format!("{} objects, {replicas} replicas: {name}", size.objects()), value, unit, None);
        };
        figure("wall time of an edit of all rules", share.wall.as_secs_f64(), "s");
        figure("CPU of all replicas, per rule", share.cpu.iter().sum::<Duration>().as_secs_f64() * 1e3 / rules, "ms");
        figure("CPU of the busiest replica, per rule", share.busiest() * 1e3 / rules, "ms");
        figure("Kubernetes requests, per rule", count(share.requests) / rules, "");
        figure("memory at rest (anonymous), of the largest replica", share.largest(|usage| usage.anonymous_mib), "MiB");
        figure("peak RSS, of the largest replica", share.largest(|usage| usage.peak_rss_mib), "MiB");
    }
    let accounts = many.accounts();
    let numbers: Vec<_> = accounts.values().map(BTreeSet::len).collect();
    let all: BTreeSet<_> = accounts.values().flatten().collect();
    let twice = numbers.iter().sum::<usize>() - all.len();
    let mut figure =
        |name: &str, value: f64, unit: &'static str, aim| report.figure(format!("{} objects: {name}", size.objects()), value, unit, aim);
    figure("accounts of the replica with the most", count(numbers.iter().copied().max().unwrap_or_default()), "", None);
    figure("accounts of the replica with the fewest", count(numbers.iter().copied().min().unwrap_or_default()), "", None);
    figure("accounts with more than one writer", count(twice), "", Some(0.0));
    figure("replicas that wrote", count(numbers.len()), "", None);
    figure("CPU of the busiest replica, as a ratio to one replica's", many.busiest() / one.busiest(), "", None);
    let memory = |share: &Share| share.largest(|usage| usage.anonymous_mib);
    figure("memory of the largest replica, as a ratio to one replica's", memory(&many) / memory(&one), "", None);
    let each = |share: &Share| {
        let seconds: Vec<_> = share.cpu.iter().map(|time| rounded(time.as_secs_f64())).collect();
        let mib: Vec<_> = share.usages.iter().map(|usage| rounded(usage.anonymous_mib)).collect();
        json!({"wallSeconds": rounded(share.wall.as_secs_f64()), "cpuSeconds": seconds, "anonymousMiB": mib, "accounts": share.accounts(),
               "calls": share.calls.by_operation()})
    };
    report.detail(&format!("fleet {} replicas", size.objects()), json!({"1": each(&one), settings.replicas.to_string(): each(&many)}));
    Ok(())
}
