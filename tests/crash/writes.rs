//! Crashes around writes to Kubernetes: before each is sent, and after the API server did it and before the operator heard of it.
//! Which writes there are is recorded in a run without faults.

use std::collections::BTreeSet;

use crate::{
    gate::{Gate, Write},
    harness::{Row, options, whole},
    reference::{Reference, all, references},
    scenario::{Phase, Scenario, Story},
    trial::{dice, end, holds, number, reaches, run, sample},
};

async fn crash_at(story: Story, phase: Phase, write: Write, reference: &Reference) -> Option<()> {
    let mut scenario = Scenario::before("writes", story, phase).await;
    let gate = Gate::stop_at(&scenario.world, write);
    let client = gate.client().await;
    scenario.world.run_as(client, options());
    if !reaches(gate.reached(), &scenario, phase).await {
        scenario.world.stop().await;
        return None;
    }
    scenario.world.crash().await;
    scenario.world.run(options()).await;
    holds(scenario, phase, reference).await;
    Some(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_around_any_write_to_kubernetes_converges() {
    let mut row = Row::new(
        "C2-kubernetes-writes",
        "every write to the API server (finalizer, status, Event, child object), crashed before it is sent and after it took effect: what holds after a crash around an AWS write holds here",
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
    let number = number("CRASH_WRITES", 24, writes().count());
    let chosen = if whole() && number == writes().count() {
        writes().collect()
    } else {
        sample(writes(), number, |(.., write)| (write.class, write.moment), &mut dice())
    };
    row.figure("writes around which there can be a crash", writes().count() / 2);
    let done = run(chosen, async |(story, phase, write)| crash_at(story, phase, write, &references[&story]).await).await;
    end(row, "crashes-around-writes.json", &done);
}
