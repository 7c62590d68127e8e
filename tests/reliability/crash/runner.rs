//! What all crash trials share: which run, how many at a time, what must hold after the last crash, and how the outcome is reported.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
    time::Instant,
};

use futures::{StreamExt, stream};
use serde_json::json;
use tokio::sync::Semaphore;
use tributary_testkit::{Row, catch_panic, form, seed};

use crate::{
    contents::{assert_same, contents, without_retained},
    reference_run::Reference,
    scenario::{Phase, Scenario},
};

/// Worlds at the same time, over all tests of this process: two cores, one API server.
const AT_ONCE: usize = 8;
/// Trials between two lines that say how far it is.
const PROGRESS: usize = 25;
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

/// What comes between the crash and the next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Then {
    Nothing,
    /// Users delete every object, finished or not: what was made must be found again by what was written down of it.
    Deletion,
}

impl Then {
    /// What can come after a crash in this phase.
    pub fn after(phase: Phase) -> &'static [Self] {
        if phase == Phase::Delete { &[Self::Nothing] } else { &[Self::Nothing, Self::Deletion] }
    }

    /// Lets it happen.
    pub async fn apply(self, scenario: &Scenario) {
        if self == Self::Deletion {
            scenario.prepare(Phase::Delete).await;
        }
    }
}

/// A number for this value, the same for the same seed, whatever others there are: runs do not make quite the same sites.
fn random_key(value: &impl Debug) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{} {value:?}", seed()).hash(&mut hasher);
    hasher.finish()
}

/// `n` of them with a seed for each, as evenly from all groups as they go; none twice before all were drawn.
pub fn sample<T: Clone + Debug, G: Ord + Debug>(all: impl Iterator<Item = T>, n: usize, group: impl Fn(&T) -> G) -> Vec<(T, u64)> {
    let mut groups = BTreeMap::<G, Vec<T>>::new();
    for item in all {
        groups.entry(group(&item)).or_default().push(item);
    }
    let mut order = vec![];
    for (name, mut items) in groups {
        items.sort_by_key(random_key);
        order.extend(items.into_iter().enumerate().map(|(rank, item)| (rank, random_key(&name), item)));
    }
    order.sort_by_key(|(rank, group, _)| (*rank, *group));
    (0..n).map(|i| (&order[i % order.len()].2, i / order.len())).map(|drawn| (drawn.0.clone(), random_key(&drawn))).collect()
}

/// Runs the trials. `CRASH_ONLY=text` runs only those whose description has the text.
pub async fn run<T: Clone + Debug, O>(all: impl IntoIterator<Item = T>, trial: impl AsyncFn(T) -> Option<O>) -> Vec<Done<T, O>> {
    let only = std::env::var("CRASH_ONLY").unwrap_or_default();
    let all: Vec<_> = all.into_iter().filter(|what| format!("{what:?}").contains(&only)).collect();
    println!("{} trials, {AT_ONCE} at a time", all.len());
    let (trial, total, begun) = (&trial, all.len(), Instant::now());
    stream::iter(all)
        .map(|what| async move {
            let _place = WORLDS.acquire().await.unwrap();
            let started = Instant::now();
            let outcome = catch_panic(async { Ok(trial(what.clone()).await) }).await;
            Done { what, outcome, seconds: started.elapsed().as_secs_f64() }
        })
        .buffer_unordered(AT_ONCE)
        .enumerate()
        .map(|(n, done)| {
            if (n + 1) % PROGRESS == 0 {
                println!("{} of {total} trials after {:.0} s", n + 1, begun.elapsed().as_secs_f64());
            }
            done
        })
        .collect()
        .await
}

/// How many of the trials that were made are such.
pub fn made<T, O>(all: &[Done<T, O>], such: impl Fn(&T) -> bool) -> usize {
    all.iter().filter(|done| !matches!(done.outcome, Ok(None)) && such(&done.what)).count()
}

/// Puts the trials into the row, and ends it. Each trial is written down in a file of its own too. `again`: the site is not the first of its
/// name in the phase, and need not be made in every run.
pub fn end<T: Debug, O: Debug>(mut row: Row, file: &str, all: &[Done<T, O>], again: impl Fn(&T) -> bool) {
    let trials = all
        .iter()
        .map(|done| json!({"what": format!("{:?}", done.what), "outcome": format!("{:?}", done.outcome), "seconds": done.seconds}));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    std::fs::write(&path, serde_json::to_string_pretty(&trials.collect::<Vec<_>>()).unwrap()).unwrap();
    println!("each trial: {}", path.display());
    let missed: Vec<_> = all.iter().filter(|done| matches!(done.outcome, Ok(None))).map(|done| &done.what).collect();
    println!("not made in this run: {missed:?}");
    for Done { what, outcome, .. } in all.iter().filter(|done| !matches!(done.outcome, Ok(None))) {
        row.trial(outcome.as_ref().map(drop).map_err(|why| format!("{what:?}: {why}")));
    }
    row.figure("slowest trial, s", all.iter().map(|done| done.seconds).fold(0.0, f64::max).round());
    row.figure("fault points not reached", missed.len());
    row.end();
    let firsts = all.iter().filter(|done| !again(&done.what)).count();
    let missed: Vec<_> = missed.into_iter().filter(|what| !again(what)).collect();
    assert!(missed.len() <= firsts / 20 + 1, "{} of {firsts} sites were not reached: the scenario is not steady: {missed:?}", missed.len());
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
    came || tokio::time::timeout(std::time::Duration::from_secs(10), reached).await.is_ok()
}

/// Everything that must hold after the last crash, with an operator running that nothing happens to any more.
pub async fn holds(mut scenario: Scenario, phase: Phase, then: Then, reference: &Reference) {
    holds_now(&scenario, phase, then, reference).await;
    if phase != Phase::Delete && then == Then::Nothing {
        scenario.steady().await;
        scenario.world.stop().await;
        scenario.pass(Phase::Delete).await;
        assert_same(&contents(&scenario.world).await, &reference.of(Phase::Delete).contents, "something is left after deletion");
    }
    scenario.world.stop().await;
    scenario.end().await;
}

/// The part of it that holds of the phase itself, or of the deletion that came in between.
pub async fn holds_now(scenario: &Scenario, phase: Phase, then: Then, reference: &Reference) {
    let deletion = &reference.of(Phase::Delete).contents;
    if then == Then::Deletion {
        scenario.settle(Phase::Delete).await;
        let (have, want) = (without_retained(contents(&scenario.world).await, deletion), without_retained(deletion.clone(), deletion));
        assert_same(&have, &want, "something else is left after deletion than without the crash");
    } else {
        scenario.settle(phase).await;
        assert_same(&contents(&scenario.world).await, &reference.of(phase).contents, "there is something else than without the crash");
    }
    scenario.nothing_made_twice().await;
}
