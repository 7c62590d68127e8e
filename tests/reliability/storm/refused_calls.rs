//! Row F6: refusals that only a person can resolve. A reason soon, few attempts, and recovery without intervention.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use k8s_openapi::jiff::Timestamp;
use serde_json::json;
use tributary_testkit::{Row, condition, form};

use super::{
    journal_checks,
    scenario::{Storm, none, with_quota},
    workload::{Key, all, reason_of},
};

/// The shortest time between a refused try and the next one of the same object: 5 s, 10 s, 20 s... A busy machine only makes it longer.
fn too_soon(tries: &[f64]) -> Option<String> {
    let mut least = 5.0;
    for pair in tries.windows(2) {
        if pair[1] - pair[0] < least {
            return Some(format!("tried again after {:.1} s, not {least} s", pair[1] - pair[0]));
        }
        least *= 2.0;
    }
    None
}

impl Storm {
    /// Holds the refusal for as long, and judges reasons and tries of those whom `refused` names, by the write that stopped them.
    async fn hold(&mut self, since: u64, reason: &str, refused: impl Fn(&Key) -> Option<&'static str>) {
        let (hold, started) = (form(Duration::from_secs(8), Duration::from_mins(1)), Instant::now());
        let stopped = self.workload.keys().into_iter().filter(|key| refused(key).is_some()).collect::<Vec<_>>();
        let mut told_at: BTreeMap<Key, f64> = BTreeMap::new();
        while started.elapsed() < hold || (told_at.len() < stopped.len() && started.elapsed() < super::workload::time_limit()) {
            let objects = all(&self.world).await;
            let now = Timestamp::now().as_duration().as_secs_f64();
            for key in &stopped {
                let said = objects.get(key).and_then(|object| condition(object, "Ready")).is_some_and(|c| c.0 == "False" && c.1 == reason);
                if said {
                    told_at.entry(key.clone()).or_insert(now);
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let calls = self.world.aws.journal(since).await.0;
        let objects = all(&self.world).await;
        // A changed sink triggers the rules that send to it, and they retry at once: later attempts are their own.
        let of_sinks =
            calls.iter().filter(|call| call.is_write() && call.service != "events" && !call.request.to_string().contains("-probe-"));
        let woken = of_sinks.map(|call| call.end.unwrap_or(call.start)).fold(0.0, f64::max) + 3.0;
        let (mut slowest, mut most): (f64, usize) = (0.0, 0);
        for key in stopped {
            let op = refused(&key).unwrap();
            let tries = journal_checks::tries(&self.world, &calls, op);
            let mine = tries.iter().find(|(thing, _)| {
                thing.ends_with(&format!("NAMESPACE-{}", key.1))
                    || thing.ends_with(&format!("NAMESPACE-{}/", key.1))
                    || thing.split('/').any(|part| part == format!("NAMESPACE-{}", key.1))
            });
            let first = mine.and_then(|(_, times)| times.first().copied());
            let outcome = match (told_at.get(&key), first) {
                (Some(reported), Some(first)) => {
                    let count = mine.map_or(0, |(_, times)| times.len());
                    (slowest, most) = (slowest.max(reported - first), most.max(count));
                    let by_itself: Vec<_> = mine.into_iter().flat_map(|(_, times)| times).copied().filter(|time| *time > woken).collect();
                    too_soon(&by_itself).map_or(Ok(()), Err)
                }
                (None, _) => Err(format!("no {reason}: {}", objects.get(&key).map_or_else(|| "missing".into(), reason_of))),
                (_, None) => Err(format!("{op} was never tried")),
            };
            self.row.trial(outcome.map_err(|why| format!("{} {}: {why}", key.0, key.1)));
        }
        // One list of all objects takes a while; on a machine with other work everything does.
        self.row.figure("slowest condition after the rejection, s", (slowest * 10.0).round() / 10.0);
        self.row.figure("most attempts of an object", most);
        self.row.figure("duration of the fault, s", started.elapsed().as_secs());
        self.row.trial(none("reasons", if slowest > 30.0 { vec![format!("one took {slowest:.1} s")] } else { vec![] }));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f6_denied_access_is_reported_and_retried_with_backoff() {
    let row = Row::new(
        "F6-access-denied",
        "Every change of a rule is denied: each rule reports AccessDenied within seconds, retries after 5, 10, 20... s, and is Ready automatically once allowed. Probes: a queue of the same account, a rule of another account.",
    );
    let mut storm = Storm::start(row, with_quota()).await;
    storm.probe_here();
    storm.make().await;
    let denied = json!({"match": "events.PutRule", "kind": "error", "status": 400, "code": "AccessDeniedException", "message": "not now"});
    storm.fault(json!([denied])).await;
    let mark = storm.world.aws.mark().await;
    // Version 3 moves no permission: a sink that changes would wake its rules, and they may try again then.
    storm.versions_more = 1;
    storm.workload.apply_only(&storm.world, 3, |key| key.0 == "EventRule").await;
    storm.hold(mark, "AccessDenied", |key| (key.0 == "EventRule").then_some("PutRule")).await;
    storm.fault(json!([])).await;
    storm.workload.ready(&storm.world, "allowed").await;
    storm.change().await;
    storm.delete().await;
    storm.end("error", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f6_a_full_quota_is_reported_and_retried_with_backoff() {
    let row = Row::new(
        "F6-quota-full",
        "The quota for rules is exhausted: each rule reports QuotaExceeded within seconds, retries after 5, 10, 20... s, and is Ready automatically once the quota allows. Probes: a queue of the same account, a rule of another account with a free quota.",
    );
    let mut storm = Storm::start(row, with_quota()).await;
    storm.probe_here();
    // Buses and sinks have room, so that each rule meets the refusal itself.
    storm.workload.apply_only(&storm.world, 1, |key| key.0 != "EventRule").await;
    storm.world.aws.settings(json!({"ruleLimit": 0})).await;
    let mark = storm.world.aws.mark().await;
    storm.workload.apply(&storm.world, 1).await;
    storm.hold(mark, "QuotaExceeded", |key| (key.0 == "EventRule").then_some("PutRule")).await;
    storm.world.aws.settings(json!({"ruleLimit": 300})).await;
    storm.made().await;
    storm.change().await;
    storm.delete().await;
    storm.end("error", None).await;
}
