//! Lints of rules: in status and once as a Warning Event, from the pattern and from the other rules of the cluster; and patterns that
//! AWS never gets.

use serde_json::{Value, json};
use tributary_testkit::{
    Bed, REGION, Replica, World, all_ready, assert_not_ready, aws_name, event_notes, fast_resync, fault_rule, merged, patch_spec,
    reconcile_now, rule_spec, status,
};

/// The warnings in status.
async fn warnings(world: &World, name: &str) -> Vec<String> {
    let object = world.get("EventRule", name).await.unwrap();
    let all = status(&object)["warnings"].as_array().cloned().unwrap_or_default();
    all.iter().map(|warning| warning.as_str().unwrap().to_owned()).collect()
}

/// Waits until the warnings have these ids.
async fn until_ids(world: &World, name: &str, expected: &[&str]) -> Vec<String> {
    let look = || async {
        let all = warnings(world, name).await;
        let ids: Vec<_> = all.iter().map(|warning| warning.rsplit_once('[').unwrap().1.trim_end_matches(']')).collect();
        (ids == expected).then(|| all.clone())
    };
    world.aws.until(&format!("{name} has the warnings {expected:?}"), look).await
}

fn pattern(pattern: Value) -> Value {
    json!({"busRef": {"name": "b"}, "eventPattern": pattern})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lint_is_a_warning_at_once_and_an_event_once_for_each_change() {
    let world = World::with("lints", fast_resync()).await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventRule", "r", pattern(json!({"detailType": ["a"], "detail": {"key": [{"wildcard": "x*"}]}}))).await;
    world.ready("EventRule", "r").await;
    let all = until_ids(&world, "r", &["unknown-field", "wildcard-for-prefix"]).await;
    assert!(all[0].starts_with("spec.eventPattern.detailType: ") && all[0].contains("Rename it to detail-type."), "{all:?}");
    let notes = || async { Some(event_notes(&world, "EventRule", "r", "SpecWarning").await).filter(|notes| notes.len() == 2) };
    let events = world.aws.until("two Warning Events", notes).await;
    assert!(all.iter().all(|warning| events.contains(warning)), "{events:?}");
    // Neither a reconcile nor a change elsewhere repeats them.
    reconcile_now(&world, "EventRule", "r").await;
    patch_spec(&world, "EventRule", "r", json!({"description": "d"})).await;
    world.ready("EventRule", "r").await;
    patch_spec(&world, "EventRule", "r", json!({"eventPattern": {"detailType": null, "detail-type": ["a"], "account": ["12345"]}})).await;
    until_ids(&world, "r", &["impossible-value", "never-matches", "wildcard-for-prefix"]).await;
    let notes = || async { Some(event_notes(&world, "EventRule", "r", "SpecWarning").await).filter(|notes| notes.len() == 4) };
    world.aws.until("one Event more for each new warning", notes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_that_feed_their_own_bus_are_found_through_another_bus() {
    let world = World::with("lint-loop", fast_resync()).await;
    for bus in ["b", "c"] {
        world.apply("EventBus", bus, json!({})).await;
        let arn = format!("arn:aws:events:{REGION}:{}:event-bus/{}", world.aws.account, aws_name(&world, bus));
        world.apply("EventSink", &format!("to-{bus}"), json!({"eventBus": {"existing": {"arn": arn}}})).await;
    }
    let rule =
        |bus: &str, sink: &str| merged(rule_spec(bus, &[sink]), json!({"targets": [{"name": "forward", "sinkRef": {"name": sink}}]}));
    world.apply("EventRule", "there", rule("b", "to-c")).await;
    world.ready("EventRule", "there").await;
    assert_eq!(warnings(&world, "there").await, [""; 0]);
    world.apply("EventRule", "back", rule("c", "to-b")).await;
    world.ready("EventRule", "back").await;
    let back = until_ids(&world, "back", &["feeds-own-bus"]).await;
    assert!(back[0].contains("target forward") && back[0].contains(&format!("event-bus/{}", aws_name(&world, "b"))), "{back:?}");
    until_ids(&world, "there", &["feeds-own-bus"]).await;
    patch_spec(&world, "EventRule", "back", json!({"eventPattern": {"source": ["other"]}})).await;
    until_ids(&world, "back", &[]).await;
    until_ids(&world, "there", &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catch_all_is_reported_where_others_use_the_bus() {
    let world = World::start("lint-all").await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventBus", "shared", json!({"allowedNamespaces": ["other"]})).await;
    let all = json!({"source": [{"exists": true}]});
    world.apply("EventRule", "own", json!({"busRef": {"name": "b"}, "eventPattern": all})).await;
    world.apply("EventRule", "shared", json!({"busRef": {"name": "shared"}, "eventPattern": all})).await;
    all_ready(&world, &[("EventRule", "shared")]).await;
    until_ids(&world, "shared", &["catch-all"]).await;
    world.ready("EventRule", "own").await;
    assert_eq!(warnings(&world, "own").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pattern_that_aws_would_refuse_costs_no_call() {
    let world = World::start("lint-bad").await;
    world.apply("EventBus", "b", json!({})).await;
    world.ready("EventBus", "b").await;
    // What the schema can know is refused by admission.
    for (bad, part) in [
        (json!({"source": "x"}), "spec.eventPattern.source"),
        (json!({"source": []}), "spec.eventPattern.source"),
        (json!({}), "spec.eventPattern"),
        (json!({"detail": {}}), "spec.eventPattern.detail"),
        (json!({"$or": [{"source": ["a"]}]}), "spec.eventPattern.$or"),
        (json!({"source": [{"prefix": "a", "suffix": "b"}]}), "spec.eventPattern.source[0]"),
    ] {
        let error = world.attempt("EventRule", "r", pattern(bad.clone())).await.unwrap_err().to_string();
        assert!(error.contains(part), "{bad}: {error}");
    }
    // The rest is checked before PutRule and CreateArchive.
    let mark = world.aws.mark().await;
    world.apply("EventRule", "r", pattern(json!({"detail": {"n": [{"numeric": [">", 5, "<", 3]}]}}))).await;
    let parts = ["spec.eventPattern.detail.n[0].numeric: Bottom must be less than top. Correct it."];
    assert_not_ready(&world, "EventRule", "r", "InvalidSpec", true, &parts).await;
    let archives = json!([{"name": "good"}, {"name": "bad", "eventPattern": {"source": [{"prefx": "x"}]}}]);
    patch_spec(&world, "EventBus", "b", json!({"archives": archives})).await;
    let parts = ["spec.archives[1].eventPattern.source[0]", "Unrecognized match type prefx. Correct it."];
    assert_not_ready(&world, "EventBus", "b", "InvalidSpec", true, &parts).await;
    let calls = world.aws.calls(mark).await;
    let count = |call: &str| calls.iter().filter(|made| *made == call).count();
    assert_eq!((count("events:PutRule"), count("events:CreateArchive")), (0, 1), "the good archive is created: {calls:?}");
    patch_spec(&world, "EventBus", "b", json!({"archives": [{"name": "good"}, {"name": "bad", "eventPattern": {"source": ["x"]}}]})).await;
    world.ready("EventBus", "b").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_aws_refuses_in_spite_of_the_check_has_its_words_and_counts_as_a_defect() {
    let world = World::empty("lint-defect").await;
    // The real binary, for its log and its metrics.
    let replica = Replica::start(&world, "one", &Bed::get().operator_kubeconfig(), "keys", &[]);
    world.apply("EventBus", "b", json!({})).await;
    world.ready("EventBus", "b").await;
    let reason = "Event pattern is not valid. Reason: stricter than before";
    let fault = fault_rule("events.PutRule", "error", json!({"status": 400, "code": "InvalidEventPatternException", "message": reason}));
    world.aws.faults(json!([fault])).await;
    world.apply("EventRule", "r", rule_spec("b", &[])).await;
    assert_not_ready(&world, "EventRule", "r", "Rejected", true, &["events:PutRule", reason, "Correct spec.eventPattern"]).await;
    let metrics = replica.get("/metrics").await.unwrap().1;
    assert!(metrics.contains(r#"tributary_defects_total{defect="event-pattern"}"#), "{metrics}");
    let line = |line: &&str| line.contains(r#""defect":"event-pattern""#) && line.contains("ERROR") && line.contains(reason);
    let log = replica.log();
    assert!(log.lines().any(|text| line(&text)), "{log}");
    world.aws.faults(json!([])).await;
    world.ready("EventRule", "r").await;
}
