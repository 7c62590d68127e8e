//! Crashes at every fault point of every step of every kind, through create, update and delete. The steps are recorded in a run without faults,
//! not kept in a list; a step that no scenario causes fails the test.

use std::{collections::BTreeSet, sync::Arc};

use tributary_testkit::{
    Row, options,
    product::{Options, Point, plan::Step},
    whole,
};

use crate::{
    fault_points::{Crasher, Site},
    redrive,
    reference_run::{Reference, all, references},
    runner::{Then, end, holds, reaches, run},
    scenario::{Phase, Scenario, Story},
};

/// One crash, or one lost reply, and everything that must hold afterwards.
async fn crash_once(story: Story, phase: Phase, site: Site, reference: &Reference) -> Option<()> {
    let mut scenario = Scenario::before("crash", story, phase).await;
    let crasher = Arc::new(Crasher::site(site.clone()));
    scenario.run(Options { fault_points: crasher.clone(), ..options() }).await;
    if !reaches(crasher.reached(), &scenario, phase).await {
        scenario.world.stop().await;
        return None;
    }
    if site.point != Point::Effect {
        scenario.world.crash().await;
        scenario.run(options()).await;
    }
    holds(scenario, phase, Then::Nothing, reference).await;
    Some(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_crash_and_every_lost_reply_converges() {
    let row = Row::new(
        "C1-in-process",
        "Crash at every step of every kind, before the call, after its effect, after its reply, after the status write: converges to the same AWS contents, no duplicates, nothing left after deletion.",
    );
    let references = references().await;
    let sites = all(references, |passed| passed.sites.iter().cloned());
    let made: BTreeSet<_> = sites.map(|(.., site)| site.step).collect();
    // Those of a redrive are not repeated after a crash, and have a test of their own.
    let redriven: BTreeSet<_> = redrive::sites().await.iter().map(|site| site.step).collect();
    let missing: Vec<_> = Step::names().filter(|name| !made.contains(name) && !redriven.contains(name)).collect();
    assert!(missing.is_empty(), "no scenario makes these steps, so no crash in them is tested: {missing:?}");
    // The short form takes each point of each step once, the whole one in every phase and every time.
    let mut taken = BTreeSet::new();
    let sites = all(references, |passed| passed.sites.iter().cloned());
    let sites: Vec<_> = sites.filter(|(.., site)| whole() || taken.insert((site.kind, site.step, format!("{:?}", site.point)))).collect();
    let done = run(sites, async |(story, phase, site)| crash_once(story, phase, site, &references[&story]).await).await;
    end(row, "crashes.json", &done, |(.., site)| site.nth > 1);
}
