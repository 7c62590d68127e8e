//! Rows A1-specs and A1-transitions: mutated specs of every kind and sink type, and back.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::future::join_all;
use tributary_testkit::{Row, World, form, seed};

use super::{
    fixture::Fixture,
    mutations::{Case, cases},
    outcome::{End, Subject},
    seed_specs::{SEEDS, Seed},
};

/// Cases in an order in which every node of the schema comes first, then every node a second time, and so on.
fn spread(by_node: Vec<Vec<Case>>, random: &mut fastrand::Rng) -> Vec<Case> {
    let mut by_node = by_node;
    for of_node in &mut by_node {
        random.shuffle(of_node);
    }
    random.shuffle(&mut by_node);
    let longest = by_node.iter().map(Vec::len).max().unwrap_or_default();
    (0..longest).flat_map(|round| by_node.iter().filter_map(move |of_node| of_node.get(round).cloned()).collect::<Vec<_>>()).collect()
}

async fn subject<'a>(lane: &'a World, of: &Seed) -> Result<Subject<'a>, String> {
    of.prepare(lane).await;
    let mut subject = Subject { lane, kind: of.kind, name: String::new(), seed: of.spec(lane), born: 0 };
    subject.make().await?;
    Ok(subject)
}

type Outcome = (String, Result<End, String>);

/// Makes the object anew where a failure left it behind, so that one failure is one failure.
async fn afresh(subject: &mut Subject<'_>, outcome: &mut Result<End, String>) {
    if outcome.is_err()
        && let Err(why) = subject.make().await
        && let Err(first) = outcome
    {
        *first = format!("{first}; and made anew: {why}");
    }
}

/// `HOSTILE_MINUTES`: no new trial after so long.
fn minutes() -> Duration {
    std::env::var("HOSTILE_MINUTES").map_or(Duration::MAX, |text| Duration::from_mins(text.parse().unwrap()))
}

/// So many cases of one seed.
async fn specs(lane: World, of: &Seed, n: usize, seed: u64) -> Vec<Outcome> {
    let mut subject = match subject(&lane, of).await {
        Ok(subject) => subject,
        Err(why) => return vec![(format!("the seed {}", of.variant), Err(why))],
    };
    let mut random = fastrand::Rng::with_seed(seed);
    let all = spread(cases(of.kind, &subject.seed, &subject.name, &lane.aws.account), &mut random);
    let mut outcomes = Vec::new();
    // A machine that is busy beyond measure tries fewer; the row says how many.
    let limit = Instant::now() + form(Duration::from_mins(3), Duration::from_hours(1)).min(minutes());
    for case in all.iter().take(n) {
        if Instant::now() > limit {
            break;
        }
        let started = Instant::now();
        let mut outcome = subject.trial(case).await;
        afresh(&mut subject, &mut outcome).await;
        if started.elapsed() > Duration::from_secs(20) || outcome.is_err() {
            println!("{:.0} s: {} {}: {}: {outcome:?}", started.elapsed().as_secs_f64(), of.variant, case.path, case.what);
        }
        outcomes.push((format!("{} {}: {}", of.variant, case.path, case.what), outcome));
    }
    outcomes
}

/// Seed, one mutation, another one, seed.
async fn transitions(lane: World, of: &Seed, n: usize, seed: u64) -> Vec<Outcome> {
    let mut subject = match subject(&lane, of).await {
        Ok(subject) => subject,
        Err(why) => return vec![(format!("the seed {}", of.variant), Err(why))],
    };
    let mut random = fastrand::Rng::with_seed(seed);
    let mut all = spread(cases(of.kind, &subject.seed, &subject.name, &lane.aws.account), &mut random).into_iter();
    let mut outcomes = Vec::new();
    'trials: while outcomes.len() < n {
        let (mut steps, mut ends) = (Vec::new(), Vec::new());
        while ends.len() < 2 {
            let Some(case) = all.next() else { break 'trials };
            // What admission refuses is no step; that is the other row's.
            match subject.step(&case).await {
                Ok(None) => continue,
                Ok(Some(end)) => ends.push(Ok(end)),
                Err(why) => ends.push(Err(why)),
            }
            steps.push(format!("{} {}", case.path, case.what));
        }
        let mut outcome = ends.into_iter().collect::<Result<Vec<_>, _>>().and_then(|ends| ends.last().cloned().ok_or_else(String::new));
        if let Ok(end) = &outcome
            && let Err(why) = subject.roll_back().await
        {
            outcome = Err(format!("after {end:?}: {why}"));
        }
        afresh(&mut subject, &mut outcome).await;
        outcomes.push((format!("{} {}", of.variant, steps.join(" -> ")), outcome));
    }
    outcomes
}

/// Counts the ends, tells the row of each trial, and says what the operator did besides.
async fn report(mut row: Row, fixture: Fixture, before: f64, outcomes: Vec<Outcome>) {
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    let n = outcomes.len();
    for (what, outcome) in outcomes {
        if let Ok(end) = &outcome {
            let word = if let End::Because(reason) = end { reason.clone() } else { format!("{end:?}") };
            *ends.entry(word).or_default() += 1;
        }
        row.trial(outcome.map(drop).map_err(|why| format!("{what}: {why}")));
    }
    for (end, count) in &ends {
        row.figure(end, *count);
    }
    #[allow(clippy::cast_precision_loss)]
    let each = (fixture.reconciles().await - before) / n.max(1) as f64;
    row.figure("reconciles per object", (each * 10.0).round() / 10.0);
    // Each trial changes an object at least twice, and triggers those that refer to it; a loop would cause thousands.
    row.trial(if each < 100.0 { Ok(()) } else { Err(format!("{each} reconciles for each spec")) });
    row.trial(fixture.unharmed().await);
    row.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mutated_spec_is_rejected_or_gets_a_reason_and_recovers() {
    let row = Row::new(
        "A1-specs",
        "Specs mutated at every node of the CRD schemas: rejected with the field, Ready, or a condition with a reason; all recover.",
    );
    let (fixture, each) = (Fixture::new("specs").await, form(14, 92));
    let mut lanes = Vec::new();
    for (i, of) in SEEDS.iter().enumerate() {
        lanes.push(specs(fixture.lane(&format!("l{i}")).await, of, each, seed().wrapping_add(i as u64)));
    }
    let before = fixture.reconciles().await;
    let outcomes = join_all(lanes).await.into_iter().flatten().collect();
    report(row, fixture, before, outcomes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_mutations_in_a_row_get_a_reason_each_and_recover() {
    let row = Row::new(
        "A1-transitions",
        "Valid spec, one accepted mutation, another one, valid spec: Ready or a reason each time, Ready at the end.",
    );
    let (fixture, each) = (Fixture::new("steps").await, form(3, 28));
    let mut lanes = Vec::new();
    for (i, of) in SEEDS.iter().enumerate() {
        lanes.push(transitions(fixture.lane(&format!("l{i}")).await, of, each, seed().wrapping_add(1_000 + i as u64)));
    }
    let before = fixture.reconciles().await;
    let outcomes = join_all(lanes).await.into_iter().flatten().collect();
    report(row, fixture, before, outcomes).await;
}
