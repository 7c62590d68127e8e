//! The rate limiter, as the journal of calls shows it.

use std::time::{Duration, Instant};

use kube::api::{DynamicObject, ListParams};
use serde_json::json;
use tributary_testkit::{Call, World, condition, disposable_queue, options, product::Options, rule_spec};

fn with_quota(quota: u32) -> Options {
    let mut options = options();
    options.aws.quota = quota;
    options
}

async fn rules(world: &World, count: usize) {
    world.apply("EventBus", "bus", json!({})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    for i in 0..count {
        world.apply("EventRule", &format!("r{i:02}"), rule_spec("bus", &["q"])).await;
    }
}

async fn all_ready(world: &World, count: usize) {
    let is_ready = |object: &DynamicObject| condition(object, "Ready").is_some_and(|c| c.0 == "True");
    let ready =
        || async { world.api("EventRule").list(&ListParams::default()).await.unwrap().items.iter().filter(|o| is_ready(o)).count() };
    let deadline = Instant::now() + Duration::from_secs(90);
    while ready().await < count {
        assert!(Instant::now() < deadline, "{} of {count} rules are ready after 90 s", ready().await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Times at which calls to EventBridge began, in order.
fn begun(calls: &[Call]) -> Vec<f64> {
    let mut times: Vec<_> = calls.iter().filter(|call| call.service == "events").map(|call| call.start).collect();
    times.sort_by(f64::total_cmp);
    times
}

fn most_in_a_second(times: &[f64]) -> usize {
    times.iter().map(|start| times.iter().filter(|time| (*start..*start + 1.0).contains(*time)).count()).max().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_second_holds_more_calls_than_the_quota() {
    let world = World::with("quota", with_quota(20)).await;
    rules(&world, 60).await;
    all_ready(&world, 60).await;
    let times = begun(&world.aws.journal(0).await.0);
    assert!(times.len() >= 120, "{} calls", times.len());
    // One more than the quota fits into a second; the journal writes down when calls arrive, and on a busy machine two late ones catch up.
    assert!(most_in_a_second(&times) <= 23, "{} calls in one second", most_in_a_second(&times));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_waited_for_others_to_end_do_not_go_as_a_burst() {
    let mut options = with_quota(20);
    (options.aws.in_flight, options.aws.timeout) = (8, Duration::from_secs(2));
    let world = World::with("burst", options).await;
    world.apply("EventBus", "bus", json!({})).await;
    world.ready("EventBus", "bus").await;
    world.aws.faults(json!([{"match": "events.PutRule", "kind": "latency", "ms": 1800, "times": 16}])).await;
    for i in 0..60 {
        world.apply("EventRule", &format!("r{i:02}"), rule_spec("bus", &[])).await;
    }
    all_ready(&world, 60).await;
    let times = begun(&world.aws.journal(0).await.0);
    let gaps: Vec<_> = times.windows(8).map(|window| window[7] - window[0]).collect();
    let tightest = gaps.iter().copied().fold(f64::MAX, f64::min);
    // Eight calls take 350 ms at 20 a second; a burst of them takes none.
    assert!(tightest > 0.2, "eight calls within {tightest:.3} s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttling_slows_all_down_and_all_become_ready() {
    let mut options = with_quota(20);
    options.aws.in_flight = 4;
    let world = World::with("slow", options).await;
    world.apply("EventBus", "bus", json!({})).await;
    world.ready("EventBus", "bus").await;
    world.aws.faults(json!([{"match": "events.PutRule", "kind": "throttle", "after": 10, "times": 30}])).await;
    for i in 0..40 {
        world.apply("EventRule", &format!("r{i:02}"), rule_spec("bus", &[])).await;
    }
    all_ready(&world, 40).await;
    let calls = world.aws.journal(0).await.0;
    let throttled: Vec<_> = calls.iter().filter(|call| call.fault.as_deref() == Some("throttle")).map(|call| call.start).collect();
    assert_eq!(throttled.len(), 30);
    let last = throttled.iter().copied().fold(0.0, f64::max);
    let after = begun(&calls).iter().filter(|time| (last + 0.001..last + 1.5).contains(*time)).count();
    // At 20 a second there would be 30; two seconds of nothing but "too fast" leave 5 to 7 a second.
    assert!(after <= 18, "{after} calls in the 1.5 s after the last throttled one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_users_change_precedes_resyncs() {
    let mut options = with_quota(10);
    (options.aws.sweep_quota, options.resync, options.full_resync) = (5, Duration::from_secs(12), Duration::from_secs(12));
    let world = World::with("before", options).await;
    rules(&world, 40).await;
    all_ready(&world, 40).await;
    let mark = world.aws.mark().await;
    // A full sweep of 40 rules at five calls a second takes eight of the twelve seconds.
    let asked = |calls: &[Call]| -> Vec<String> {
        let of_targets = calls.iter().filter(|call| call.op == "ListTargetsByRule");
        of_targets.map(|call| call.request["Rule"].as_str().unwrap().to_owned()).collect()
    };
    let under_way = || async {
        let rules = asked(&world.aws.journal(mark).await.0);
        (rules.len() >= 2).then(|| rules[0].clone())
    };
    // A rule whose own turn in the sweep is over, and comes again only seconds later: a pass that is under way is not interrupted.
    let in_aws = tributary_testkit::until("a full sweep", &mut { under_way }).await;
    let name = in_aws.rsplit('-').next().unwrap();
    let mark = world.aws.mark().await;
    world.apply("EventRule", name, tributary_testkit::merged(rule_spec("bus", &["q"]), json!({"description": "changed"}))).await;
    world.ready("EventRule", name).await;
    let calls = world.aws.journal(mark).await.0;
    let put = calls.iter().position(|call| call.op == "PutRule").expect("the change is made");
    let before = asked(&calls[..put]).iter().filter(|rule| **rule != in_aws).count();
    assert!(before <= 12, "{before} of the sweep's calls went before the change");
}
