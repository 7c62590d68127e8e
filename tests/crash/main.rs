//! Crashes at every step of every kind, at every point of the step, through create, update and delete. Which steps there are is
//! recorded in a run without faults, not kept in a list; a step that no scenario makes turns the test red.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

#[path = "../harness/mod.rs"]
mod harness;

mod probes;
mod scenario;

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt, stream};
use probes::{Crasher, Recorder, Site};
use scenario::{Phase, Scenario, Story, neutral};
use serde_json::{Value, json};
use tributary::{
    runtime::{operator::Options, probe::Point},
    steps::Step,
};

use crate::harness::{Row, options};

/// Worlds at the same time: two cores, one API server.
const AT_ONCE: usize = 8;

type Contents = BTreeMap<String, Value>;

/// What AWS holds at the end of each phase, and the sites that were passed, in a run without faults.
struct Reference {
    contents: BTreeMap<Phase, Contents>,
    sites: BTreeMap<Phase, BTreeSet<Site>>,
}

async fn reference(story: Story) -> Reference {
    let mut scenario = Scenario::new("calm", story).await;
    let (mut contents, mut sites) = (BTreeMap::new(), BTreeMap::new());
    for phase in [Phase::Create, Phase::Update, Phase::Delete] {
        let recorder = Arc::new(Recorder::default());
        scenario.prepare(phase).await;
        scenario.world.run(Options { probe: recorder.clone(), ..options() }).await;
        scenario.settle(phase).await;
        scenario.world.stop().await;
        contents.insert(phase, neutral(&scenario.world, &scenario.world.aws.contents().await));
        sites.insert(phase, recorder.sites());
    }
    Reference { contents, sites }
}

/// Whether the operator came to the site. A child may be applied once more where the store lags behind, so a second or third step of a name
/// is not made in every run: then all settles without it.
async fn reaches(crasher: &Crasher, scenario: &Scenario, phase: Phase) -> bool {
    let came = tokio::select! {
        biased;
        () = crasher.reached() => true,
        () = scenario.settle(phase) => false,
    };
    // The last status is read by others before the operator comes to the point behind it.
    came || tokio::time::timeout(Duration::from_secs(3), crasher.reached()).await.is_ok()
}

/// One crash, or one lost reply, and everything that must hold afterwards. `false`: the step was not made in this run.
async fn crash_once(story: Story, phase: Phase, site: Site, reference: &Reference) -> bool {
    let mut scenario = Scenario::new("crash", story).await;
    for earlier in [Phase::Create, Phase::Update].into_iter().filter(|earlier| *earlier < phase) {
        scenario.pass(earlier).await;
    }
    let crasher = Arc::new(Crasher::new(site.clone()));
    scenario.prepare(phase).await;
    scenario.world.run(Options { probe: crasher.clone(), ..options() }).await;
    if !reaches(&crasher, &scenario, phase).await {
        scenario.world.stop().await;
        return false;
    }
    if site.point != Point::Effect {
        scenario.world.crash().await;
        scenario.world.run(options()).await;
    }
    scenario.settle(phase).await;
    let contents = neutral(&scenario.world, &scenario.world.aws.contents().await);
    assert_same(&contents, &reference.contents[&phase], "AWS holds something else than without the crash");
    scenario.nothing_made_twice().await;
    if phase != Phase::Delete {
        scenario.steady().await;
        scenario.world.stop().await;
        scenario.pass(Phase::Delete).await;
        let contents = neutral(&scenario.world, &scenario.world.aws.contents().await);
        assert_same(&contents, &reference.contents[&Phase::Delete], "something is left after deletion");
    }
    scenario.world.stop().await;
    scenario.end().await;
    true
}

fn assert_same(have: &Contents, want: &Contents, what: &str) {
    let names: BTreeSet<_> = have.keys().chain(want.keys()).filter(|name| have.get(*name) != want.get(*name)).collect();
    let differences: Vec<_> = names.iter().map(|name| format!("{name}: have {:?}, want {:?}", have.get(*name), want.get(*name))).collect();
    assert!(differences.is_empty(), "{what}: {}", differences.join("; "));
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_crash_and_every_lost_reply_converges() {
    let mut row = Row::new(
        "C1-in-process",
        "every step of every kind, crashed before the call, after its effect, after its reply, after status: converges to the same AWS contents, nothing twice, nothing left after deletion",
    );
    let stories = [Story::Queues, Story::Benchling];
    let (queues, benchling) = futures::join!(reference(Story::Queues), reference(Story::Benchling));
    let references = BTreeMap::from([(Story::Queues, queues), (Story::Benchling, benchling)]);
    let made: BTreeSet<_> = references.values().flat_map(|r| r.sites.values().flatten()).map(|site| site.step).collect();
    let missing: Vec<_> = Step::names().filter(|name| !made.contains(name)).collect();
    assert!(missing.is_empty(), "no scenario makes these steps, so no crash in them is tested: {missing:?}");

    // CRASH_ONLY=text runs only the schedules whose description has the text.
    let only = std::env::var("CRASH_ONLY").unwrap_or_default();
    let of = |story: Story| {
        let phases = references[&story].sites.iter();
        phases.flat_map(move |(phase, sites)| sites.iter().map(move |site| (story, *phase, site.clone())))
    };
    let all = stories.into_iter().flat_map(of);
    let schedules: Vec<_> = all.filter(|(story, phase, site)| format!("{story:?} {phase:?} {site:?}").contains(&only)).collect();
    println!("{} crashes and lost replies, {AT_ONCE} at a time", schedules.len());
    let references = &references;
    let results: Vec<_> = stream::iter(schedules)
        .map(|(story, phase, site)| async move {
            let started = Instant::now();
            let outcome = AssertUnwindSafe(crash_once(story, phase, site.clone(), &references[&story])).catch_unwind().await;
            let outcome = outcome.map_err(|panic| text_of(panic.as_ref()));
            (phase, site, outcome, started.elapsed().as_secs_f64())
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let rows: Vec<_> = results
        .iter()
        .map(|(phase, site, outcome, seconds)| {
            let outcome = outcome.as_ref().map_or_else(String::as_str, |came| if *came { "converged" } else { "not made in this run" });
            json!({"phase": phase, "kind": site.kind, "step": site.step, "nth": site.nth, "point": <&str>::from(site.point), "outcome": outcome, "seconds": seconds})
        })
        .collect();
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("crashes.json");
    std::fs::write(&path, serde_json::to_string_pretty(&json!({"n": rows.len(), "rows": rows})).unwrap()).unwrap();
    println!("report: {}", path.display());
    let missed: Vec<_> =
        results.iter().filter(|(_, _, outcome, _)| *outcome == Ok(false)).map(|(phase, site, ..)| format!("{phase:?} {site:?}")).collect();
    println!("not made in this run: {missed:?}");
    for (phase, site, outcome, _) in &results {
        if *outcome != Ok(false) {
            row.trial(outcome.as_ref().map(|_| ()).map_err(|why| format!("{phase:?} {site:?}: {why}")));
        }
    }
    row.figure("slowest, s", results.iter().map(|(.., seconds)| *seconds).fold(0.0, f64::max).round());
    row.figure("sites not made in this run", missed.len());
    row.end();
    assert!(missed.len() * 20 <= results.len(), "{} of {} sites were not reached: the scenario is not steady", missed.len(), results.len());
}
