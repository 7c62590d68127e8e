//! `tributary import terraform` and `tributary import kubernetes`.

use serde_json::{Value, json};

use crate::{
    Folder,
    import::{fixture, import, objects},
};

#[test]
fn a_state_of_terraform_becomes_manifests() {
    let folder = fixture("terraform-module");
    let (code, out, err) = import(&folder, &["terraform", "state.json"]);
    assert_eq!(code, 0, "{err}");
    let all = objects(&out);
    let rule = all.iter().find(|object| object["kind"] == "EventRule").unwrap();
    let dead = json!({"sinkRef": {"name": "brave-cat-dlq"}});
    let targets = json!([
        {"name": "send-orders-to-sqs", "sinkRef": {"name": "brave-cat-queue"}, "deadLetter": dead},
        {
            "name": "send-orders-to-kinesis", "sinkRef": {"name": "brave-cat"}, "deadLetter": dead,
            "retry": {"maximumEventAgeSeconds": 3600, "maximumRetryAttempts": 10},
            "inputTransformer": {"inputPathsMap": {"order_id": "$.detail.order_id"}, "inputTemplate": "{\"id\": <order_id>}"},
        },
        {"name": "log-orders-to-cloudwatch", "sinkRef": {"name": "aws-events-brave-cat"}},
    ]);
    let expected = json!({
        "name": "orders-rule", "busRef": {"name": "brave-cat-bus"}, "description": "Capture all order data", "state": "Disabled",
        "eventPattern": {"source": ["myapp.orders"]}, "tags": {"Name": "orders-rule", "team": "orders"}, "targets": targets,
    });
    assert_eq!(rule["spec"], expected, "{out}");
    let stream = all.iter().find(|object| object["metadata"]["name"] == "brave-cat").unwrap();
    assert_eq!(stream["spec"]["roleArn"], "arn:aws:iam::111122223333:role/brave-cat-bus");
    assert_eq!(stream["spec"]["kinesis"]["partitionKeyPath"], "$.detail.order_id");
}

/// In a plan, what is known only after it is applied is missing.
#[test]
fn a_plan_is_completed_from_the_state_before_it() {
    let rule = |arn: Value| {
        json!({"address": "aws_cloudwatch_event_rule.a", "mode": "managed", "type": "aws_cloudwatch_event_rule",
        "values": {"name": "a", "event_bus_name": "default", "event_pattern": "{\"source\":[\"a\"]}", "arn": arn}})
    };
    let target = |arn: Option<&str>, address: &str| {
        let mut values = json!({"rule": "a", "target_id": "t"});
        if let Some(arn) = arn {
            values["arn"] = json!(arn);
        }
        json!({"address": address, "mode": "managed", "type": "aws_cloudwatch_event_target", "values": values})
    };
    let document = |target_before: Value| {
        let planned = json!({"root_module": {"resources": [rule(Value::Null), target(None, "aws_cloudwatch_event_target.a")]}});
        let prior = json!({"values": {"root_module": {"resources": [target_before]}}});
        json!({"format_version": "1.2", "planned_values": planned, "prior_state": prior}).to_string()
    };
    let queue = Some("arn:aws:sqs:eu-west-1:111122223333:q");
    let folder = Folder::new(&[
        ("known.json", &document(target(queue, "aws_cloudwatch_event_target.a"))),
        ("unknown.json", &document(target(queue, "aws_cloudwatch_event_target.other"))),
    ]);
    let (_, out, err) = import(&folder, &["terraform", "known.json"]);
    assert!(objects(&out).len() == 3 && out.contains("arn: arn:aws:sqs:eu-west-1:111122223333:q"), "{out}{err}");
    let (code, out, err) = import(&folder, &["terraform", "unknown.json"]);
    assert!(code == 0 && out.is_empty() && err.contains("a target has no Arn"), "{out}{err}");
}

#[test]
fn no_secret_of_a_state_is_printed() {
    let connection = json!({"address": "aws_cloudwatch_event_connection.c", "mode": "managed", "type": "aws_cloudwatch_event_connection", "values": {
        "name": "c", "auth_parameters": [{"api_key": [{"key": "x", "value": "canary-7Qm2"}]}]}});
    let state = json!({"format_version": "1.0", "values": {"root_module": {"resources": [connection]}}}).to_string();
    let folder = Folder::new(&[("state.json", &state)]);
    let (code, out, err) = import(&folder, &["terraform", "state.json"]);
    assert!(code == 0 && err.contains("aws_cloudwatch_event_connection.c: the connection and its secret stay in AWS"), "{err}");
    assert!(!format!("{out}{err}").contains("canary-7Qm2"));
}

#[test]
fn bad_state_has_its_place() {
    let folder = Folder::new(&[("broken.json", "{\n  \"a\": ]\n"), ("other.json", "{\"a\": 1}")]);
    let (code, out, err) = import(&folder, &["terraform", "broken.json"]);
    assert!(code == 1 && out.is_empty() && err.contains("broken.json:2:8: not JSON"), "{err}");
    let (code, _, err) = import(&folder, &["terraform", "other.json"]);
    assert!(code == 1 && err.contains("other.json: neither a state nor a plan. Save the output of `terraform show -json`."), "{err}");
}

#[test]
fn objects_of_ack_and_crossplane_become_manifests() {
    for (name, bus, targets) in [
        ("ack", "demo-bus", json!([{"name": "inbox", "sinkRef": {"name": "demo-inbox"}, "retry": {"maximumRetryAttempts": 0}}])),
        (
            "crossplane",
            "shop-bus",
            json!([{"name": "inbox", "sinkRef": {"name": "shop-inbox"},
                "inputTransformer": {"inputPathsMap": {"orderId": "$.detail.id"}, "inputTemplate": "{\"order\": <orderId>}"}}]),
        ),
    ] {
        let folder = fixture(name);
        let (code, out, err) = import(&folder, &["kubernetes", "objects.yaml", "--account", "prod"]);
        assert_eq!(code, 0, "{err}");
        let all = objects(&out);
        let rule = all.iter().find(|object| object["kind"] == "EventRule").unwrap_or_else(|| panic!("{out}{err}"));
        assert_eq!((&rule["spec"]["targets"], &rule["spec"]["busRef"]["name"]), (&targets, &json!(bus)), "{out}");
        let sink = &all[0]["spec"];
        assert_eq!((&sink["region"], &sink["accountRef"]), (&json!("eu-west-1"), &json!({"name": "prod"})));
    }
}

#[test]
fn a_reference_that_is_not_in_the_input_is_a_reason() {
    let object = "apiVersion: eventbridge.services.k8s.aws/v1alpha1\nkind: Rule\nmetadata: {name: r}\nspec: {name: r, eventPattern: '{}', eventBusRef: {from: {name: nowhere}}}\n";
    let target = "---\napiVersion: cloudwatchevents.aws.upbound.io/v1beta1\nkind: Target\nmetadata: {name: t}\nspec: {forProvider: {targetId: t, arn: a, ruleRef: {name: nowhere}}}\n";
    let folder = Folder::new(&[
        ("objects.yaml", &format!("{object}{target}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\n")),
        ("broken.yaml", "a: [\n"),
    ]);
    let (code, out, err) = import(&folder, &["kubernetes", "objects.yaml"]);
    assert!(code == 0 && out.is_empty(), "{out}{err}");
    for expected in [
        "objects.yaml:1:1: Rule.eventbridge.services.k8s.aws r: spec.eventBusRef: EventBus nowhere is not in the input. Add it.",
        "objects.yaml:6:1: Target.cloudwatchevents.aws.upbound.io t: spec.forProvider.ruleRef: nowhere is not in the input",
        "ConfigMap.v1 c: it is no object of ACK or of Crossplane.",
    ] {
        assert!(err.contains(expected), "{expected}\n{err}");
    }
    let (code, _, err) = import(&folder, &["kubernetes", "broken.yaml"]);
    assert!(code == 1 && err.contains("broken.yaml:") && err.contains("not YAML"), "{err}");
}
