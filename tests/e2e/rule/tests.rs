//! `spec.tests` of a rule: a failed test keeps the rule in AWS as it was, and is evaluated without AWS.

use kube::api::DynamicObject;
use serde_json::{Value, json};
use tributary_testkit::{
    SOURCE, World, all_ready, apply_pipeline, assert_not_ready, aws_name, condition, event_notes, fault_rule, managed_queue, merged,
    options, patch_spec, product::Options, reconcile_now, rule_spec, status,
};

/// Operations that read or write a rule by its name.
const OF_RULES: [&str; 9] = [
    "events:PutRule",
    "events:PutTargets",
    "events:RemoveTargets",
    "events:DeleteRule",
    "events:DescribeRule",
    "events:ListTargetsByRule",
    "events:TagResource",
    "events:UntagResource",
    "events:ListTagsForResource",
];

async fn calls_of_rules(world: &World, mark: u64) -> Vec<String> {
    world.aws.calls(mark).await.into_iter().filter(|call| OF_RULES.contains(&call.as_str())).collect()
}

/// One test, of an event with this source.
fn test(source: &str, expect: &str) -> Value {
    json!({"tests": [{"name": "by source", "event": {"source": source}, "expect": expect}]})
}

async fn pattern_in_aws(world: &World, name: &str) -> Value {
    let rule = world.aws.rule("b", &aws_name(world, name)).await.unwrap();
    serde_json::from_str(rule["EventPattern"].as_str().unwrap()).unwrap()
}

fn tests_passed(object: &DynamicObject) -> (String, String, String) {
    condition(object, "TestsPassed").unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_rule_with_a_failed_test_is_not_created() {
    let world = World::start("tests-create").await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "q", managed_queue()).await;
    all_ready(&world, &[("EventBus", "b"), ("EventSink", "q")]).await;
    let mark = world.aws.mark().await;
    world.apply("EventRule", "r", merged(rule_spec("b", &["q"]), test("other", "Match"))).await;
    let parts = [r#"spec.tests[0] "by source": source: expected ["test"], got "other""#, "The rule in AWS was not changed."];
    assert_not_ready(&world, "EventRule", "r", "TestFailed", true, &parts).await;
    let object = world.get("EventRule", "r").await.unwrap();
    let (passed, reason, _) = tests_passed(&object);
    assert_eq!((passed.as_str(), reason.as_str()), ("False", "TestFailed"));
    assert_eq!((object.metadata.finalizers.as_deref().unwrap_or_default(), &status(&object)["identity"]), (&[][..], &Value::Null));
    world.annotate("EventRule", "r", "tributary.dev/reconcile-at", Some("again")).await;
    world.apply("EventRule", "other", merged(rule_spec("b", &["q"]), test("other", "Match"))).await;
    world.not_ready("EventRule", "other", "TestFailed").await;
    world.delete("EventRule", "other").await;
    world.gone("EventRule", "other").await;
    assert_eq!(calls_of_rules(&world, mark).await, [""; 0], "no call for a rule whose test fails");
    // The test was wrong.
    patch_spec(&world, "EventRule", "r", test("other", "NoMatch")).await;
    world.ready("EventRule", "r").await;
    assert_eq!(tests_passed(&world.get("EventRule", "r").await.unwrap()).0, "True");
    assert_eq!(pattern_in_aws(&world, "r").await, json!({"source": [SOURCE]}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_with_a_failed_test_keeps_the_rule_as_it_was() {
    let world = World::start("tests-update").await;
    apply_pipeline(&world).await;
    patch_spec(&world, "EventRule", "r", test(SOURCE, "Match")).await;
    let passed = |object: Option<&DynamicObject>| object.filter(|object| tests_passed(object).0 == "True").map(drop);
    world.wait("EventRule", "r", "its tests pass", passed).await;
    world.ready("EventRule", "r").await;
    let bus = format!("{}-b", world.namespace);
    let rule = async || world.aws.rule(&bus, &aws_name(&world, "r")).await.unwrap()["EventPattern"].as_str().unwrap().to_owned();
    let (before, mark) = (rule().await, world.aws.mark().await);
    patch_spec(&world, "EventRule", "r", json!({"eventPattern": {"source": ["tset"]}})).await;
    assert_not_ready(&world, "EventRule", "r", "TestFailed", true, &[r#"source: expected ["tset"], got "test""#]).await;
    assert_eq!(calls_of_rules(&world, mark).await, [""; 0], "no call for a rule whose test fails");
    assert_eq!(rule().await, before);
    // The sink reads whether the rule still sends to it, and keeps its permission.
    patch_spec(&world, "EventRule", "r", json!({"targets": []})).await;
    world.not_ready("EventRule", "r", "TestFailed").await;
    assert_eq!(world.aws.targets(&bus, &aws_name(&world, "r")).await.len(), 1, "and its target");
    // Undone: AWS has it already.
    patch_spec(&world, "EventRule", "r", json!({"eventPattern": {"source": [SOURCE]}, "targets": rule_spec("b", &["q"])["targets"]})).await;
    world.ready("EventRule", "r").await;
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
    // Released, with a test that goes with it.
    patch_spec(&world, "EventRule", "r", json!({"eventPattern": {"source": ["new"]}})).await;
    world.not_ready("EventRule", "r", "TestFailed").await;
    patch_spec(&world, "EventRule", "r", test("new", "Match")).await;
    world.ready("EventRule", "r").await;
    assert_eq!(rule().await, r#"{"source":["new"]}"#);
    // A deletion does not depend on tests.
    patch_spec(&world, "EventRule", "r", test("none", "Match")).await;
    world.not_ready("EventRule", "r", "TestFailed").await;
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    assert_eq!(world.aws.rule(&bus, &aws_name(&world, "r")).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_policy_warn_a_failed_test_is_reported_and_holds_nothing_back() {
    let world = World::start("tests-warn").await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "q", managed_queue()).await;
    let spec = merged(merged(rule_spec("b", &["q"]), test("other", "Match")), json!({"testPolicy": "Warn"}));
    world.apply("EventRule", "r", spec).await;
    let object = world.ready("EventRule", "r").await;
    let (passed, reason, message) = tests_passed(&object);
    assert_eq!((passed.as_str(), reason.as_str()), ("False", "TestFailed"));
    assert!(message.contains("because spec.testPolicy is Warn"), "{message}");
    assert_eq!(pattern_in_aws(&world, "r").await, json!({"source": [SOURCE]}));
    world.aws.until("a Warning Event", async || event_notes(&world, "EventRule", "r", "TestFailed").await.pop()).await;
    reconcile_now(&world, "EventRule", "r").await;
    assert_eq!(event_notes(&world, "EventRule", "r", "TestFailed").await, [message], "once");
    patch_spec(&world, "EventRule", "r", json!({"tests": null})).await;
    let gone = |object: Option<&DynamicObject>| {
        let conditions = status(object?)["conditions"].as_array()?;
        conditions.iter().all(|condition| condition["type"] != "TestsPassed").then_some(())
    };
    world.wait("EventRule", "r", "the condition goes with the tests", gone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_of_a_config_map_is_followed() {
    let world = World::start("tests-map").await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "q", managed_queue()).await;
    let config_map = async |event: &str| {
        world.apply_in(Some(&world.namespace), "v1", "ConfigMap", "events", json!({"data": {"one.json": event}})).await;
    };
    let from = json!({"configMapKeyRef": {"name": "events", "key": "one.json"}});
    let tests = json!({"tests": [{"name": "recorded", "eventFrom": from, "expect": "Match"}]});
    world.apply("EventRule", "r", merged(rule_spec("b", &["q"]), tests)).await;
    let said = assert_not_ready(&world, "EventRule", "r", "TestInvalid", false, &["ConfigMap events not found"]).await;
    assert!(said.contains("spec.tests[0] \"recorded\": eventFrom.configMapKeyRef"), "{said}");
    let mark = world.aws.mark().await;
    // Nothing of the rule changes from here on.
    config_map(r#"{"source": "test"}"#).await;
    world.ready("EventRule", "r").await;
    assert!(calls_of_rules(&world, mark).await.contains(&"events:PutRule".to_owned()));
    let mark = world.aws.mark().await;
    config_map(r#"{"source": "other"}"#).await;
    world.not_ready("EventRule", "r", "TestFailed").await;
    config_map("{").await;
    assert!(world.not_ready("EventRule", "r", "TestInvalid").await.contains("key one.json of ConfigMap events is not JSON: EOF"));
    config_map(r#"{"source": "test"}"#).await;
    world.ready("EventRule", "r").await;
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn config_maps_are_read_only_where_the_operator_may() {
    let world = World::with("tests-map-consent", Options { arn_from: vec![], ..options() }).await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply_in(Some(&world.namespace), "v1", "ConfigMap", "events", json!({"data": {"k": r#"{"source": "test"}"#}})).await;
    let from = json!({"configMapKeyRef": {"name": "events", "key": "k"}});
    let tests = json!({"tests": [{"name": "t", "eventFrom": from, "expect": "Match"}]});
    world.apply("EventRule", "r", merged(rule_spec("b", &[]), tests)).await;
    assert!(world.not_ready("EventRule", "r", "TestInvalid").await.contains("to the chart's value arnFrom.allowed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shorthands_apps_and_schedules_are_tested_by_what_aws_gets() {
    let world = World::start("tests-kinds").await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventBus", "d", json!({"name": "default"})).await;
    let app = json!({"tenants": ["acme"], "appDefinitionId": "appdef_tests", "busRef": {"name": "b"}});
    world.apply("BenchlingApp", "app", app).await;
    let sample = |name: &str, type_: &str, expect: &str| json!({"name": name, "sample": type_, "expect": expect});
    let shorthand = json!({"eventTypes": ["v2.entity.registered"]});
    let transformer = json!({"inputPathsMap": {"type": "$.detail-type"}, "inputTemplate": "{\"type\": <type>}"});
    let wanted = |json: Value| json!([{"target": "q", "json": json}]);
    let mut matching = sample("registered", "v2.entity.registered", "Match");
    matching["inputs"] = wanted(json!({"type": "v2.entity.registered"}));
    let target = json!([{"name": "q", "sinkRef": {"name": "q"}, "inputTransformer": transformer}]);
    let tests = json!([matching, sample("requests", "v2.request.created", "NoMatch")]);
    world.apply("EventRule", "short", json!({"busRef": {"name": "b"}, "benchling": shorthand, "targets": target, "tests": tests})).await;
    let of_app = json!({"kind": "BenchlingApp", "name": "app"});
    let other = json!({"name": "another sender", "event": {"source": "x", "detail-type": "v2.entity.registered"}, "expect": "NoMatch"});
    let tests = json!([sample("webhook", "v2.entity.registered", "Match"), other]);
    world.apply("EventRule", "webhooks", json!({"busRef": of_app, "benchling": shorthand, "tests": tests})).await;
    let target = json!([{"name": "q", "sinkRef": {"name": "q"}, "input": {"job": "nightly"}}]);
    let tests = json!([{"name": "nightly", "event": {}, "expect": "Match", "inputs": wanted(json!({"job": "daily"}))}]);
    world
        .apply("EventRule", "nightly", json!({"busRef": {"name": "d"}, "schedule": "rate(1 day)", "targets": target, "tests": tests}))
        .await;
    let said = world.not_ready("EventRule", "nightly", "TestFailed").await;
    assert!(said.contains(r#"input of target q: $.job: expected "daily", got "nightly""#), "before its sink exists: {said}");
    world.apply("EventSink", "q", managed_queue()).await;
    patch_spec(
        &world,
        "EventRule",
        "nightly",
        json!({"tests": [{"name": "nightly", "sample": "aws.events/Scheduled Event", "expect": "Match"}]}),
    )
    .await;
    all_ready(&world, &[("EventRule", "short"), ("EventRule", "webhooks"), ("EventRule", "nightly")]).await;
    // A change of the template alone is tested too.
    let target = json!([{"name": "q", "sinkRef": {"name": "q"}, "inputTransformer": {"inputPathsMap": {"type": "$.detail.type"}, "inputTemplate": "{\"type\": <type>}"}}]);
    patch_spec(&world, "EventRule", "short", json!({"targets": target})).await;
    let said = world.not_ready("EventRule", "short", "TestFailed").await;
    assert!(said.contains("input of target q: $.type: expected \"v2.entity.registered\""), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_aws_answers_does_not_change_the_result_of_the_tests() {
    let world = World::start("tests-denied").await;
    apply_pipeline(&world).await;
    patch_spec(&world, "EventRule", "r", test(SOURCE, "Match")).await;
    world.ready("EventRule", "r").await;
    let denied = json!({"status": 400, "code": "AccessDeniedException", "message": "no", "times": 50});
    world.aws.faults(json!([fault_rule("events.ListRules", "error", denied)])).await;
    world.annotate("EventRule", "r", "tributary.dev/reconcile-at", Some("now")).await;
    world.not_ready("EventRule", "r", "AccessDenied").await;
    assert_eq!(tests_passed(&world.get("EventRule", "r").await.unwrap()).0, "True");
    world.annotate("EventRule", "r", "tributary.dev/paused", Some("true")).await;
    let unknown = |object: Option<&DynamicObject>| object.filter(|object| tests_passed(object).0 == "Unknown").map(drop);
    world.wait("EventRule", "r", "paused: not evaluated", unknown).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admission_validates_tests() {
    let world = World::empty("tests-admission").await;
    let event = json!({"source": "x"});
    let input = |input: Value| json!({"name": "t", "event": event, "expect": "Match", "inputs": [input]});
    let duplicate = json!({"name": "t", "event": event, "expect": "Match"});
    for (tests, says) in [
        (json!([{"name": "t", "expect": "Match"}]), "exactly one of event, eventFrom, and sample"),
        (json!([{"name": "t", "event": event, "sample": "x", "expect": "Match"}]), "exactly one of event, eventFrom, and sample"),
        (json!([{"name": "t", "event": event}]), "expect: Required"),
        (json!([{"name": "t", "event": event, "expect": "match"}]), "supported values"),
        (json!([{"name": "", "event": event, "expect": "Match"}]), "name"),
        (json!([duplicate, duplicate]), "uplicate"),
        (json!([merged(input(json!({"target": "q", "text": ""})), json!({"expect": "NoMatch"}))]), "requires expect: Match"),
        (json!([input(json!({"target": "no", "text": ""}))]), "must be the name of a target in spec.targets"),
        (json!([input(json!({"target": "q"}))]), "oneOf"),
        (json!([input(json!({"target": "q", "text": "", "json": 1}))]), "oneOf"),
        (json!([{"name": "t", "eventFrom": {"configMapKeyRef": {"name": "../x", "key": "k"}}, "expect": "Match"}]), "configMapKeyRef.name"),
    ] {
        let error = world.attempt("EventRule", "r", merged(rule_spec("b", &["q"]), json!({"tests": tests}))).await.unwrap_err().to_string();
        assert!(error.contains(says), "{tests}: {error}");
    }
    for json in [json!(1), json!("text"), json!([1]), json!({"a": {"b": 1}}), json!(true)] {
        let kept = world.attempt(
            "EventRule",
            "r",
            merged(rule_spec("b", &["q"]), json!({"tests": [input(json!({"target": "q", "json": json}))]})),
        );
        assert_eq!(kept.await.unwrap().data["spec"]["tests"][0]["inputs"][0]["json"], json);
    }
}
