//! Crashes of a redrive at every fault point of its steps, to a target of each type. Unlike other objects, a redrive repeats nothing of which
//! the outcome is not known, so what must hold is its own: by the journal, each letter arrives at most once, and what did not arrive is left.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tributary_testkit::{
    REGION, Row, World, aws_name,
    dead_letters::{DEAD, dead_letter, dead_letter_queue, dead_lettered_rule, marks_in},
    options,
    product::{Options, Point},
    whole,
};

use crate::{
    fault_points::{Crasher, Recorder, Site},
    runner::{end, run},
    scenario::BAR,
};

const KIND: &str = "EventRedrive";
/// A target of each type that letters can be sent to.
const TARGETS: [&str; 5] = ["queue", "topic", "function", "machine", "bus"];
/// Letters for each target, and letters that a reconcile sends: there are letters of every state at any time.
const EACH: usize = 2;
/// The calls by which targets receive a letter.
const SENDS: [&str; 5] = ["SendMessage", "Publish", "Invoke", "StartExecution", "PutEvents"];

/// Letters that a stopped process held are visible again after seconds, not minutes.
fn quick() -> Options {
    Options { redrive_hidden: Duration::from_secs(3), ..options() }
}

/// A rule with the targets, whose dead letters lie in the queue. No operator runs.
async fn world() -> World {
    let mut world = World::with("redriven", quick()).await;
    world.timeout = BAR;
    dead_letter_queue(&world).await;
    world.aws.events("CreateEventBus", json!({"Name": "other"})).await;
    let pass = json!({"StartAt": "a", "States": {"a": {"Type": "Pass", "End": true}}});
    let bus = format!("arn:aws:events:{REGION}:{}:event-bus/other", world.aws.account);
    let spec = async |target: &str| match target {
        "queue" => json!({"sqs": {"managed": {}}}),
        "topic" => json!({"sns": {"managed": {}}}),
        "function" => json!({"lambda": {"existing": {"arn": world.aws.make_function("f").await}}}),
        "machine" => json!({"stateMachine": {"managed": {"definition": pass}}}),
        _ => json!({"eventBus": {"existing": {"arn": bus}}}),
    };
    for target in TARGETS {
        world.apply("EventSink", target, spec(target).await).await;
    }
    dead_lettered_rule(&world, "r", &TARGETS.map(|target| (target, json!({})))).await;
    for mark in marks() {
        dead_letter(&world, "r", mark.split('-').nth(1).unwrap(), "NO_PERMISSIONS", &mark).await;
    }
    world.stop().await;
    world.apply(KIND, "x", json!({"sinkRef": {"name": DEAD}, "messagesPerSecond": EACH})).await;
    world
}

/// The marks of the letters' events.
fn marks() -> BTreeSet<String> {
    TARGETS.iter().flat_map(|target| (0..EACH).map(move |n| format!("mark-{target}-{n}"))).collect()
}

/// Waits until the redrive ended; its status.
async fn ended(world: &World) -> Value {
    let status = |object: &kube::api::DynamicObject| object.data["status"].clone();
    let is_over = |status: &Value| ["Completed", "Failed"].contains(&status["state"].as_str().unwrap_or_default());
    world.wait(KIND, "x", "the end", |object| object.map(status).filter(is_over)).await
}

/// How often each letter arrived since the mark, by the journal.
async fn arrived(world: &World, since: u64) -> BTreeMap<String, usize> {
    let (mut times, marks) = (BTreeMap::new(), marks());
    for call in world.aws.journal(since).await.0 {
        if SENDS.contains(&call.op.as_str()) && call.status.is_some_and(|status| status < 300) {
            let request = call.request.to_string();
            let mark = marks.iter().find(|mark| request.contains(mark.as_str())).unwrap_or_else(|| panic!("no letter: {request}"));
            *times.entry(mark.clone()).or_default() += 1;
        }
    }
    times
}

/// The fault points of a redrive that nothing happens to.
pub async fn sites() -> &'static BTreeSet<Site> {
    static ALL: OnceCell<BTreeSet<Site>> = OnceCell::const_new();
    ALL.get_or_init(|| async {
        let (mut world, recorder) = (world().await, Arc::new(Recorder::default()));
        let since = world.aws.mark().await;
        world.run(Options { fault_points: recorder.clone(), ..quick() }).await;
        let status = ended(&world).await;
        world.stop().await;
        assert_eq!(status["counts"]["sent"], TARGETS.len() * EACH, "{status}");
        assert_eq!(arrived(&world, since).await, marks().into_iter().map(|mark| (mark, 1)).collect());
        recorder.sites().into_iter().filter(|site| site.kind == KIND).collect()
    })
    .await
}

/// One crash, or one lost reply, and everything that must hold afterwards.
async fn crash_once(site: Site) -> Option<()> {
    let mut world = world().await;
    let since = world.aws.mark().await;
    let crasher = Arc::new(Crasher::site(site.clone()));
    world.run(Options { fault_points: crasher.clone(), ..quick() }).await;
    let reached = tokio::select! {
        biased;
        () = crasher.reached() => true,
        _ = ended(&world) => false,
    };
    if !reached {
        world.stop().await;
        return None;
    }
    if site.point != Point::Effect {
        world.crash().await;
        world.run(quick()).await;
    }
    let status = ended(&world).await;
    let arrived = arrived(&world, since).await;
    assert!(arrived.values().all(|times| *times == 1), "sent twice: {arrived:?} {status}");
    let kept = status["kept"].as_array().map_or(0, Vec::len);
    let is_deletion = site.step == "DeleteMessage";
    let is_whole = async || {
        let left = marks_in(&world, &aws_name(&world, DEAD)).await;
        let all: BTreeSet<_> = arrived.keys().chain(&left).cloned().collect();
        // What is kept becomes visible again after a while. A deletion may have taken effect.
        (all == marks() && (left.len() == kept || (is_deletion && left.len() < kept))).then_some(())
    };
    world.aws.until("each letter arrived or is left", is_whole).await;
    // Only what was being sent is uncertain: at most the letters of one reconcile.
    assert_eq!(status["counts"]["uncertain"].as_u64(), u64::try_from(kept).ok(), "{status}");
    assert!(kept <= EACH, "{status}");
    assert_eq!(status["counts"]["found"], TARGETS.len() * EACH, "the redrive ended before all letters were looked at: {status}");
    world.stop().await;
    Some(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redrive_loses_and_doubles_nothing_at_any_crash() {
    let row = Row::new(
        "C1-redrive",
        "Crash at every step of a redrive to a target of each type, before the call, after its effect, after its reply, after the status write: by the journal each letter arrives at most once, and what did not arrive is left in the queue.",
    );
    // The short form takes each point of each step once.
    let mut taken = BTreeSet::new();
    let sites: Vec<_> =
        sites().await.iter().filter(|site| whole() || taken.insert((site.step, format!("{:?}", site.point)))).cloned().collect();
    let done = run(sites, async |site| crash_once(site).await).await;
    end(row, "redrive-crashes.json", &done, |site| site.nth > 1);
}
