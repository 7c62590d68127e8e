//! Invariants 5 and 7: throttling, outages, lost connections and lost responses on create, update and delete of every kind. Every
//! object becomes Ready without intervention, no write takes effect twice, nothing is left behind.

use std::time::Duration;

use serde_json::{Value, json};
use tributary_testkit::{
    Call, World, assert_not_ready, aws_name, disposable_queue, effects, fault_rule, merged, options, product::Options, rule_spec,
};

/// Calls that are hit, by phase: of each object some reads and all writes.
const CREATE: &[&str] =
    &["sts.GetCallerIdentity", "events.ListRules", "events.CreateEventBus", "sqs.CreateQueue", "events.PutRule", "events.PutTargets"];
const UPDATE: &[&str] = &[
    "events.DescribeEventBus",
    "events.UpdateEventBus",
    "sqs.SetQueueAttributes",
    "sqs.TagQueue",
    "events.PutRule",
    "events.PutTargets",
    "events.RemoveTargets",
];
const DELETE: &[&str] =
    &["events.RemoveTargets", "events.DeleteRule", "events.ListTargetsByRule", "sqs.DeleteQueue", "events.DeleteEventBus"];

/// Calls whose answer is 200 and nothing more: there is no body to be garbled, and 200 is all that AWS ever says.
const NO_BODY: &[&str] = &["sqs.SetQueueAttributes", "sqs.TagQueue", "events.DeleteRule", "sqs.DeleteQueue", "events.DeleteEventBus"];

/// Writes that take effect in each phase, and how often.
const CREATED: &[(&str, usize)] = &[("CreateEventBus", 1), ("CreateQueue", 2), ("PutRule", 1), ("PutTargets", 1)];
const UPDATED: &[(&str, usize)] =
    &[("UpdateEventBus", 1), ("SetQueueAttributes", 1), ("TagQueue", 2), ("PutRule", 1), ("PutTargets", 1), ("RemoveTargets", 1)];
const DELETED: &[(&str, usize)] = &[("RemoveTargets", 1), ("DeleteRule", 1), ("DeleteQueue", 2), ("DeleteEventBus", 1)];

const KINDS: [(&str, &str); 3] = [("EventBus", "bus"), ("EventSink", "q"), ("EventRule", "r")];

async fn apply(world: &World, version: u32) {
    let sink = json!({"sqs": {"managed": {"visibilityTimeoutSeconds": 30 + version, "deadLetter": {"maxReceiveCount": 3}}}});
    let sink = merged(disposable_queue(), sink);
    let sink =
        if version > 1 { merged(sink, json!({"sqs": {"managed": {"visibilityTimeoutSeconds": 60, "tags": {"v": "2"}}}})) } else { sink };
    let target = |name: &str| json!({"name": name, "sinkRef": {"name": "q"}, "inputPath": format!("$.detail.v{version}")});
    let targets = if version > 1 { json!([target("a")]) } else { json!([target("a"), target("b")]) };
    world.apply("EventBus", "bus", json!({"description": format!("version {version}")})).await;
    world.apply("EventSink", "q", sink).await;
    let pattern = json!({"eventPattern": {"source": [format!("v{version}")]}, "targets": targets});
    world.apply("EventRule", "r", merged(rule_spec("bus", &[]), pattern)).await;
}

fn once(calls: &[&str], kind: &str, more: &Value) -> Value {
    let read = |call: &&&str| kind != "garbage" || !NO_BODY.contains(call);
    calls.iter().filter(read).map(|call| fault_rule(call, kind, merged(json!({"times": 1}), more.clone()))).collect()
}

fn exactly(phase: &str, calls: &[Call], expected: &[(&str, usize)]) {
    for (op, count) in expected {
        let told: Vec<_> = calls.iter().filter(|call| call.op == *op).map(|call| (call.status, &call.error, &call.fault)).collect();
        assert_eq!(effects(calls, op), *count, "{phase}: {op} took effect another number of times: {told:?}");
    }
}

/// Create, update and delete, each call hit once by the fault.
async fn passes(kind: &str, more: Value, options: Options) {
    let world = World::empty("transient").await;
    world.aws.faults(once(CREATE, kind, &more)).await;
    let mut world = world;
    world.run(options).await;
    let mut mark = 0;
    apply(&world, 1).await;
    for (phase, expected) in [("create", CREATED), ("update", UPDATED)] {
        if phase == "update" {
            world.aws.faults(once(UPDATE, kind, &more)).await;
            apply(&world, 2).await;
        }
        for (kind, name) in KINDS {
            world.ready(kind, name).await;
        }
        let (calls, next) = world.aws.journal(mark).await;
        exactly(phase, &calls, expected);
        mark = next;
    }
    assert_eq!(world.aws.targets(&aws_name(&world, "bus"), &aws_name(&world, "r")).await.len(), 1);
    world.aws.faults(once(DELETE, kind, &more)).await;
    for (kind, name) in KINDS {
        world.delete(kind, name).await;
    }
    for (kind, name) in KINDS {
        world.gone(kind, name).await;
    }
    let (calls, _) = world.aws.journal(mark).await;
    exactly("delete", &calls, DELETED);
    assert!(calls.iter().any(|call| call.fault.is_some()), "no fault fired");
    let left = world.aws.contents().await;
    assert!(left.is_empty(), "orphaned: {:?}", left.keys());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttling_of_any_call_passes_and_nothing_is_doubled_or_orphaned() {
    passes("throttle", json!({}), options()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_error_of_any_call_passes_and_nothing_is_doubled_or_orphaned() {
    passes("error", json!({"status": 503, "code": "ServiceUnavailable"}), options()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_connection_of_any_call_passes_and_nothing_is_doubled_or_orphaned() {
    passes("reset", json!({}), options()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_of_any_call_passes_and_nothing_is_doubled_or_orphaned() {
    passes("applied_reset", json!({}), options()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_garbled_answer_of_any_call_passes_and_nothing_is_doubled_or_orphaned() {
    passes("garbage", json!({}), options()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_hangs_times_out_and_nothing_is_doubled_or_orphaned() {
    let mut options = options();
    options.aws.timeout = Duration::from_secs(1);
    passes("hang", json!({}), options).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_one_row_hide_nothing() {
    let world = World::start("pages").await;
    world.aws.faults(json!([{"match": "*", "kind": "page_size"}])).await;
    world.apply("EventBus", "bus", json!({})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    let targets = |names: &[&str]| names.iter().map(|name| json!({"name": name, "sinkRef": {"name": "q"}})).collect::<Vec<_>>();
    for name in ["r1", "r2", "r3"] {
        world.apply("EventRule", name, merged(rule_spec("bus", &[]), json!({"targets": targets(&["a", "b", "c"])}))).await;
    }
    for name in ["r1", "r2", "r3"] {
        world.ready("EventRule", name).await;
    }
    let mark = world.aws.mark().await;
    world.apply("EventRule", "r3", merged(rule_spec("bus", &[]), json!({"targets": targets(&["a", "c"])}))).await;
    world.ready("EventRule", "r3").await;
    assert_eq!(world.aws.writes(mark).await, ["RemoveTargets"]);
    for (kind, name) in [("EventRule", "r1"), ("EventRule", "r2"), ("EventRule", "r3"), ("EventBus", "bus"), ("EventSink", "q")] {
        world.delete(kind, name).await;
    }
    for (kind, name) in [("EventRule", "r1"), ("EventRule", "r2"), ("EventRule", "r3"), ("EventBus", "bus"), ("EventSink", "q")] {
        world.gone(kind, name).await;
    }
    assert!(world.aws.contents().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_that_lag_behind_writes_lead_to_no_error_and_nothing_foreign() {
    let mut world = World::empty("lag").await;
    world.aws.settings(json!({"readLagSeconds": 2})).await;
    world.run(options()).await;
    world.aws.faults(json!([{"match": "events.CreateEventBus", "kind": "applied_reset", "times": 1}])).await;
    apply(&world, 1).await;
    for (kind, name) in KINDS {
        let object = world.ready(kind, name).await;
        let own = usize::from(kind == "EventRule");
        assert_eq!(object.data["status"]["conditions"].as_array().unwrap().len(), 3 + own);
    }
    let (calls, _) = world.aws.journal(0).await;
    exactly("create", &calls, &[("CreateEventBus", 1), ("CreateQueue", 2)]);
    apply(&world, 2).await;
    for (kind, name) in KINDS {
        world.ready(kind, name).await;
    }
    for (kind, name) in KINDS {
        world.delete(kind, name).await;
    }
    for (kind, name) in KINDS {
        world.gone(kind, name).await;
    }
    assert!(world.aws.contents().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_and_throttling_are_reported_and_not_stalled() {
    let world = World::start("outage").await;
    world.aws.faults(json!([{"match": "events.CreateEventBus", "kind": "error"}, {"match": "sqs.CreateQueue", "kind": "throttle"}])).await;
    world.apply("EventBus", "bus", json!({})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    assert_not_ready(&world, "EventBus", "bus", "Unavailable", false, &["events:CreateEventBus", "automatically"]).await;
    assert_not_ready(&world, "EventSink", "q", "Throttled", false, &["sqs:CreateQueue", "automatically"]).await;
    world.aws.faults(json!([])).await;
    world.ready("EventBus", "bus").await;
    world.ready("EventSink", "q").await;
}
