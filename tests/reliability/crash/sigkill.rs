//! SIGKILL of the real binary around its writes to AWS. Before a call and after its effect the moment is exact: the journal proxy delays the
//! call or its response. After the response it is as soon as the journal shows it.

use std::{
    os::unix::process::ExitStatusExt,
    time::{Duration, Instant},
};

use serde_json::json;
use tributary_testkit::{Aws, Bed, Replica, Row, World};

use crate::{
    contents::{assert_same, contents},
    reference_run::{Reference, all, references},
    runner::{Then, end, holds_now, made, number, reaches, run, sample},
    scenario::{BAR, Phase, Scenario, Story},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// The call was sent and did nothing.
    Before,
    /// It took effect; the answer never came.
    Effect,
    /// It was answered.
    Reply,
}

/// The nth call of an operation in a phase.
#[derive(Clone, Debug)]
struct Kill {
    op: String,
    nth: usize,
    moment: Moment,
}

/// Every kill that the writes of a phase allow.
fn kills(writes: &[String]) -> impl Iterator<Item = Kill> {
    let numbered = writes.iter().enumerate().map(|(i, op)| (op, writes[..=i].iter().filter(|earlier| *earlier == op).count()));
    numbered.flat_map(|(op, nth)| [Moment::Before, Moment::Effect, Moment::Reply].map(|moment| Kill { op: op.clone(), nth, moment }))
}

impl Kill {
    /// Has the journal proxy keep the call or its answer.
    async fn prepare(&self, aws: &Aws) {
        let kind = match self.moment {
            Moment::Before => "hang",
            Moment::Effect => "applied_hang",
            Moment::Reply => return,
        };
        aws.faults(json!([{"match": self.op, "kind": kind, "after": self.nth - 1, "times": 1}])).await;
    }

    /// Waits until the journal shows that the operator stands there.
    async fn reached(&self, aws: &Aws, since: u64) {
        let look = async || {
            let calls = aws.journal(since).await.0;
            let shown = match self.moment {
                Moment::Reply => calls.iter().filter(|call| call.name() == self.op && call.status.is_some()).count() >= self.nth,
                Moment::Before | Moment::Effect => calls.iter().any(|call| call.fault.is_some() && call.end.is_none()),
            };
            shown.then_some(())
        };
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        while look().await.is_none() {
            tick.tick().await;
        }
    }
}

/// The binary with the settings that operators in process have. There is one at a time, and what is measured is the start, not the wait for
/// a dead leader's lease: so it runs without election.
fn start(world: &World, name: &str, timeout: &str) -> Replica {
    let flags = [
        ["--leader-elect", "false"],
        ["--permission-settle-seconds", "0"],
        ["--grant-grace-seconds", "0"],
        ["--source-poll-seconds", "1"],
        ["--first-rule-seconds", "0.3"],
        ["--resync-seconds", "3600"],
        ["--full-resync-seconds", "31536000"],
        ["--aws-timeout-seconds", timeout],
    ];
    Replica::start(world, name, &Bed::get().operator_kubeconfig(), &world.aws.account, flags.as_flattened())
}

async fn sigkill(mut replica: Replica) {
    replica.signal("KILL");
    let ended = replica.ended().await;
    assert_eq!(ended.signal(), Some(9), "{} had ended by itself: {ended}\n{}", replica.name, replica.log());
}

/// One kill, and everything that must hold afterwards; seconds from the restart until all had converged.
async fn kill_once(story: Story, phase: Phase, kill: Kill, then: Then, reference: &Reference) -> Option<f64> {
    let scenario = Scenario::before("kill", story, phase).await;
    let (aws, since) = (scenario.world.aws.clone(), scenario.world.aws.mark().await);
    kill.prepare(&aws).await;
    // So patient that it stands there until it is killed.
    let first = start(&scenario.world, "first", "120");
    let came = reaches(kill.reached(&aws, since), &scenario, phase).await;
    sigkill(first).await;
    aws.faults(json!([])).await;
    if !came {
        return None;
    }
    then.apply(&scenario).await;
    let (started, second) = (Instant::now(), start(&scenario.world, "second", "10"));
    let settled = tokio::time::timeout(BAR, scenario.settle(if then == Then::Deletion { Phase::Delete } else { phase })).await;
    let seconds = started.elapsed().as_secs_f64();
    assert!(settled.is_ok(), "not converged {BAR:?} after the restart");
    holds_now(&scenario, phase, then, reference).await;
    if phase != Phase::Delete && then == Then::Nothing {
        scenario.steady().await;
        sigkill(second).await;
        scenario.prepare(Phase::Delete).await;
        let _third = start(&scenario.world, "third", "10");
        scenario.settle(Phase::Delete).await;
        assert_same(&contents(&scenario.world).await, &reference.of(Phase::Delete).contents, "something is left after deletion");
    }
    scenario.end().await;
    Some(seconds)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_binary_converges_when_started_again() {
    let mut row = Row::new(
        "C1-sigkill",
        "SIGKILL of the real binary before an AWS write, after its effect, after its reply: a new process converges within 90 s to the same AWS contents, no duplicates, no further writes, nothing left after deletion.",
    );
    let references = references().await;
    let kills = all(references, |passed| kills(&passed.aws))
        .flat_map(|(story, phase, kill)| Then::after(phase).iter().map(move |then| (story, phase, kill.clone(), *then)));
    let chosen = sample(kills, number("CRASH_KILLS", 12, 72), |(story, phase, _, then)| (*story, *phase, *then));
    let chosen = chosen.into_iter().map(|(trial, _)| trial);
    let done = run(chosen, async |(story, phase, kill, then)| kill_once(story, phase, kill, then, &references[&story]).await).await;
    let slowest = done.iter().filter_map(|done| done.outcome.as_ref().ok().copied().flatten()).fold(0.0, f64::max);
    row.figure("slowest convergence after the restart, s", (slowest * 10.0).round() / 10.0);
    row.figure("trials with all objects deleted before the restart", made(&done, |(.., then)| *then == Then::Deletion));
    end(row, "kills.json", &done, |(.., kill, _)| kill.nth > 1);
}
