//! Invariant 6: an object in sync causes no AWS write, no status patch and no Event; and what a resync costs.

use std::{collections::BTreeMap, time::Duration};

use kube::api::ListParams;
use serde_json::json;
use tributary_testkit::{
    World, all_ready, apply_pipeline, aws_name, existing_queue, fast_resync, foreign_queue, foreign_statement, managed_queue, merged,
    options, product::Options, reconcile_now, remove_without_operator, resource_version, rule_spec, writes_since,
};

const ALL: [(&str, &str); 7] = [
    ("EventBus", "b"),
    ("EventBus", "default"),
    ("EventSink", "q"),
    ("EventSink", "e"),
    ("EventRule", "r"),
    ("EventRule", "s"),
    ("EventRule", "tick"),
];

/// One of each: custom and default bus, managed queue with a dead-letter queue, existing queue; targets with all that they can have.
async fn everything(world: &World) {
    world.apply("EventBus", "b", json!({"description": "b", "deadLetter": {"sinkRef": {"name": "e"}}, "tags": {"a": "1"}})).await;
    world.apply("EventBus", "default", json!({"name": "default"})).await;
    let queue = json!({"visibilityTimeoutSeconds": 60, "deadLetter": {"maxReceiveCount": 5}, "tags": {"a": "1"}});
    world.apply("EventSink", "q", json!({"sqs": {"managed": queue}})).await;
    world.apply("EventSink", "e", existing_queue(&world.aws, "shared")).await;
    world.apply("EventRule", "r", rule_spec("b", &["q", "e"])).await;
    let transformer = json!({"inputPathsMap": {"id": "$.id"}, "inputTemplate": "{\"id\": <id>}"});
    let target = json!({"name": "t", "sinkRef": {"name": "q"}, "inputTransformer": transformer, "retry": {"maximumRetryAttempts": 3},
                        "deadLetter": {"sinkRef": {"name": "e"}}});
    world.apply("EventRule", "s", merged(rule_spec("b", &[]), json!({"targets": [target], "description": "s", "state": "Disabled"}))).await;
    let target = json!({"name": "t", "sinkRef": {"name": "q"}, "input": {"n": [1, 2.5, null]}});
    world.apply("EventRule", "tick", json!({"busRef": {"name": "default"}, "schedule": "rate(1 hour)", "targets": [target]})).await;
    all_ready(world, &ALL).await;
}

async fn events(world: &World) -> usize {
    world.api_in(Some(&world.namespace), "events.k8s.io/v1", "Event").list(&ListParams::default()).await.unwrap().items.len()
}

async fn versions(world: &World) -> BTreeMap<&'static str, String> {
    let mut all = BTreeMap::from([("account", resource_version(world, "AwsAccount", &world.account).await)]);
    for (kind, name) in ALL {
        all.insert(name, resource_version(world, kind, name).await);
    }
    all
}

/// Waits until the operator has looked at the custom bus so often since the mark, and gives what it called meanwhile.
async fn sweeps(world: &World, mark: u64, times: usize) -> BTreeMap<String, usize> {
    world
        .aws
        .until("enough sweeps", || async {
            let mut counts = BTreeMap::new();
            for call in world.aws.calls(mark).await {
                *counts.entry(call).or_default() += 1;
            }
            (counts.get("events:DescribeEventBus").copied().unwrap_or_default() >= times).then_some(counts)
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_sync_means_no_write_no_status_and_no_event() {
    let mut world = World::empty("silent").await;
    foreign_queue(&world.aws, "shared", &[foreign_statement("one")]).await;
    world.run(fast_resync()).await;
    everything(&world).await;
    for (kind, name) in ALL {
        reconcile_now(&world, kind, name).await;
    }
    let (before, told, mark) = (versions(&world).await, events(&world).await, world.aws.mark().await);
    let counts = sweeps(&world, mark, 8).await;
    assert!(counts.contains_key("events:ListTargetsByRule"), "there was a full resync: {counts:?}");
    assert_eq!(world.aws.writes(mark).await, Vec::<String>::new());
    assert_eq!(versions(&world).await, before);
    assert_eq!(events(&world).await, told);
    // The same after a restart.
    world.stop().await;
    let mark = world.aws.mark().await;
    world.run(fast_resync()).await;
    sweeps(&world, mark, 6).await;
    assert_eq!(world.aws.writes(mark).await, Vec::<String>::new());
    assert_eq!((versions(&world).await, events(&world).await), (before, told));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applying_the_same_manifests_to_a_new_cluster_writes_nothing() {
    let mut world = World::empty("rebuild").await;
    foreign_queue(&world.aws, "shared", &[foreign_statement("one")]).await;
    let grace = Options { grant_grace: Duration::from_hours(1), ..options() };
    world.run(grace.clone()).await;
    everything(&world).await;
    let contents = world.aws.contents().await;
    world.stop().await;
    for (kind, name) in ALL {
        remove_without_operator(&world, kind, name).await;
    }
    remove_without_operator(&world, "AwsAccount", &world.account).await;
    let mark = world.aws.mark().await;
    // The operator runs, and they come one by one, each settled before the next: a sink without its rules keeps who may send.
    world.run(grace).await;
    world.apply_account(world.account_spec()).await;
    world.apply("EventSink", "e", existing_queue(&world.aws, "shared")).await;
    world.ready("EventSink", "e").await;
    everything(&world).await;
    for (kind, name) in ALL {
        reconcile_now(&world, kind, name).await;
    }
    assert_eq!(world.aws.writes(mark).await, Vec::<String>::new());
    assert_eq!(world.aws.contents().await, contents);
}

/// A bus with six rules.
async fn six_rules(options: Options, name: &str) -> World {
    let world = World::with(name, options).await;
    apply_pipeline(&world).await;
    for n in 0..5 {
        world.apply("EventRule", &format!("r{n}"), rule_spec("b", &["q"])).await;
    }
    for n in 0..5 {
        world.ready("EventRule", &format!("r{n}")).await;
    }
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quick_resync_lists_rules_by_page_and_reads_no_targets() {
    let world = six_rules(Options { resync: Duration::from_secs(1), ..options() }, "quick").await;
    let mark = world.aws.mark().await;
    let counts = sweeps(&world, mark, 5).await;
    let names: Vec<_> = counts.keys().map(String::as_str).collect();
    assert_eq!(names, ["events:DescribeEventBus", "events:ListRules", "sqs:GetQueueAttributes"], "{counts:?}");
    // On a busy machine a page may be too old for the last of its rules.
    assert!(counts["events:ListRules"] <= 4 * counts["events:DescribeEventBus"], "{counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_resync_adds_one_call_for_each_rule() {
    let world = six_rules(Options { resync: Duration::from_secs(2), full_resync: Duration::from_secs(2), ..options() }, "full").await;
    let mark = world.aws.mark().await;
    let counts = sweeps(&world, mark, 4).await;
    let names: Vec<_> = counts.keys().map(String::as_str).collect();
    assert_eq!(names, ["events:DescribeEventBus", "events:ListRules", "events:ListTargetsByRule", "sqs:GetQueueAttributes"], "{counts:?}");
    assert!((6..=30).contains(&counts["events:ListTargetsByRule"]), "at most four sweeps, five at their edges, of six rules: {counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_rule_stays_disabled_when_something_else_changes() {
    let world = World::start("disabled").await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "q", managed_queue()).await;
    let spec = merged(rule_spec("b", &["q"]), json!({"state": "Disabled"}));
    world.apply("EventRule", "r", spec.clone()).await;
    world.ready("EventRule", "r").await;
    let mark = world.aws.mark().await;
    world.apply("EventRule", "r", merged(spec, json!({"description": "new"}))).await;
    world.ready("EventRule", "r").await;
    let calls = writes_since(&world, mark).await;
    assert_eq!(calls.iter().map(|call| call.op.as_str()).collect::<Vec<_>>(), ["PutRule"]);
    assert_eq!(world.aws.rule(&aws_name(&world, "b"), &aws_name(&world, "r")).await.unwrap()["State"], "DISABLED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_missing_from_a_paginated_list_is_not_put_again() {
    let world = World::start("missed").await;
    apply_pipeline(&world).await;
    // Another's rule stands before ours in the list, and is deleted between its two pages: what comes next moves up, and is in neither.
    let theirs = json!({"Name": "0-theirs", "EventBusName": aws_name(&world, "b")});
    world.aws.events("PutRule", merged(theirs.clone(), json!({"EventPattern": r#"{"source": ["x"]}"#}))).await;
    let mark = world.aws.mark().await;
    let lists = async || world.aws.journal(mark).await.0.into_iter().filter(|call| call.op == "ListRules").collect::<Vec<_>>();
    let slow = json!({"match": "events.ListRules", "kind": "latency", "ms": 3000, "after": 1, "times": 1});
    world.aws.faults(json!([slow, {"match": "events.ListRules", "kind": "page_size"}])).await;
    let between = async {
        world.aws.until("the first page", async || (!lists().await.is_empty()).then_some(())).await;
        world.aws.events("DeleteRule", theirs).await;
    };
    tokio::join!(reconcile_now(&world, "EventRule", "r"), between);
    assert_eq!(writes_since(&world, mark).await.iter().map(|call| call.op.as_str()).collect::<Vec<_>>(), [""; 0]);
    let asked: Vec<_> = lists().await.into_iter().filter_map(|call| call.request.get("NamePrefix").cloned()).collect();
    assert_eq!(asked, [json!(aws_name(&world, "r"))], "the list missed it, and it was asked for by name");
}
