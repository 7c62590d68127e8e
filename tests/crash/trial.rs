//! What trials have in common: which are run, how many at a time, what must hold after the last crash, and how it is told.

use std::{collections::BTreeMap, fmt::Debug, panic::AssertUnwindSafe, path::Path, time::Instant};

use futures::{FutureExt, StreamExt, stream};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::{
    contents::{assert_same, contents},
    harness::{Row, form, seed},
    reference::Reference,
    scenario::{Phase, Scenario},
};

/// Worlds at the same time, over all tests of this process: two cores, one API server.
const AT_ONCE: usize = 8;
static WORLDS: Semaphore = Semaphore::const_new(AT_ONCE);

/// One trial; `None`: the site was not made in this run.
pub struct Done<T, O> {
    pub what: T,
    pub outcome: Result<Option<O>, String>,
    pub seconds: f64,
}

/// The numbers of trials; the variable overrides both.
pub fn number(variable: &str, short: usize, whole: usize) -> usize {
    std::env::var(variable).ok().map_or_else(|| form(short, whole), |text| text.parse().unwrap())
}

/// `n` of them, the same for the same seed, as evenly from all groups as they go; small groups are gone through again.
pub fn sample<T: Clone, G: Ord>(all: impl Iterator<Item = T>, n: usize, group: impl Fn(&T) -> G, dice: &mut fastrand::Rng) -> Vec<T> {
    let mut groups = BTreeMap::<G, Vec<T>>::new();
    for item in all {
        groups.entry(group(&item)).or_default().push(item);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    for group in &mut groups {
        dice.shuffle(group);
    }
    dice.shuffle(&mut groups);
    (0..n).map(|i| (&groups[i % groups.len()], i / groups.len())).map(|(group, i)| group[i % group.len()].clone()).collect()
}

/// Of everything random in a row.
pub fn dice() -> fastrand::Rng {
    fastrand::Rng::with_seed(seed())
}

/// Runs the trials. `CRASH_ONLY=text` runs only those whose description has the text.
pub async fn run<T: Clone + Debug, O>(all: impl IntoIterator<Item = T>, trial: impl AsyncFn(T) -> Option<O>) -> Vec<Done<T, O>> {
    let only = std::env::var("CRASH_ONLY").unwrap_or_default();
    let all: Vec<_> = all.into_iter().filter(|what| format!("{what:?}").contains(&only)).collect();
    println!("{} trials, {AT_ONCE} at a time", all.len());
    let trial = &trial;
    stream::iter(all)
        .map(|what| async move {
            let _place = WORLDS.acquire().await.unwrap();
            let started = Instant::now();
            let outcome = AssertUnwindSafe(trial(what.clone())).catch_unwind().await.map_err(|panic| text_of(panic.as_ref()));
            Done { what, outcome, seconds: started.elapsed().as_secs_f64() }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

/// Puts the trials into the row, and ends it. Each trial is written down in a file of its own too.
pub fn end<T: Debug, O: Debug>(mut row: Row, file: &str, all: &[Done<T, O>]) {
    let told = all
        .iter()
        .map(|done| json!({"what": format!("{:?}", done.what), "outcome": format!("{:?}", done.outcome), "seconds": done.seconds}));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    std::fs::write(&path, serde_json::to_string_pretty(&told.collect::<Vec<_>>()).unwrap()).unwrap();
    println!("each trial: {}", path.display());
    let missed: Vec<_> = all.iter().filter(|done| matches!(done.outcome, Ok(None))).map(|done| &done.what).collect();
    println!("not made in this run: {missed:?}");
    for Done { what, outcome, .. } in all.iter().filter(|done| !matches!(done.outcome, Ok(None))) {
        row.trial(outcome.as_ref().map(drop).map_err(|why| format!("{what:?}: {why}")));
    }
    row.figure("slowest trial, s", all.iter().map(|done| done.seconds).fold(0.0, f64::max).round());
    row.figure("sites not made in this run", missed.len());
    row.end();
    assert!(missed.len() <= all.len() / 20 + 1, "{} of {} sites were not reached: the scenario is not steady", missed.len(), all.len());
}

/// Whether the operator came to the site. A child may be applied once more where the store lags behind, so a second or third step of a name
/// is not made in every run: then all settles without it.
pub async fn reaches(reached: impl Future<Output = ()>, scenario: &Scenario, phase: Phase) -> bool {
    let mut reached = std::pin::pin!(reached);
    let came = tokio::select! {
        biased;
        () = &mut reached => true,
        () = scenario.settle(phase) => false,
    };
    // The last status is read by others before the operator comes to the point behind it.
    came || tokio::time::timeout(std::time::Duration::from_secs(3), reached).await.is_ok()
}

/// Everything that must hold after the last crash, with an operator running that nothing happens to any more.
pub async fn holds(mut scenario: Scenario, phase: Phase, reference: &Reference) {
    holds_now(&scenario, phase, reference).await;
    if phase != Phase::Delete {
        scenario.steady().await;
        scenario.world.stop().await;
        scenario.pass(Phase::Delete).await;
        assert_same(&contents(&scenario.world).await, &reference.of(Phase::Delete).contents, "something is left after deletion");
    }
    scenario.world.stop().await;
    scenario.end().await;
}

/// The part of it that holds of the phase itself.
pub async fn holds_now(scenario: &Scenario, phase: Phase, reference: &Reference) {
    scenario.settle(phase).await;
    let have = contents(&scenario.world).await;
    assert_same(&have, &reference.of(phase).contents, "there is something else than without the crash");
    scenario.nothing_made_twice().await;
}
