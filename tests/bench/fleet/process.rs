//! Benchmark, part 8d: the operator of a fleet as a process, with the limits of AWS calls that it has by default, and when it is done.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use crate::{
    Result,
    cluster::Cluster,
    figures::count,
    operator::{Operator, Usage},
    scale::passes,
    settings::Settings,
    standin::StandIn,
};

/// Long enough that none happens.
pub const NEVER: &str = "1000000";
const PATIENCE: Duration = Duration::from_mins(20);
const POLL: Duration = Duration::from_millis(200);
/// It is silent if nothing happened for so long.
const SILENCE: Duration = Duration::from_secs(4);
/// Processor time between two polls that is none: that of renewed leases, and of the answer to a request for metrics.
const NOTHING: Duration = Duration::from_millis(20);

pub struct Process {
    pub operator: Operator,
    address: String,
}

/// Until the operators did nothing for a while.
pub struct Silent {
    /// From the start of the first one until the last moment at which something happened.
    pub after: Duration,
    /// Of each.
    pub usages: Vec<Usage>,
}

impl Process {
    pub fn start(cluster: &Cluster, settings: &Settings, name: &str, resync: &str, more: &[&str]) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let flags = ["--listen", &address, "--resync-seconds", resync, "--full-resync-seconds", NEVER];
        let flags: Vec<_> = flags.iter().chain(more).map(|flag| (*flag).to_owned()).collect();
        Ok(Self { operator: Operator::start(cluster, &format!("fleet-{name}"), &settings.log, &flags)?, address })
    }

    /// Waits until as many reconciliations are over as there are objects. The time since the start.
    pub async fn inspected(&mut self, objects: usize) -> Result<Duration> {
        let target = count(objects);
        loop {
            self.operator.usage()?;
            let so_far = passes(&self.address).await;
            if so_far >= target {
                return Ok(self.operator.started.elapsed());
            }
            if self.operator.started.elapsed() > PATIENCE {
                return Err(format!("{so_far} reconciliations of {target} after {PATIENCE:?}: see {}", self.operator.log.display()).into());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The number of shards that it leads, by its own metrics.
    pub async fn shards(&self) -> f64 {
        let Ok(answer) = reqwest::get(format!("http://{}/metrics", self.address)).await else { return 0.0 };
        let text = answer.text().await.unwrap_or_default();
        text.lines().find_map(|line| line.strip_prefix("tributary_shards_led ")?.parse().ok()).unwrap_or_default()
    }
}

/// Waits until processor time stands still and no call is in progress.
pub async fn silent(processes: &mut [Process], standin: &StandIn) -> Result<Silent> {
    let began = Instant::now();
    let mut busy = began;
    let mut before: Option<(Vec<Duration>, usize)> = None;
    loop {
        let usages = processes.iter_mut().map(|process| process.operator.usage()).collect::<Result<Vec<_>>>()?;
        let (answered, in_flight) = standin.activity();
        let cpu: Vec<_> = usages.iter().map(|usage| usage.cpu).collect();
        let still = before.as_ref().is_some_and(|(cpu_before, answered_before)| {
            let idle = cpu.iter().zip(cpu_before).all(|(now, before)| now.saturating_sub(*before) < NOTHING);
            idle && answered == *answered_before
        });
        if !still || in_flight > 0 {
            busy = Instant::now();
        } else if busy.elapsed() >= SILENCE {
            let started = processes.iter().map(|process| process.operator.started).min().unwrap_or(began);
            return Ok(Silent { after: busy.duration_since(started), usages });
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("not silent after {PATIENCE:?}: {in_flight} calls in progress, {cpu:?} of processor time").into());
        }
        before = Some((cpu, answered));
        tokio::time::sleep(POLL).await;
    }
}

pub async fn stop(processes: Vec<Process>) -> Result<()> {
    for process in processes {
        process.operator.stop().await?;
    }
    Ok(())
}
