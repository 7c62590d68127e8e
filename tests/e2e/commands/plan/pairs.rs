//! Random pairs of specs: the operator makes the writes that the plan of an edit lists, and no others.
//!
//! A few pairs by default; `TRIBUTARY_FORM=whole` runs 200.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tributary_testkit::{World, options, seed, until, whole};

use super::fixture::{apply, made_calls, object, plan, plan_of, planned_calls};

/// Random specs of a bus, two sinks and two rules.
fn state(world: &World, random: &mut fastrand::Rng) -> Vec<Value> {
    let tags = |random: &mut fastrand::Rng| if random.bool() { json!({"stage": random.choice(["a", "b"])}) } else { json!({}) };
    let mut bus = json!({"tags": tags(random)});
    if random.bool() {
        bus["description"] = json!(random.choice(["first", "second"]));
    }
    let mut queue = json!({"visibilityTimeoutSeconds": random.choice([30, 60, 90])});
    if random.bool() {
        queue["deadLetter"] = json!({"maxReceiveCount": random.choice([2, 5])});
    }
    let group = json!({"retentionDays": random.choice([1, 7, 14])});
    let mut objects = vec![
        object(world, "EventBus", "b", bus),
        object(world, "EventSink", "q", json!({"sqs": {"managed": queue}})),
        object(world, "EventSink", "l", json!({"logGroup": {"managed": group}})),
    ];
    for name in ["r", "s"] {
        let mut targets = Vec::new();
        for sink in ["q", "l"] {
            if random.bool() {
                let mut target = json!({"name": sink, "sinkRef": {"name": sink}});
                if random.bool() && sink == "q" {
                    target["inputPath"] = json!(random.choice(["$.detail", "$.source"]));
                }
                targets.push(target);
            }
        }
        let state = random.choice(["Enabled", "Disabled"]);
        let pattern = json!({"source": [random.choice(["one", "two"])], "detail": {"n": [random.u8(0..3)]}});
        let spec = json!({"busRef": {"name": "b"}, "eventPattern": pattern, "targets": targets, "state": state, "tags": tags(random)});
        objects.push(object(world, "EventRule", name, spec));
    }
    objects
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plan_of_an_edit_is_what_the_operator_then_does() {
    let mut world = World::empty("plan-pairs").await;
    world.run(options()).await;
    let world = &world;
    let mut random = fastrand::Rng::with_seed(seed());
    let namespace = world.namespace.clone();
    let mut last = world.aws.mark().await;
    for pair in 0..if whole() { 200 } else { 6 } {
        let objects = state(world, &mut random);
        let mark = world.aws.mark().await;
        let planned = plan_of(world, &objects).await;
        let made = made_calls(world, mark).await;
        if !made.is_empty() {
            let calls: Vec<_> = world.aws.journal(last).await.0.into_iter().filter(tributary_testkit::Call::is_write).collect();
            let calls: Vec<_> = calls.iter().map(|call| format!("{:.2} {} {}", call.start, call.op, call.request)).collect();
            panic!(
                "pair {pair} of seed {}: {made:?} while nothing was left to plan. All since the last edit:\n{}",
                seed(),
                calls.join("\n")
            );
        }
        last = mark;
        apply(world, &objects).await;
        until("nothing is left to plan", || async {
            // A plan that reads a sink before a write of the operator, and a rule after it, sees neither's part of the work.
            let before = world.aws.mark().await;
            let left = plan(world, &["-n", &namespace, "-o", "json"], "").await.json();
            (planned_calls(&left).is_empty() && made_calls(world, before).await.is_empty()).then_some(())
        })
        .await;
        // A policy may be written twice: for a new rule first, and after another rule has stopped to send.
        let names = |calls: BTreeMap<String, usize>| calls.into_keys().collect::<Vec<_>>();
        assert_eq!(names(planned_calls(&planned)), names(made_calls(world, mark).await), "pair {pair} of seed {}: {planned:#}", seed());
    }
}
