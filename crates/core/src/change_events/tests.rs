//! Tests of change events: each call that the operator makes, and calls that only others make, by a table of records.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use k8s_openapi::jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use tributary_api::{EventBus, EventRule, EventSink};

use super::*;
use crate::{
    destinations::logs::policy_name,
    iam_policy::{Asked, actions},
    names::Arn,
    objects::{Objects, fixed},
    settings::Settings,
    view::View,
};

const ACCOUNT: &str = "111122223333";

/// Writes of data, which change no resource. CloudTrail records most of them as data events, which no rule receives by default
/// (docs/aws-facts.md, CT8).
const DATA: [&str; 8] = [
    "events:PutEvents",
    "lambda:InvokeFunction",
    "sns:Publish",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
    "states:StartExecution",
];

#[derive(Deserialize)]
struct Row {
    call: String,
    request: Value,
    #[serde(default)]
    response: Value,
    /// Name of the call in the record, where it has a version.
    recorded: Option<String>,
    changed: BTreeSet<String>,
}

fn rows() -> Vec<Row> {
    include_str!("calls.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn record(service: &str, name: &str, request: &Value, more: &Value) -> Value {
    let region = if service == "iam" { "us-east-1" } else { "eu-west-1" };
    let mut event = json!({
        "detail-type": "AWS API Call via CloudTrail", "source": format!("aws.{service}"), "account": ACCOUNT,
        "detail": {
            "eventTime": "2026-11-29T23:31:58Z", "eventSource": format!("{service}.amazonaws.com"), "eventName": name, "awsRegion": region,
            "userIdentity": {"type": "IAMUser", "arn": format!("arn:aws:iam::{ACCOUNT}:user/alice")}, "userAgent": "aws-cli/2.24.0",
            "requestID": "r-1", "requestParameters": request, "readOnly": false, "managementEvent": true,
        },
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        event["detail"][key] = value.clone();
    }
    event
}

fn parsed(service: &str, name: &str, request: &Value, more: &Value) -> RecordedCall {
    RecordedCall::parse(&record(service, name, request, more).to_string()).unwrap()
}

#[test]
fn each_call_changes_its_resources() {
    for Row { call, request, response, recorded, changed: expected } in rows() {
        let (service, name) = call.split_once(':').unwrap();
        let parsed = parsed(service, recorded.as_deref().unwrap_or(name), &request, &json!({"responseElements": response}));
        assert_eq!(parsed.name, name);
        assert_eq!(changed(&parsed, "aws"), expected, "{call} {request}");
    }
}

#[test]
fn every_write_of_the_operator_is_in_the_table_and_changes_something() {
    let mut table: BTreeMap<String, bool> = BTreeMap::new();
    for row in rows() {
        *table.entry(row.call).or_default() |= !row.changed.is_empty();
    }
    let is_read = |action: &str| {
        ["Get", "List", "Describe", "Filter", "Simulate"].iter().any(|verb| action.split(':').nth(1).unwrap().starts_with(verb))
    };
    let steps = crate::steps::actions();
    let calls = actions(Asked::ByCall).into_iter().map(str::to_owned).filter(|action| !is_read(action));
    let is_exempt = |action: &str| DATA.contains(&action);
    let all = steps.into_iter().chain(calls).filter(|action| !is_exempt(action));
    let missing: BTreeSet<_> = all.filter(|action| table.get(action) != Some(&true)).collect();
    assert!(
        missing.is_empty(),
        "add rows for {missing:?} to crates/core/src/change_events/calls.jsonl, and the service that has the resource"
    );
}

#[test]
fn a_call_that_failed_changes_nothing() {
    let failed = parsed("events", "DeleteRule", &json!({"name": "r"}), &json!({"errorCode": "AccessDenied"}));
    assert!(changed(&failed, "aws").is_empty());
}

#[test]
fn the_arns_of_one_resource_are_one() {
    let same = [
        ("arn:aws:lambda:r:1:function:f:live", "arn:aws:lambda:r:1:function:f"),
        ("arn:aws:logs:r:1:log-group:/g:*", "arn:aws:logs:r:1:log-group:/g"),
        ("arn:aws:logs:r:1:delivery:Ab12", "arn:aws:logs:r:1:delivery"),
        ("arn:aws:logs:r:1:delivery-source:s", "arn:aws:logs:r:1:delivery-source:s"),
        ("arn:aws:iam::1:role/tributary/a/n", "arn:aws:iam::1:role/n"),
        ("arn:aws:events:r:1:connection/c/0f-1", "arn:aws:events:r:1:connection/c"),
        ("arn:aws:events:r:1:api-destination/d/0f-1", "arn:aws:events:r:1:api-destination/d"),
        ("arn:aws:events:r:1:rule/b/r", "arn:aws:events:r:1:rule/b/r"),
        ("arn:aws:states:r:1:stateMachine:m:2", "arn:aws:states:r:1:stateMachine:m"),
        ("arn:aws:kinesis:r:1:stream/s", "arn:aws:kinesis:r:1:stream/s"),
        ("no ARN", "no ARN"),
    ];
    for (arn, expected) in same {
        assert_eq!(canonical(arn), expected);
    }
}

#[test]
fn only_the_operators_own_client_is_own() {
    let role = |session: &str| format!("arn:aws:sts::{ACCOUNT}:assumed-role/operator/{session}");
    let ours = "aws-sdk-rust/1.3.8 os/linux lang/rust/1.90.0 app/tributary-6d9f";
    let is_own = |caller: &str, agent: &str| {
        let identity = json!({"userIdentity": {"type": "AssumedRole", "arn": caller}, "userAgent": agent});
        super::is_own(&parsed("events", "PutRule", &json!({"name": "r"}), &identity), &role("one"))
    };
    assert!(is_own(&role("one"), ours) && is_own(&role("another-process"), ours));
    assert!(!is_own(&role("one"), "aws-cli/2.24.0"), "a person with the operator's role");
    assert!(!is_own(&role("one"), "aws-sdk-rust/1.3.8 os/linux lang/rust/1.90.0"), "another program with that SDK");
    assert!(!is_own(&format!("arn:aws:iam::{ACCOUNT}:user/alice"), ours), "a person with the operator's user agent");
    assert!(!is_own("arn:aws:sts::444455556666:assumed-role/operator/one", ours), "a role of that name in another account");
}

#[test]
fn the_description_names_who_when_and_what() {
    let call = parsed("events", "DeleteRule", &json!({"name": "r"}), &json!({}));
    let text = "changed by arn:aws:iam::111122223333:user/alice at 2026-11-29T23:31:58Z: DeleteRule (request r-1)";
    assert_eq!(description(&call), text);
}

fn object<K: DeserializeOwned>(kind: &str, namespace: &str, name: &str, account: &str, arn: &str, resources: &[&str]) -> K {
    let parsed = Arn::parse(arn).unwrap();
    let resources: Vec<_> = resources.iter().map(|arn| json!({"type": "T", "arn": arn})).collect();
    let spec = if kind == "EventRule" { json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["x"]}}) } else { json!({}) };
    let identity = json!({"account": account, "accountId": ACCOUNT, "partition": "aws", "region": parsed.region, "name": name, "arn": arn});
    serde_json::from_value(json!({
        "apiVersion": "tributary.dev/v1alpha1", "kind": kind, "metadata": {"namespace": namespace, "name": name}, "spec": spec,
        "status": {"identity": identity, "resources": resources},
    }))
    .unwrap()
}

const SOURCE: &str = "arn:aws:logs:eu-west-1:111122223333:delivery-source:s";

fn view() -> View {
    let rule = |namespace, account, arn| object::<EventRule>("EventRule", namespace, "r", account, arn, &[arn]);
    let sink = |name, arn, resources: &[&str]| object::<EventSink>("EventSink", "a", name, "main", arn, resources);
    let objects = Objects {
        rules: fixed([
            rule("a", "main", "arn:aws:events:eu-west-1:111122223333:rule/b/r"),
            rule("other", "second", "arn:aws:events:eu-west-1:111122223333:rule/b/r"),
            rule("far", "main", "arn:aws:events:us-west-2:111122223333:rule/b/r"),
        ]),
        sinks: fixed([
            sink("q", "arn:aws:sqs:eu-west-1:111122223333:q", &["arn:aws:iam::111122223333:role/tributary/n"]),
            sink("g", "arn:aws:logs:eu-west-1:111122223333:log-group:/g", &[]),
        ]),
        buses: fixed([
            object::<EventBus>("EventBus", "a", "b", "main", "arn:aws:events:eu-west-1:111122223333:event-bus/b", &[SOURCE]),
            object::<EventBus>("EventBus", "a", "c", "main", "arn:aws:events:eu-west-1:111122223333:event-bus/c", &[]),
        ]),
        ..Objects::default()
    };
    let settings = Arc::new(Settings { installation_id: "i".into(), ..Settings::default() });
    View { objects, settings, resolved_arn: None, resolved_definition: None, now: Timestamp::UNIX_EPOCH }
}

#[test]
fn a_call_affects_the_objects_of_its_resource_in_the_account_and_region_only() {
    let view = view();
    let affected = |service: &str, name: &str, request: Value| -> Vec<String> {
        let changed = changed(&parsed(service, name, &request, &json!({})), "aws");
        super::affected(&view, "main", &changed).into_keys().map(|object| format!("{} {}", object.kind, object.key)).collect()
    };
    assert_eq!(affected("events", "RemoveTargets", json!({"rule": "r", "eventBusName": "b"})), ["EventRule a/r"]);
    assert_eq!(affected("iam", "DeleteRolePolicy", json!({"roleName": "n"})), ["EventSink a/q"]);
    assert_eq!(affected("sqs", "SetQueueAttributes", json!({"queueUrl": format!("https://sqs/{ACCOUNT}/q")})), ["EventSink a/q"]);
    assert_eq!(affected("logs", "DeleteResourcePolicy", json!({"policyName": policy_name("i")})), ["EventSink a/g"]);
    assert_eq!(affected("logs", "DeleteResourcePolicy", json!({"policyName": "theirs"})), [""; 0]);
    assert_eq!(affected("logs", "DeleteDelivery", json!({"id": "Ab12"})), ["EventBus a/b"], "those whose log is delivered");
    assert_eq!(affected("sqs", "DeleteQueue", json!({"queueUrl": "https://sqs/444455556666/q"})), [""; 0]);
}

#[test]
fn the_pattern_matches_writes_and_nothing_else() {
    let pattern = tributary_pattern::Pattern::compile(&pattern().to_string()).unwrap();
    let matches = |more: Value| {
        let name = more["eventName"].as_str().unwrap_or("RemoveTargets").to_owned();
        pattern.matches(&record("events", &name, &json!({"rule": "r"}), &more).to_string()).unwrap()
    };
    assert!(matches(json!({})));
    assert!(!matches(json!({"readOnly": true})) && !matches(json!({"errorCode": "AccessDenied"})));
    assert!(!matches(json!({"managementEvent": false})) && !matches(json!({"eventName": "StartExecution"})));
    assert!(!matches(json!({"eventSource": "ec2.amazonaws.com"})));
}
