//! One storm from beginning to end, compared with the same workload without faults.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::sync::{Mutex, OnceCell};
use tributary_testkit::{Call, Row, World, form, options, product::Options};

use super::{
    journal_checks::{self, Effects},
    probe_objects::ProbeObjects,
    workload::{Workload, contents, differences, time_limit},
};

/// The name is part of names in AWS: all worlds have one as long.
const NAME: &str = "storm";

/// Calls to EventBridge a second: the usual 40 would make the whole form an hour of waiting in line.
pub const QUOTA: u32 = 200;

pub fn with_quota() -> Options {
    let mut options = options();
    options.aws.quota = QUOTA;
    options
}

/// The life of the crowd without faults.
struct Reference {
    made: BTreeMap<String, Value>,
    changed: BTreeMap<String, Value>,
    effects: Effects,
    calls: usize,
}

async fn reference() -> &'static Reference {
    static REFERENCE: OnceCell<Reference> = OnceCell::const_new();
    let make = || async {
        let mut world = World::empty(NAME).await;
        let mut workload = Workload::of(&world, form(20, 200)).await;
        world.run(with_quota()).await;
        workload.apply(&world, 1).await;
        workload.ready(&world, "made").await;
        let made = settled(&world).await;
        workload.apply(&world, 2).await;
        workload.ready(&world, "changed").await;
        let changed = settled(&world).await;
        workload.delete(&world).await;
        workload.gone(&world).await;
        assert!(workload.failed.is_empty(), "without faults: {:?}", workload.failed);
        let calls = world.aws.journal(0).await.0;
        world.stop().await;
        Reference { made, changed, effects: journal_checks::effects(&world, &calls, false), calls: journal_checks::count(&calls) }
    };
    REFERENCE.get_or_init(make).await
}

/// The contents once they no longer change: a sink takes back what a rule no longer needs after the rule is Ready.
async fn settled(world: &World) -> BTreeMap<String, Value> {
    let (mut last, mut same) = (contents(world).await, 0);
    while same < 5 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = contents(world).await;
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
    last
}

pub struct Storm {
    pub row: Row,
    pub world: World,
    pub workload: Workload,
    before: BTreeMap<String, Value>,
    /// Reads lag behind writes: what was made while the reply was lost may be made again.
    pub lagging: bool,
    /// Versions of the rules that only this storm has: each puts a rule once more.
    pub versions_more: usize,
    probes: Vec<(&'static str, ProbeObjects)>,
    /// Held while the account is looked at as a whole, or a probe of this account would go while it is read.
    no_probe_here: Arc<Mutex<()>>,
}

impl Storm {
    /// An account with the foreign things in it, an operator, and probes in another account.
    pub async fn start(row: Row, options: Options) -> Self {
        reference().await;
        let mut world = World::empty(NAME).await;
        let workload = Workload::of(&world, form(20, 200)).await;
        let before = contents(&world).await;
        world.run(options).await;
        let elsewhere = ProbeObjects::elsewhere(&world).await;
        Self {
            row,
            world,
            workload,
            before,
            lagging: false,
            versions_more: 0,
            probes: vec![("another account", elsewhere)],
            no_probe_here: Arc::default(),
        }
    }

    /// Probe objects in the account of the storm, too.
    pub fn probe_here(&mut self) {
        self.probes.push(("the same account", ProbeObjects::queue_here(&self.world, self.no_probe_here.clone())));
    }

    pub async fn fault(&self, rules: Value) {
        self.world.aws.faults(rules).await;
    }

    /// All three phases with whatever faults are on.
    pub async fn live(&mut self) {
        self.make().await;
        self.change().await;
        self.delete().await;
    }

    pub async fn make(&mut self) {
        self.workload.apply(&self.world, 1).await;
        self.made().await;
    }

    pub async fn made(&mut self) {
        self.workload.ready(&self.world, "made").await;
        self.compare("made", &reference().await.made).await;
    }

    pub async fn change(&mut self) {
        self.workload.apply(&self.world, 2).await;
        self.changed().await;
    }

    pub async fn changed(&mut self) {
        self.workload.ready(&self.world, "changed").await;
        self.compare("changed", &reference().await.changed).await;
    }

    pub async fn delete(&mut self) {
        self.workload.delete(&self.world).await;
        self.workload.gone(&self.world).await;
    }

    /// AWS holds what it holds without faults.
    async fn compare(&mut self, phase: &str, should: &BTreeMap<String, Value>) {
        let _none = self.no_probe_here.lock().await;
        let deadline = Instant::now() + time_limit();
        let found = loop {
            let found = differences(&contents(&self.world).await, should);
            if found.is_empty() || Instant::now() > deadline {
                break found;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        };
        self.row.trial(none(phase, found));
    }

    pub async fn calls(&self) -> Vec<Call> {
        self.world.aws.journal(0).await.0
    }

    /// Lands the probes, lifts the faults, judges, and writes the row. `calls_at_most`: how many times those without faults.
    pub async fn end(mut self, kind: &str, calls_at_most: Option<f64>) {
        let calls = self.calls().await;
        for (place, probes) in std::mem::take(&mut self.probes) {
            let probes = probes.land().await;
            let slowest = probes.iter().filter_map(|probe| probe.as_ref().ok()).copied().fold(0.0, f64::max);
            self.row.figure(&format!("probes in {place}"), probes.len());
            self.row.figure(&format!("slowest probe in {place}, s"), (slowest * 10.0).round() / 10.0);
            for probe in probes {
                self.row.trial(probe.map(drop));
            }
        }
        self.fault(json!([])).await;
        self.world.aws.settings(json!({"readLagSeconds": 0, "ruleLimit": 300})).await;
        for key in self.workload.keys() {
            self.row.trial(self.workload.failed.remove(&key).map_or(Ok(()), Err));
        }
        // Objects go only after what was theirs has gone.
        let left = differences(&contents(&self.world).await, &self.before);
        self.row.trial(none("left over, or foreign and gone", left));
        let reference = reference().await;
        let mut effects = journal_checks::effects(&self.world, &calls, self.lagging);
        effects.retain(|thing, _| !thing.contains("-probe-"));
        let mut allowed = reference.effects.clone();
        allowed.iter_mut().filter(|(thing, _)| thing.starts_with("PutRule ")).for_each(|(_, count)| *count += self.versions_more);
        self.row.trial(none("doubled", journal_checks::doubled(&effects, &allowed)));
        let (count, most) = (journal_checks::count(&calls), journal_checks::busiest_second(&calls));
        let times = f64::from(u32::try_from(count).unwrap()) / f64::from(u32::try_from(reference.calls).unwrap());
        self.row.figure(kind, journal_checks::hit(&calls, kind));
        self.row.figure("calls", count);
        self.row.figure("calls without faults", reference.calls);
        self.row.figure("calls relative to a run without faults", (times * 100.0).round() / 100.0);
        self.row.figure("calls to EventBridge in the busiest second", most);
        if let Some(limit) = calls_at_most {
            self.row.trial(if times <= limit { Ok(()) } else { Err(format!("{times:.2} times the calls of the run without faults")) });
            // One more than the quota fits into a second; late ones catch up by 40 ms, and the proxy notes when they arrive.
            let quota = usize::try_from(QUOTA).unwrap();
            self.row.trial(if most <= quota + quota / 5 { Ok(()) } else { Err(format!("{most} calls in one second")) });
        }
        self.world.stop().await;
        self.row.end();
    }
}

pub fn none(what: &str, found: Vec<String>) -> Result<(), String> {
    if found.is_empty() { Ok(()) } else { Err(format!("{what}: {}", found.join("; "))) }
}
