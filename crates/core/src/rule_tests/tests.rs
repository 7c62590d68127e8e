use std::collections::BTreeMap;

use serde_json::{Value, json};

use tributary_api::{ConfigMapKeyRef, RuleTest, TestPolicy};

use super::*;
use crate::{error::Reason, steps::TargetSettings};

fn tests(value: Value) -> Vec<RuleTest> {
    serde_json::from_value(value).unwrap()
}

fn subject(pattern: Value) -> Subject {
    Subject { bus: "b".into(), rule: "r".into(), pattern: Some(pattern), ..Subject::default() }
}

/// What the only test of a rule with this pattern says; empty if it passes.
fn says(subject: &Subject, test: Value) -> String {
    let mut test = test;
    test["name"] = json!("t");
    let outcome = run(&tests(json!([test])), subject, &BTreeMap::new()).remove(0);
    if outcome.result == TestResult::Passed { String::new() } else { outcome.to_string() }
}

#[test]
fn a_test_passes_if_the_pattern_does_what_it_expects() {
    let subject = subject(json!({"source": ["lims"], "detail": {"schema": {"name": ["Plasmid", "Primer"]}}}));
    let event = |name: &str| json!({"source": "lims", "detail": {"schema": {"name": name}}});
    assert_eq!(says(&subject, json!({"event": event("Plasmid"), "expect": "Match"})), "");
    assert_eq!(says(&subject, json!({"event": event("Oligo"), "expect": "NoMatch"})), "");
    assert_eq!(
        says(&subject, json!({"event": event("Oligo"), "expect": "Match"})),
        r#"spec.tests[0] "t": detail.schema.name: expected ["Plasmid","Primer"], got "Oligo""#
    );
    assert_eq!(
        says(&subject, json!({"event": event("Plasmid"), "expect": "NoMatch"})),
        r#"spec.tests[0] "t": expected NoMatch, got Match"#
    );
    assert!(says(&subject, json!({"event": {"source": "lims"}, "expect": "Match"})).ends_with("got no value"));
}

#[test]
fn of_several_alternatives_the_closest_is_shown() {
    let subject = subject(json!({"$or": [{"source": ["a"], "detail": {"x": [1], "y": [1]}}, {"source": ["b"], "detail": {"x": [2]}}]}));
    assert!(
        says(&subject, json!({"event": {"source": "b", "detail": {"x": 3}}, "expect": "Match"})).contains("detail.x: expected [2], got 3")
    );
}

#[test]
fn values_of_different_array_elements_are_explained() {
    let subject = subject(json!({"detail": {"items": {"kind": ["a"], "size": [2]}}}));
    let event = json!({"detail": {"items": [{"kind": "a", "size": 1}, {"kind": "b", "size": 2}]}});
    assert!(says(&subject, json!({"event": event, "expect": "Match"})).contains("in one element of an array, got in different elements"));
}

#[test]
fn missing_fields_of_the_envelope_are_filled_in() {
    let mut subject =
        subject(json!({"source": ["aws.partner/benchling.com/acme/lims"], "account": [TEST_ACCOUNT], "region": [TEST_REGION],
        "time": [TEST_TIME], "version": ["0"], "detail-type": ["v2.entity.registered"], "id": [{"exists": true}]}));
    subject.source = Some("aws.partner/benchling.com/acme/lims".into());
    assert_eq!(says(&subject, json!({"event": {"detail": {"eventType": "v2.entity.registered"}}, "expect": "Match"})), "");
    assert!(
        says(&subject, json!({"event": {}, "expect": "Match"})).contains(r#"detail-type: expected ["v2.entity.registered"], got "Test""#)
    );
    let event = complete(serde_json::Map::new(), &Subject::default());
    assert_eq!((&event["source"], &event["resources"], &event["detail"]), (&json!("tributary.test"), &json!([]), &json!({})));
    let own = json!({"source": "mine", "account": "111122223333", "detail": 1});
    let event = complete(own.as_object().unwrap().clone(), &subject);
    assert_eq!((&event["source"], &event["account"], &event["detail"]), (&own["source"], &own["account"], &own["detail"]), "kept");
}

#[test]
fn a_schedule_matches_its_own_events_only() {
    let input = TargetSettings { id: "q".into(), input: Some(json!({"job": 1})), ..TargetSettings::default() };
    let mut subject = Subject { bus: "default".into(), rule: "r".into(), is_scheduled: true, targets: vec![input], ..Subject::default() };
    let expected = |json: Value| json!({"event": {}, "expect": "Match", "inputs": [{"target": "q", "json": json}]});
    assert_eq!(says(&subject, expected(json!({"job": 1}))), "");
    assert!(says(&subject, expected(json!({"job": 2}))).ends_with("input of target q: $.job: expected 2, got 1"));
    assert!(
        says(&subject, json!({"event": {"source": "x"}, "expect": "Match"}))
            .contains("expected an event of the schedule, got source \"x\"")
    );
    let event = complete(serde_json::Map::new(), &subject);
    assert_eq!(event["resources"], json!(["arn:aws:events:us-east-1:123456789012:rule/r"]));
    subject.pattern = Some(json!({"source": ["x"]}));
    assert_eq!(says(&subject, json!({"event": {"source": "x"}, "expect": "Match"})), "", "the pattern counts too");
    assert_eq!(says(&subject, json!({"event": {"source": "aws.events", "detail-type": "Scheduled Event"}, "expect": "Match"})), "");
}

#[test]
fn the_first_difference_of_an_input_is_short() {
    let target = |input: Value| TargetSettings { id: "q".into(), input: Some(input), ..TargetSettings::default() };
    let of = |input: Value, expected: Value| {
        let subject = Subject { targets: vec![target(input)], ..subject(json!({"source": ["a"]})) };
        let mut wanted = expected;
        wanted["target"] = json!("q");
        let text = says(&subject, json!({"event": {"source": "a"}, "expect": "Match", "inputs": [wanted]}));
        text.split_once("target q: ").map_or(text.clone(), |(_, rest)| rest.to_owned())
    };
    let input = json!({"a": [1, {"b": "x"}], "n": 1});
    assert_eq!(of(input.clone(), json!({"json": {"n": 1.0, "a": [1, {"b": "x"}]}})), "", "order and form of numbers do not matter");
    assert_eq!(of(input.clone(), json!({"json": {"a": [1, {"b": "y"}], "n": 1}})), r#"$.a[1].b: expected "y", got "x""#);
    assert_eq!(of(input.clone(), json!({"json": {"a": [1], "n": 1}})), r#"$.a[1]: expected no value, got {"b":"x"}"#);
    assert_eq!(of(input.clone(), json!({"json": {"a": [1, {"b": "x"}]}})), "$.n: expected no value, got 1");
    assert_eq!(of(input.clone(), json!({"text": r#"{"a":[1,{"b":"x"}],"n":1}"#})), "");
    assert_eq!(of(json!({}), json!({"text": "{ }"})), r#"expected "{ }", got "{}""#);
    let long = of(json!({"a": "x".repeat(5_000)}), json!({"json": {"a": "y".repeat(5_000)}}));
    assert!(long.len() < 500 && long.contains("..."), "{long}");
    let long = of(json!({"a": "x".repeat(5_000)}), json!({"text": format!("{{\"a\":\"{}y\"}}", "x".repeat(4_999))}));
    assert!(long.len() < 700 && long.starts_with("from character 4956: "), "{long}");
}

#[test]
fn a_test_that_cannot_be_evaluated_states_cause_and_next_step() {
    let subject = subject(json!({"source": ["a"]}));
    let of_map = |name: &str| json!({"eventFrom": {"configMapKeyRef": {"name": name, "key": "k"}}, "expect": "Match"});
    let values: ConfigMapValues = [
        ("good", Ok(r#"{"source": "a"}"#.to_owned())),
        ("list", Ok("[]".to_owned())),
        ("broken", Ok("{\n \"source\" }".to_owned())),
        ("hidden", Err("the operator has no permission to read ConfigMaps.".to_owned())),
    ]
    .into_iter()
    .map(|(name, value)| (ConfigMapKeyRef { name: name.into(), key: "k".into() }, value))
    .collect();
    for (mut test, part) in [
        (of_map("good"), ""),
        (of_map("none"), "ConfigMap none not found, or it has no key k. Create it or correct the reference."),
        (of_map("list"), "key k of ConfigMap list is not a JSON object. Correct it."),
        (of_map("broken"), "is not JSON: expected `:` at line 2 column 11. Correct it."),
        (of_map("hidden"), "ConfigMap hidden: the operator has no permission"),
        (json!({"sample": "no.such.type", "expect": "Match"}), r#"sample: unknown type "no.such.type""#),
        (json!({"expect": "Match"}), "set exactly one of event, eventFrom, and sample."),
        (json!({"event": {}, "sample": "x", "expect": "Match"}), "set exactly one of"),
        (
            json!({"event": {"source": "a"}, "expect": "Match", "inputs": [{"target": "no", "text": ""}]}),
            r#"inputs[0].target: no target "no""#,
        ),
        (json!({"event": {}, "expect": "NoMatch", "inputs": [{"target": "no", "text": ""}]}), "Remove inputs."),
    ] {
        test["name"] = json!("t");
        let outcomes = run(&tests(json!([test])), &subject, &values);
        let failure = failure(&outcomes, TestPolicy::Enforce);
        assert_eq!(failure.is_some(), !part.is_empty(), "{outcomes:?}");
        if let Some(failure) = failure {
            assert!(failure.reason == Reason::TestInvalid && failure.message.contains(part), "{failure:?}");
        }
    }
}

#[test]
fn the_summary_counts_and_says_what_happened_to_the_rule() {
    let all = tests(json!([
        {"name": "unknown", "sample": "no.such.type", "expect": "Match"},
        {"name": "other", "event": {"source": "b"}, "expect": "Match"},
        {"name": "good", "event": {"source": "a"}, "expect": "Match"},
    ]));
    let outcomes = run(&all, &subject(json!({"source": ["a"]})), &BTreeMap::new());
    let enforced = failure(&outcomes, TestPolicy::Enforce).unwrap();
    assert_eq!(enforced.reason, Reason::TestFailed, "a failure is more than a test that cannot be evaluated");
    assert_eq!(
        enforced.message,
        r#"2 of 3 tests did not pass: spec.tests[1] "other": source: expected ["a"], got "b". The rule in AWS was not changed. Correct the rule or the test."#
    );
    assert!(failure(&outcomes, TestPolicy::Warn).unwrap().message.contains("was changed nevertheless, because spec.testPolicy is Warn."));
    assert_eq!(failure(&outcomes[2..], TestPolicy::Enforce), None);
}

#[test]
fn a_transformed_input_is_what_the_target_gets() {
    let paths = BTreeMap::from([("name".to_owned(), "$.detail.name".to_owned())]);
    let template = r#"{"name": <name>, "rule": <aws.events.rule-arn>, "at": "<aws.events.event.ingestion-time>"}"#.to_owned();
    let transformed = TargetSettings { id: "q".into(), transformer: Some((paths, template)), ..TargetSettings::default() };
    let part = TargetSettings { id: "p".into(), input_path: Some("$.detail".into()), ..TargetSettings::default() };
    let whole = TargetSettings { id: "w".into(), ..TargetSettings::default() };
    let subject = Subject { targets: vec![transformed, part, whole], ..subject(json!({"source": ["a"]})) };
    let of = |name: Value, inputs: Value| {
        says(&subject, json!({"event": {"source": "a", "detail": {"name": name}}, "expect": "Match", "inputs": inputs}))
    };
    let arn = "arn:aws:events:us-east-1:123456789012:rule/b/r";
    let inputs = json!([
        {"target": "q", "json": {"name": "x", "rule": arn, "at": TEST_TIME}},
        {"target": "p", "json": {"name": "x"}},
        {"target": "w", "json": complete(json!({"source": "a", "detail": {"name": "x"}}).as_object().unwrap().clone(), &subject)},
    ]);
    assert_eq!(of(json!("x"), inputs.clone()), "");
    assert!(of(json!("y"), inputs).ends_with(r#"input of target q: $.name: expected "x", got "y""#));
    let quoted = TargetSettings {
        id: "q".into(),
        transformer: Some((BTreeMap::from([("all".to_owned(), "$.detail".to_owned())]), r#"{"text": "is <all>"}"#.to_owned())),
        ..TargetSettings::default()
    };
    let subject = Subject { targets: vec![quoted], ..super::tests::subject(json!({"source": ["a"]})) };
    let text =
        says(&subject, json!({"event": {"source": "a", "detail": {"a": "b"}}, "expect": "Match", "inputs": [{"target": "q", "text": ""}]}));
    assert!(text.contains("expected an input, got none: ") && text.contains("never deliver"), "{text}");
}

#[test]
fn a_sample_is_of_the_bus_of_the_rule() {
    let event = json!({"sample": "v2.entity.registered", "expect": "Match"});
    let pattern = |source: &str| Subject {
        source: Some(source.into()),
        ..subject(json!({"source": [source], "detail-type": ["v2.entity.registered"]}))
    };
    assert_eq!(says(&pattern("aws.partner/benchling.com/own/app"), event.clone()), "");
    let mut app = pattern("benchling.webhook/ns/app/test");
    assert_eq!(says(&app, event.clone()), "");
    app.pattern = Some(json!({"detail": {"message": {"type": [{"exists": true}]}}}));
    assert_eq!(says(&app, event), "", "a rule of an app gets the webhook");
    let s3 = json!({"sample": "aws.s3/Object Created", "expect": "Match"});
    assert_eq!(
        says(&Subject { source: Some("x".into()), ..subject(json!({"source": ["aws.s3"]})) }, s3),
        "",
        "AWS events keep their source"
    );
    let unknown = says(&subject(json!({"source": ["a"]})), json!({"sample": "v2.entity.registred", "expect": "Match"}));
    assert!(unknown.contains("Did you mean v2.entity.registered?"), "{unknown}");
}
