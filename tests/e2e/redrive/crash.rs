//! A redrive loses and doubles nothing when the operator crashes at any point: each letter arrives at most once, and what did not arrive
//! is still in the queue.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use serde_json::json;
use tokio::sync::Notify;
use tributary_testkit::{
    World, aws_name,
    dead_letters::{DEAD, dead_letter, marks_in},
    merged,
    product::{FaultPoints, Options, Point, ReconcileError, plan::Step},
};

use super::run::{ended, quick, redrive, two_queues};

/// Stops the operator at a point of the nth step of this name, for good.
struct Stop {
    step: &'static str,
    point: Point,
    nth: usize,
    passed: AtomicUsize,
    reached: Notify,
}

impl FaultPoints for Stop {
    fn at<'a>(&'a self, kind: &'static str, _: &'a str, point: Point, step: &'a Step) -> BoxFuture<'a, Result<(), ReconcileError>> {
        Box::pin(async move {
            let is_here = kind == "EventRedrive" && step.name() == self.step && point == self.point;
            if is_here && self.passed.fetch_add(1, Ordering::SeqCst) + 1 == self.nth {
                self.reached.notify_one();
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    }
}

/// Crashes at the point, starts the operator again, and waits for the end.
async fn crash_at(name: &str, step: &'static str, point: Point, nth: usize) {
    let mut world = World::with(name, quick()).await;
    two_queues(&world).await;
    let marks: BTreeSet<_> = (0..6).map(|number| format!("m{number}")).collect();
    for mark in &marks {
        dead_letter(&world, "r", "q", "NO_PERMISSIONS", mark).await;
    }
    world.stop().await;
    let crash = Arc::new(Stop { step, point, nth, passed: AtomicUsize::new(0), reached: Notify::new() });
    world.run(Options { fault_points: crash.clone(), ..quick() }).await;
    // Two in each reconcile, so that there are letters of every state.
    world.apply("EventRedrive", "x", merged(redrive(), json!({"messagesPerSecond": 2}))).await;
    tokio::time::timeout(Duration::from_mins(1), crash.reached.notified()).await.expect("the point is passed");
    world.crash().await;
    world.run(quick()).await;
    let status = ended(&world, "x").await;
    let arrived = marks_in(&world, &aws_name(&world, "q")).await;
    assert!(arrived.windows(2).all(|pair| pair[0] != pair[1]), "{step} {point:?}: sent twice: {arrived:?} {status}");
    let kept = status["kept"].as_array().map_or(0, Vec::len);
    let whole = async || {
        let left = marks_in(&world, &aws_name(&world, DEAD)).await;
        let all: BTreeSet<_> = arrived.iter().chain(&left).cloned().collect();
        // What is kept becomes visible again after a while.
        (all == marks && left.len() == kept).then_some(())
    };
    world.aws.until("each letter arrived or is left", whole).await;
    assert_eq!(status["counts"]["uncertain"].as_u64(), u64::try_from(kept).ok(), "{step} {point:?}: {status}");
    // Only what was being sent at the crash is uncertain: at most the letters of one reconcile.
    assert!(kept <= 2 && (step == "SendMessage" || kept == 0), "{step} {point:?}: {status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_while_sending_sends_nothing_twice() {
    futures::join!(
        crash_at("redrive-send-before", "SendMessage", Point::Before, 3),
        crash_at("redrive-send-effect", "SendMessage", Point::Effect, 2),
        crash_at("redrive-send-reply", "SendMessage", Point::Reply, 4),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_while_deleting_sends_nothing_twice() {
    futures::join!(
        crash_at("redrive-delete-before", "DeleteMessage", Point::Before, 5),
        crash_at("redrive-delete-effect", "DeleteMessage", Point::Effect, 6),
        crash_at("redrive-send-status", "SendMessage", Point::Status, 1),
    );
}
