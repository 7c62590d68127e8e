//! Crashes around writes to Kubernetes: before a write is sent, and after the API server applied it and before the operator receives the
//! response. The writes are recorded in a run without faults. In half of the trials all objects are deleted before the operator restarts.

use std::collections::BTreeSet;

use tributary_testkit::{Row, options};

use crate::{
    reference_run::{Reference, all, references},
    runner::{Then, end, holds, made, number, reaches, run, sample},
    scenario::{Phase, Scenario, Story},
    write_interceptor::{Write, WriteInterceptor},
};

async fn crash_at(story: Story, phase: Phase, write: Write, then: Then, reference: &Reference) -> Option<()> {
    let mut scenario = Scenario::before("writes", story, phase).await;
    let interceptor = WriteInterceptor::stop_at(&scenario.world, write);
    let client = interceptor.client(&scenario.world).await;
    scenario.world.run_through(client, options());
    if !reaches(interceptor.reached(), &scenario, phase).await {
        scenario.world.stop().await;
        return None;
    }
    scenario.world.crash().await;
    then.apply(&scenario).await;
    scenario.run(options()).await;
    holds(scenario, phase, then, reference).await;
    Some(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_around_any_write_to_kubernetes_converges() {
    let mut row = Row::new(
        "C2-kubernetes-writes",
        "Crash before and after every write to the API server (finalizer, status, Event, child object): converges as after a crash around an AWS write.",
    );
    let references = references().await;
    let writes = || all(references, |passed| passed.kubernetes.iter().cloned());
    let classes: BTreeSet<_> = writes().map(|(.., write)| write.class).collect();
    assert!(
        !classes.contains("unknown"),
        "a write of a sort that this test does not know: {:?}",
        writes().find(|(.., w)| w.class == "unknown")
    );
    for class in ["Event", "status", "metadata", "child applied", "child deleted"] {
        assert!(classes.contains(class), "no scenario makes a write of this sort: {class}");
    }
    let trials: Vec<_> = writes()
        .flat_map(|(story, phase, write)| Then::after(phase).iter().map(move |then| (story, phase, write.clone(), *then)))
        .collect();
    let number = number("CRASH_WRITES", 24, trials.len());
    let chosen = sample(trials.into_iter(), number, |(.., write, then)| (write.class, write.moment, *then));
    row.figure("writes with fault points", writes().count() / 2);
    let chosen = chosen.into_iter().map(|(trial, _)| trial);
    let done = run(chosen, async |(story, phase, write, then)| crash_at(story, phase, write, then, &references[&story]).await).await;
    row.figure("trials with all objects deleted before the restart", made(&done, |(.., then)| *then == Then::Deletion));
    end(row, "crashes-around-writes.json", &done, |(.., write, _)| write.nth > 1);
}
