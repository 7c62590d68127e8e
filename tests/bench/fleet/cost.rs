//! Benchmark, part 8f: what a fleet of one size costs, as figures. Data only.

use std::time::Duration;

use serde_json::{Value, json};

use super::objects::Size;
use crate::{
    figures::{Report, count, rounded},
    operator::Usage,
    standin::{Log, Service},
};

pub struct Create {
    pub wall: Duration,
    pub usage: Usage,
    /// Calls to `EventBridge`, and to other services.
    pub events: usize,
    pub others: usize,
    pub requests: usize,
    pub detail: Value,
}

pub struct Restart {
    pub inspected: Duration,
    pub silent: Duration,
    pub usage: Usage,
    pub calls: usize,
    pub writes: usize,
    pub detail: Value,
}

pub struct Resync {
    pub period: Duration,
    pub cpu: Duration,
    pub usage: Usage,
    pub calls: Log,
    pub per_second: Vec<usize>,
}

pub struct Delete {
    pub wall: Duration,
    pub cpu: Duration,
    pub usage: Usage,
    pub events: usize,
    pub requests: usize,
    /// Buses and queues that are still in AWS.
    pub left: usize,
    pub detail: Value,
}

pub struct Cost {
    pub size: Size,
    pub create: Create,
    pub restart: Restart,
    pub resync: Resync,
    pub delete: Delete,
}

impl Resync {
    /// Of calls in a second.
    fn mean(&self) -> f64 {
        count(self.calls.len()) / self.period.as_secs_f64()
    }
}

impl Cost {
    /// Milliseconds of each object.
    fn each(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e3 / count(self.size.objects())
    }

    pub fn report(&self, report: &mut Report) {
        let Self { size, create, restart, resync, delete } = self;
        let n = count(size.objects());
        let peaks = [create.usage, restart.usage, resync.usage, delete.usage].map(|usage| usage.peak_rss_mib);
        let mut figure = |name: &str, value: f64, unit: &'static str, aim| {
            report.figure(format!("{} objects: {name}", size.objects()), value, unit, aim);
        };
        figure("wall time to all Ready", create.wall.as_secs_f64(), "s", None);
        figure("wall time to all Ready, per object", self.each(create.wall), "ms", None);
        figure("CPU to all Ready, per object", self.each(create.usage.cpu), "ms", None);
        figure("EventBridge calls to all Ready, per object", count(create.events) / n, "", None);
        figure("  calls to other services, per object", count(create.others) / n, "", None);
        figure("Kubernetes requests to all Ready, per object", count(create.requests) / n, "", None);
        figure("peak RSS of creation", peaks[0], "MiB", Some(250.0));
        figure("restart, until each object was inspected", restart.inspected.as_secs_f64(), "s", None);
        figure("restart, until it is silent", restart.silent.as_secs_f64(), "s", Some(10.0));
        figure("CPU of a restart, per object", self.each(restart.usage.cpu), "ms", None);
        figure("  AWS calls of a restart, per object", count(restart.calls) / n, "", None);
        figure("writes of a restart, to AWS and Kubernetes", count(restart.writes), "", Some(0.0));
        figure("memory at rest after a restart (anonymous)", restart.usage.anonymous_mib, "MiB", None);
        figure("peak RSS of a restart", peaks[1], "MiB", Some(250.0));
        figure("AWS calls of a quick resync, per object", count(resync.calls.len()) / n, "", None);
        figure("  EventBridge calls, per object", count(resync.calls.of(Service::Events).len()) / n, "", None);
        figure("  calls in the busiest second", count(resync.calls.busiest_second()), "", None);
        let burst = count(resync.calls.busiest_second()) / resync.mean();
        figure("  the busiest second, as a ratio to the mean", burst, "", None);
        figure("CPU of a quick resync, per object", self.each(resync.cpu), "ms", None);
        figure("wall time until all is gone", delete.wall.as_secs_f64(), "s", None);
        figure("wall time until all is gone, per object", self.each(delete.wall), "ms", None);
        figure("CPU of deletion, per object", self.each(delete.cpu), "ms", None);
        figure("EventBridge calls of deletion, per object", count(delete.events) / n, "", None);
        figure("Kubernetes requests of deletion, per object", count(delete.requests) / n, "", None);
        figure("peak RSS of deletion", peaks[3], "MiB", Some(250.0));
        figure("buses and queues that are left in AWS", count(delete.left), "", Some(0.0));
        figure("peak RSS, of all phases", peaks.into_iter().fold(0.0, f64::max), "MiB", Some(250.0));
        report.detail(&format!("fleet {}", size.objects()), self.json(peaks));
    }

    fn json(&self, peaks: [f64; 4]) -> Value {
        let Self { size, create, restart, resync, delete } = self;
        let seconds = |time: Duration| rounded(time.as_secs_f64());
        json!({
            "accounts": size.accounts, "objects": size.objects(), "rules": size.rules(),
            "perAccount": {"buses": size.buses, "sinks": size.sinks, "rules": size.rules},
            "peakRssMiB": {"create": rounded(peaks[0]), "restart": rounded(peaks[1]), "resync": rounded(peaks[2]), "delete": rounded(peaks[3])},
            "fileMiB": rounded(create.usage.file_mib),
            "create": {"wallSeconds": seconds(create.wall), "cpuSeconds": seconds(create.usage.cpu), "calls": create.detail},
            "restart": {"inspectedSeconds": seconds(restart.inspected), "silentSeconds": seconds(restart.silent),
                        "cpuSeconds": seconds(restart.usage.cpu), "anonymousMiB": rounded(restart.usage.anonymous_mib), "calls": restart.detail},
            "resync": {"cpuSeconds": seconds(resync.cpu), "calls": resync.calls.by_operation(), "callsInEachSecond": resync.per_second},
            "delete": {"wallSeconds": seconds(delete.wall), "cpuSeconds": seconds(delete.cpu), "calls": delete.detail},
        })
    }

    /// What an object costs in this fleet, as a ratio to what it costs in a smaller one.
    pub fn report_growth(&self, first: &Self, report: &mut Report) {
        let further = count(self.size.objects().saturating_sub(first.size.objects()).max(1));
        let kib = (self.restart.usage.anonymous_mib - first.restart.usage.anonymous_mib) * 1_024.0 / further;
        report.figure("memory at rest per further object", kib, "KiB", None);
        let mut growth = |name: &str, of: fn(&Self) -> Duration| {
            let ratio = self.each(of(self)) / first.each(of(first));
            report.figure(format!("growth of {name} per object, largest to smallest"), ratio, "", Some(1.0));
        };
        growth("wall time to Ready", |cost| cost.create.wall);
        growth("CPU to Ready", |cost| cost.create.usage.cpu);
        growth("CPU of a restart", |cost| cost.restart.usage.cpu);
        growth("CPU of a resync", |cost| cost.resync.cpu);
        growth("CPU of deletion", |cost| cost.delete.cpu);
    }
}
