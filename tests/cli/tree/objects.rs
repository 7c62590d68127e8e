//! Objects in all states, as the operator leaves them.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub(super) fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": "2026-01-02T03:04:05Z", "observedGeneration": 1})
}

pub(super) fn ready() -> Value {
    json!([
        condition("Ready", "True", "InSync", "AWS matches the spec"),
        condition("Reconciling", "False", "NotReconciling", ""),
        condition("Stalled", "False", "NotStalled", ""),
    ])
}

/// Conditions of an object that is not ready. It is retried unless it is stalled.
fn failed(reason: &str, message: &str, is_stalled: bool) -> Value {
    let (reconciling, stalled) = if is_stalled { ("False", "True") } else { ("True", "False") };
    json!([
        condition("Ready", "False", reason, message),
        condition("Reconciling", reconciling, reason, message),
        condition("Stalled", stalled, reason, message),
    ])
}

pub(super) fn object(kind: &str, namespace: &str, name: &str, spec: &Value, status: &Value) -> Value {
    let mut status = status.clone();
    status["observedGeneration"] = json!(1);
    json!({"kind": kind, "metadata": {"namespace": namespace, "name": name, "generation": 1, "uid": name,
           "managedFields": [{"manager": "kubectl", "operation": "Apply"}]}, "spec": spec, "status": status})
}

pub(super) fn sink(namespace: &str, name: &str, status: &Value) -> Value {
    let mut status = status.clone();
    status["identity"] = identity(name, &format!("arn:aws:sns:eu-west-1:111122223333:{name}"));
    object("EventSink", namespace, name, &json!({"sns": {"managed": {}}}), &status)
}

fn identity(name: &str, arn: &str) -> Value {
    json!({"account": "prod-account", "accountId": "111122223333", "partition": "aws", "region": "eu-west-1", "name": name, "arn": arn})
}

fn bus_identity(name: &str) -> Value {
    identity(name, &format!("arn:aws:events:eu-west-1:111122223333:event-bus/{name}"))
}

fn owned_by_subscription(mut object: Value, name: &str) -> Value {
    object["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "tributary.dev/v1alpha1", "kind": "BenchlingSubscription", "name": name, "uid": "u", "controller": true}]);
    object
}

fn target(name: &str, sink: &str) -> Value {
    json!({"name": name, "sinkRef": {"name": sink}})
}

fn from_now(seconds: i64) -> String {
    (Timestamp::now() + SignedDuration::from_secs(seconds)).to_string()
}

/// A namespace `prod` with objects in all states.
pub(super) fn every_state() -> Vec<Value> {
    [sources(), rules(), others()].concat()
}

fn sources() -> Vec<Value> {
    let (active, lost) = ("aws.partner/benchling.com/acme/seq", "aws.partner/benchling.com/acme/old");
    let mut account = object(
        "AwsAccount",
        "",
        "prod-account",
        &json!({"accountId": "111122223333", "region": "eu-west-1"}),
        &json!({"conditions": ready(), "callerArn": "arn:aws:sts::111122223333:assumed-role/tributary/x"}),
    );
    account["metadata"].as_object_mut().unwrap().remove("namespace");
    let tenant = |app: &str| json!({"tenant": "acme", "appName": app, "accountRef": {"name": "prod-account"}});
    let of_source = |name: &str, state: &str, conditions: Value| json!({"conditions": conditions, "identity": bus_identity(name), "eventSource": {"name": name, "state": state}});
    let expired = "partner event source expired: no event bus was associated in time. Select Resubscribe in the Benchling console.";
    let mut lims = of_source(active, "Active", ready());
    lims["lastEventTime"] = from_now(-3 * 3600 - 60).into();
    let waiting = "partner event source not found. Create the subscription in Benchling: open https://acme.benchling.com/event-subscriptions, and enter account 111122223333 and Region eu-west-1 there. The operator associates the event bus as soon as the source exists.";
    let mut pending = of_source("aws.partner/benchling.com/acme/new", "Pending", failed("SourceNotFound", waiting, false));
    pending["eventSource"]["expirationTime"] = from_now(5 * 86_400 + 600).into();
    vec![
        account,
        object("BenchlingSubscription", "prod", "lims", &tenant("seq"), &lims),
        owned_by_subscription(
            object("EventBus", "prod", "lims", &json!({"eventSourceName": active}), &of_source(active, "Active", ready())),
            "lims",
        ),
        object("BenchlingSubscription", "prod", "lims-new", &tenant("new"), &pending),
        object(
            "BenchlingSubscription",
            "prod",
            "lims-old",
            &tenant("old"),
            &of_source(lost, "Missing", failed("SourceExpired", expired, false)),
        ),
        object(
            "BenchlingApp",
            "prod",
            "webhooks",
            &json!({"tenants": ["acme"], "appDefinitionId": "appdef_1", "busRef": {"name": "orders"}}),
            &json!({"conditions": ready(), "webhooks": {"accepted": 12, "refused": 1, "lastEventTime": from_now(-300)}}),
        ),
    ]
}

fn rules() -> Vec<Value> {
    let rule = |name: &str, spec: Value, status: Value| {
        let mut status = status;
        status["identity"] = identity(name, &format!("arn:aws:events:eu-west-1:111122223333:rule/{name}"));
        object("EventRule", "prod", name, &spec, &status)
    };
    let of_lims = json!({"kind": "BenchlingSubscription", "name": "lims"});
    let with = |conditions: Value, more: Value| {
        let mut conditions = conditions;
        conditions.as_array_mut().unwrap().push(more);
        conditions
    };
    let deliverable = condition("Deliverable", "True", "Deliverable", "EventBridge can deliver to every target");
    let denied = "target topic: no statement in the policy of arn:aws:sns:eu-west-1:111122223333:alerts allows events.amazonaws.com to call sns:Publish for rule arn:aws:events:eu-west-1:111122223333:rule/undeliverable. Add the statement in status.requiredStatement of EventSink prod/alerts, or set spec.permissions to Managed so that the operator adds it.";
    let missing = "spec.targets[0].sinkRef: EventSink prod/not-there not found. Create it or correct the reference.";
    let mut registered = target("queue", "orders-queue");
    registered["deadLetter"] = json!({"sinkRef": {"name": "undelivered"}, "inspect": true});
    let mut deleting = rule(
        "deleting",
        json!({"busRef": {"name": "orders"}, "eventPattern": {"source": ["shop"]}, "targets": [target("queue", "orders-queue")]}),
        json!({"conditions": failed("Deleting", "deletion in progress", false), "targets": [{"name": "queue", "ready": true, "deliverable": "Yes"}]}),
    );
    deleting["metadata"]["deletionTimestamp"] = json!("2026-01-02T03:04:05Z");
    vec![
        rule(
            "registered",
            json!({"busRef": of_lims, "benchling": {"eventTypes": ["v2.entity.registered"]}, "targets": [registered, target("topic", "alerts")]}),
            json!({"conditions": with(ready(), deliverable), "targetsReady": "2/2", "eventPattern": "{\"detail-type\":[\"v2.entity.registered\"]}",
                   "targets": [{"name": "queue", "ready": true, "deliverable": "Yes", "deadLetters": {"messages": 3, "errorCodes": {"NO_PERMISSIONS": 3}}},
                               {"name": "topic", "ready": true, "deliverable": "Yes"}]}),
        ),
        rule(
            "undeliverable",
            json!({"busRef": of_lims, "eventPattern": {"source": [{"prefix": "aws.partner/"}]}, "targets": [target("topic", "alerts")]}),
            json!({"conditions": with(ready(), condition("Deliverable", "False", "PermissionMissing", denied)),
                   "targets": [{"name": "topic", "ready": true, "deliverable": "No", "deliverableMessage": denied}]}),
        ),
        rule(
            "without-sink",
            json!({"busRef": {"name": "orders"}, "eventPattern": {"source": ["shop"]}, "targets": [target("queue", "not-there")]}),
            json!({"conditions": failed("SinkNotFound", missing, false), "targets": [{"name": "queue", "ready": false, "message": missing}]}),
        ),
        deleting,
        rule(
            "of-app",
            json!({"busRef": {"kind": "BenchlingApp", "name": "webhooks"}, "benchling": {}, "state": "Disabled", "targets": [target("queue", "orders-queue")]}),
            json!({"conditions": with(ready(), condition("Deliverable", "False", "RuleDisabled", "spec.state is Disabled: EventBridge sends no events of the rule. Set it to Enabled."))}),
        ),
        rule(
            "elsewhere",
            json!({"busRef": {"name": "shared", "namespace": "platform"}, "schedule": "rate(5 minutes)"}),
            json!({"conditions": ready()}),
        ),
    ]
}

fn others() -> Vec<Value> {
    let mut paused = sink(
        "prod",
        "paused",
        &json!({"conditions": [condition("Ready", "False", "Paused", "annotation tributary.dev/paused is set. Remove it to resume.")]}),
    );
    paused["metadata"]["annotations"] = json!({"tributary.dev/paused": "true"});
    let queue = |name: &str, spec: Value| {
        let arn = |suffix: &str| format!("arn:aws:sqs:eu-west-1:111122223333:{name}{suffix}");
        let resources = [arn(""), arn("-dlq")].map(|arn| json!({"type": "AWS::SQS::Queue", "arn": arn}));
        let status = json!({"conditions": ready(), "identity": identity(name, &arn("")), "resources": resources});
        object("EventSink", "prod", name, &json!({"sqs": {"managed": spec}}), &status)
    };
    let forwarded = "arn:aws:events:eu-west-1:444455556666:event-bus/central";
    let mut replay = object(
        "EventReplay",
        "prod",
        "again",
        &json!({"busRef": {"name": "orders"}, "archive": "all", "startTime": "2026-01-01T00:00:00Z", "endTime": "2026-01-02T00:00:00Z"}),
        &json!({"conditions": ready(), "state": "COMPLETED", "percent": 100}),
    );
    replay["status"]["identity"] = identity("again", "arn:aws:events:eu-west-1:111122223333:replay/again");
    let mut unread = object("EventSink", "prod", "unread", &json!({"sns": {"managed": {}}}), &json!({}));
    unread.as_object_mut().unwrap().remove("status");
    vec![
        object(
            "EventBus",
            "prod",
            "orders",
            &json!({"archives": [{"name": "all"}]}),
            &json!({"conditions": ready(), "identity": bus_identity("prod-orders")}),
        ),
        queue("orders-queue", json!({"deadLetter": {"maxReceiveCount": 5}})),
        queue("undelivered", json!({})),
        sink("prod", "alerts", &json!({"conditions": ready(), "warnings": ["the policy allows every rule"]})),
        paused,
        unread,
        object(
            "EventSink",
            "prod",
            "central",
            &json!({"eventBus": {"existing": {"arn": forwarded}}}),
            &json!({"conditions": ready(), "identity": identity("central", forwarded)}),
        ),
        replay,
    ]
}
