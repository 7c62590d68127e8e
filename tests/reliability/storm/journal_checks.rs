//! What the journal must show after a storm: no effect twice beyond what a lost response explains, no more calls than allowed, and the rate limit.

use std::collections::BTreeMap;

use serde_json::Value;
use tributary_testkit::{Call, World};

/// The call took effect in AWS, whether or not the response arrived.
fn took_effect(call: &Call) -> bool {
    call.status == Some(200) && !matches!(call.fault.as_deref(), Some("garbage" | "failed_entry" | "throttle" | "error" | "hang" | "reset"))
}

/// Calls that took effect, by operation and what it was done to.
pub type Effects = BTreeMap<String, usize>;

/// Writes that make or replace one named thing. Statements of a policy are merged, several in one write, and so are left out: what the policies
/// hold in the end is compared instead.
const MAKES: &[&str] =
    &["CreateEventBus", "CreateQueue", "CreateLogGroup", "UpdateEventBus", "PutRule", "PutTargets", "PutRetentionPolicy"];

fn thing(world: &World, call: &Call) -> String {
    let field = |name: &str| call.request[name].as_str().unwrap_or_default();
    let names = ["EventBusName", "Name", "Rule", "QueueName", "logGroupName"].map(field);
    format!("{} {}", call.op, names.join("/")).replace(&world.namespace, "NAMESPACE")
}

/// `answered`: only calls whose response was not lost.
pub fn effects(world: &World, calls: &[Call], answered: bool) -> Effects {
    let mut all = Effects::new();
    for call in calls.iter().filter(|call| {
        MAKES.contains(&call.op.as_str()) && took_effect(call) && !(answered && call.fault.as_deref() == Some("applied_reset"))
    }) {
        *all.entry(thing(world, call)).or_default() += 1;
    }
    all
}

/// What took effect more often than in the run without faults.
pub fn doubled(is: &Effects, should: &Effects) -> Vec<String> {
    let more = is.iter().filter(|(thing, count)| **count > should.get(*thing).copied().unwrap_or_default());
    more.map(|(thing, count)| format!("{thing}: {count} times, and {} without faults", should.get(thing).copied().unwrap_or_default()))
        .collect()
}

/// Calls to AWS that the crowd made; asking who we are is once per session.
pub fn count(calls: &[Call]) -> usize {
    calls.iter().filter(|call| call.service != "sts" && !call.request.to_string().contains("-probe-")).count()
}

/// The most calls to EventBridge that began within one second.
pub fn busiest_second(calls: &[Call]) -> usize {
    let mut times: Vec<_> = calls.iter().filter(|call| call.service == "events").map(|call| call.start).collect();
    times.sort_by(f64::total_cmp);
    times.iter().enumerate().map(|(i, start)| times[i..].partition_point(|time| *time < start + 1.0)).max().unwrap_or_default()
}

/// Of one thing: when it was tried.
pub fn tries(world: &World, calls: &[Call], op: &str) -> BTreeMap<String, Vec<f64>> {
    let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.op == op) {
        all.entry(thing(world, call)).or_default().push(call.start);
    }
    all
}

/// How many faults of the kind hit.
pub fn hit(calls: &[Call], kind: &str) -> Value {
    calls.iter().filter(|call| call.fault.as_deref() == Some(kind)).count().into()
}
