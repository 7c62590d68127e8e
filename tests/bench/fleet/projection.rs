//! Benchmark, part 8h: what a larger fleet of the same mixture would need. Data only.
//!
//! With one measured size, each object is taken to cost what it costs there, so that fixed costs count too often. With more, a line goes
//! through the smallest and the largest; with three or more, the line through the first two is also compared with the largest. Limits per
//! account are no part of that: each account of the projected fleet has fewer objects than one of the measured 30,000 in 30.

use super::cost::Cost;
use crate::{
    figures::{Report, count},
    say,
};

const RULES: f64 = 100_000.0;
const ACCOUNTS: f64 = 300.0;
/// Seconds between resyncs by default.
const DEFAULT_RESYNC: f64 = 300.0;

struct Quantity {
    name: &'static str,
    unit: &'static str,
    of: fn(&Cost) -> f64,
}

/// What is projected.
const QUANTITIES: [Quantity; 7] = [
    Quantity { name: "wall time to all Ready", unit: "s", of: |cost| cost.create.wall.as_secs_f64() },
    Quantity { name: "CPU to all Ready", unit: "s", of: |cost| cost.create.usage.cpu.as_secs_f64() },
    Quantity { name: "restart, until it is silent", unit: "s", of: |cost| cost.restart.silent.as_secs_f64() },
    Quantity { name: "memory at rest (anonymous)", unit: "MiB", of: |cost| cost.restart.usage.anonymous_mib },
    Quantity { name: "peak RSS of creation", unit: "MiB", of: |cost| cost.create.usage.peak_rss_mib },
    Quantity {
        name: "CPU of resyncs every 300 s, of a core",
        unit: "%",
        of: |cost| cost.resync.cpu.as_secs_f64() / DEFAULT_RESYNC * 100.0,
    },
    Quantity { name: "AWS calls per second of resyncs every 300 s", unit: "", of: |cost| count(cost.resync.calls.len()) / DEFAULT_RESYNC },
];

fn objects(cost: &Cost) -> f64 {
    count(cost.size.objects())
}

/// The quantity at a number of objects, from one or two measured sizes.
fn project(of: fn(&Cost) -> f64, small: Option<&Cost>, large: &Cost, at: f64) -> f64 {
    let Some(small) = small.filter(|small| small.size.objects() < large.size.objects()) else {
        return of(large) * at / objects(large);
    };
    let slope = (of(large) - of(small)) / (objects(large) - objects(small));
    of(large) + slope * (at - objects(large))
}

pub fn report(costs: &[Cost], report: &mut Report) {
    let Some(largest) = costs.last() else { return };
    if let [first, second, .., _] = costs {
        for Quantity { name, of, .. } in &QUANTITIES {
            let ratio = of(largest) / project(*of, Some(first), second, objects(largest));
            report.figure(format!("measured, as a ratio to the line through smaller fleets: {name}"), ratio, "", None);
        }
    }
    let rules = count(largest.size.rules());
    let others = count(largest.size.objects() - largest.size.rules() - largest.size.accounts) / rules;
    let all = RULES * (1.0 + others) + ACCOUNTS;
    let smallest = costs.first().filter(|_| costs.len() > 1);
    let mut texts = vec![format!("{all:.0} objects")];
    for Quantity { name, unit, of } in &QUANTITIES {
        let value = project(*of, smallest, largest, all);
        report.figure(format!("projected, {RULES} rules in {ACCOUNTS} accounts: {name}"), value, unit, None);
        texts.push(format!("{name} {value:.1} {unit}").trim().to_owned());
    }
    say(&format!("fleet: projected for {RULES} rules in {ACCOUNTS} accounts: {}", texts.join("; ")));
}
