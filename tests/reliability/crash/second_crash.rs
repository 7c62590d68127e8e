//! Two crashes: the operator crashes at a step, restarts, and crashes again during recovery. In some of the trials all objects are deleted
//! before the third start.

use std::sync::Arc;

use tributary_testkit::{
    Row, options,
    product::{Options, Point},
};

use crate::{
    fault_points::{Crasher, Site},
    reference_run::{Reference, all, references},
    runner::{Done, Then, end, holds, holds_now, number, reaches, run, sample},
    scenario::{Phase, Scenario, Story},
};

/// Where the second crash fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Second {
    Recovery,
    /// The recovery had too few steps left: among the first steps of the next phase's work, or in the midst of it.
    NextPhase,
    /// The recovery of a deletion had too few steps left, and nothing comes after it. All else was checked.
    Nowhere,
}

type Trial = (Story, Phase, Site, Then);

async fn crash_twice((story, phase, site, then): Trial, mut dice: fastrand::Rng, reference: &Reference) -> Option<Second> {
    let mut scenario = Scenario::before("double", story, phase).await;
    let first = Arc::new(Crasher::site(site));
    scenario.run(Options { fault_points: first.clone(), ..options() }).await;
    if !reaches(first.reached(), &scenario, phase).await {
        scenario.world.stop().await;
        return None;
    }
    scenario.world.crash().await;
    // As many points as the recovery has if it only does what is left.
    let left = reference.of(phase).points().saturating_sub(first.passed()).max(1);
    let second = Arc::new(Crasher::nth(dice.usize(1..=left)));
    scenario.run(Options { fault_points: second.clone(), ..options() }).await;
    if reaches(second.reached(), &scenario, phase).await {
        scenario.world.crash().await;
        then.apply(&scenario).await;
        scenario.run(options()).await;
        holds(scenario, phase, then, reference).await;
        return Some(Second::Recovery);
    }
    let Some(next) = phase.next() else {
        holds(scenario, phase, Then::Nothing, reference).await;
        return Some(Second::Nowhere);
    };
    holds_now(&scenario, phase, Then::Nothing, reference).await;
    scenario.world.stop().await;
    scenario.prepare(next).await;
    // Half of the points: a bound that every run comes to.
    let second = Arc::new(Crasher::nth(dice.usize(1..=reference.of(next).points() / 2)));
    scenario.run(Options { fault_points: second.clone(), ..options() }).await;
    assert!(reaches(second.reached(), &scenario, next).await, "half of the steps of {next:?} were not made");
    scenario.world.crash().await;
    let then = if next == Phase::Delete { Then::Nothing } else { then };
    then.apply(&scenario).await;
    scenario.run(options()).await;
    holds(scenario, next, then, reference).await;
    Some(Second::NextPhase)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_in_the_recovery_from_a_crash_converges() {
    let mut row = Row::new(
        "C3-double",
        "Crash at a step of any kind, restart, second crash at a random step of the recovery: converges as after one crash.",
    );
    let references = references().await;
    let sites = all(references, |passed| passed.sites.iter().filter(|site| site.point != Point::Effect).cloned())
        .flat_map(|(story, phase, site)| Then::after(phase).iter().map(move |then| (story, phase, site.clone(), *then)));
    let drawn = sample(sites, number("CRASH_DOUBLES", 20, 300), |(story, phase, _, then)| (*story, *phase, *then));
    let done =
        run(drawn, async |(trial, seed)| crash_twice(trial.clone(), fastrand::Rng::with_seed(seed), &references[&trial.0]).await).await;
    let fell = |second: Second| done.iter().filter(|done| done.outcome == Ok(Some(second))).count();
    let (recovery, next, nowhere) = (fell(Second::Recovery), fell(Second::NextPhase), fell(Second::Nowhere));
    row.figure("second crash in the recovery", recovery);
    row.figure("second crash in the next phase", next);
    row.figure("one crash only (not counted)", nowhere);
    let all = done.len();
    let twice: Vec<Done<_, _>> = done.into_iter().filter(|done| done.outcome != Ok(Some(Second::Nowhere))).collect();
    end(row, "double-crashes.json", &twice, |((.., site, _), _)| site.nth > 1);
    assert!(recovery * 3 > all, "{recovery} of {all} second crashes fell into the recovery: not what the row says");
}
