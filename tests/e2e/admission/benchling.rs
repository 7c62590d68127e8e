//! Admission of partner buses, subscriptions, functions and log groups.

use serde_json::{Value, json};
use tributary_testkit::merged;

use super::rule_bus_account::{Row, table, text};

const SOURCE: &str = "aws.partner/benchling.com/acme/app";
const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111122223333:function:f";
const GROUP: &str = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/events/g";

fn subscription() -> Value {
    json!({"tenant": "acme", "appName": "app"})
}

#[tokio::test]
async fn admission_validates_subscriptions() {
    let host = Some("spec.tenant must be the first label of the tenant's host name");
    let retention = |days: i32| json!({"monitoring": {"logGroup": {"retentionDays": days}}});
    let rows: Vec<Row> = vec![
        ("the least", json!({}), None),
        ("no tenant", json!({"tenant": null}), Some("spec.tenant: Required")),
        ("a host name", json!({"tenant": "acme.benchling.com"}), host),
        ("a URL", json!({"tenant": "https://acme"}), host),
        ("no app", json!({"appName": null}), Some("spec.appName: Required")),
        ("an app with a slash", json!({"appName": "a/b"}), Some("spec.appName")),
        ("the name that the console shows", json!({"eventSourceName": SOURCE}), None),
        ("another partner's source", json!({"eventSourceName": "aws.partner/example.com/a/b"}), Some("spec.eventSourceName")),
        ("event types", json!({"eventTypes": ["v2.entity.registered", "v9.nobody.knows"]}), None),
        ("an empty event type", json!({"eventTypes": [""]}), Some("spec.eventTypes")),
        ("monitoring", retention(14), None),
        ("a retention that Logs does not know", retention(15), Some("retentionDays must be one of 1, 3, 5")),
        ("another class", json!({"monitoring": {"logGroup": {"class": "GLACIER"}}}), Some("class")),
        ("monitoring of nothing", json!({"monitoring": {}}), Some("spec.monitoring.logGroup: Required")),
    ];
    table("BenchlingSubscription", subscription(), false, rows).await;
    let fixed: Vec<Row> = vec![
        ("nothing", json!({}), None),
        ("other event types", json!({"eventTypes": ["v2.entity.registered"]}), None),
        ("another tenant", json!({"tenant": "other"}), Some("tenant is immutable")),
        ("another app", json!({"appName": "other"}), Some("appName is immutable")),
        ("another source", json!({"eventSourceName": SOURCE}), Some("eventSourceName is immutable")),
        ("another account", json!({"accountRef": {"name": "other"}}), Some("accountRef is immutable")),
        ("another region", json!({"region": "us-east-1"}), Some("region is immutable")),
    ];
    table("BenchlingSubscription", subscription(), true, fixed).await;
}

#[tokio::test]
async fn admission_validates_partner_buses() {
    let rows: Vec<Row> = vec![
        ("a source", json!({}), None),
        ("any partner's", json!({"eventSourceName": "aws.partner/datadog.com/x/y/z"}), None),
        ("no partner's", json!({"eventSourceName": "aws.ec2"}), Some("spec.eventSourceName")),
        ("too few parts", json!({"eventSourceName": "aws.partner/benchling.com"}), Some("spec.eventSourceName")),
        ("an ARN", json!({"eventSourceName": format!("arn:aws:events:eu-west-1::event-source/{SOURCE}")}), Some("spec.eventSourceName")),
        ("a name of its own", json!({"name": "b"}), Some("spec.name must not be set with spec.eventSourceName")),
        ("a name that is too long", json!({"eventSourceName": format!("{SOURCE}{}", text(256))}), Some("spec.eventSourceName: Too long")),
    ];
    table("EventBus", json!({"eventSourceName": SOURCE}), false, rows).await;
    let fixed: Vec<Row> = vec![
        ("another source", json!({"eventSourceName": format!("{SOURCE}2")}), Some("eventSourceName is immutable")),
        ("no source", json!({"eventSourceName": null}), Some("eventSourceName is immutable")),
        ("a description", json!({"description": "d"}), None),
    ];
    table("EventBus", json!({"eventSourceName": SOURCE}), true, fixed).await;
}

#[tokio::test]
async fn admission_validates_functions_and_log_groups() {
    let role = json!({"roleArn": "arn:aws:iam::111122223333:role/r"});
    let lambda = |arn: &str| json!({"lambda": {"existing": {"arn": arn}}});
    let rows: Vec<Row> = vec![
        ("a function", json!({}), None),
        ("a version", lambda(&format!("{FUNCTION}:7")), None),
        ("an alias", lambda(&format!("{FUNCTION}:live")), None),
        ("no function", lambda("arn:aws:sqs:eu-west-1:111122223333:q"), Some("spec.lambda.existing.arn")),
        ("a failure destination", json!({"lambda": {"onFailure": {"sinkRef": {"name": "q"}}}}), None),
        ("a function and a queue", json!({"sqs": {"managed": {}}}), Some("set exactly one destination")),
        ("a role", role.clone(), None),
        ("permissions kept elsewhere", json!({"permissions": "External"}), None),
        (
            "and a failure destination",
            json!({"permissions": "External", "lambda": {"onFailure": {"sinkRef": {"name": "q"}}}}),
            Some("spec.lambda.onFailure must not be set"),
        ),
        ("deleting it", json!({"deletionPolicy": "Delete"}), Some("spec.deletionPolicy must not be Delete")),
    ];
    table("EventSink", lambda(FUNCTION), false, rows).await;
    let managed = |more: Value| json!({"logGroup": {"managed": more}});
    let rows: Vec<Row> = vec![
        ("a managed log group", json!({}), None),
        ("with all there is", managed(json!({"name": "/a/b", "retentionDays": 7, "class": "INFREQUENT_ACCESS"})), None),
        ("an odd retention", managed(json!({"retentionDays": 8})), Some("retentionDays must be one of 1, 3, 5")),
        ("a name with a space", managed(json!({"name": "a b"})), Some("spec.logGroup.managed.name")),
        ("a key that is no ARN", managed(json!({"kmsKeyArn": "alias/x"})), Some("kmsKeyArn")),
        ("an existing one", json!({"logGroup": {"managed": null, "existing": {"arn": format!("{GROUP}:*")}}}), None),
        ("both", json!({"logGroup": {"existing": {"arn": GROUP}}}), Some("exactly one of managed and existing")),
        ("a role", role, Some("spec.roleArn must not be set with spec.logGroup")),
        ("permissions kept elsewhere", json!({"permissions": "External"}), Some("spec.permissions must not be External")),
        ("deleting what is managed", json!({"deletionPolicy": "Delete"}), None),
    ];
    table("EventSink", managed(json!({})), false, rows).await;
    let fixed: Vec<Row> = vec![
        ("a queue in its place", json!({"logGroup": null, "sqs": {"managed": {}}}), Some("the destination type is immutable")),
        ("another name", managed(json!({"name": "n"})), Some("name is immutable")),
        ("another class", managed(json!({"class": "STANDARD"})), Some("class is immutable")),
        ("another retention", managed(json!({"retentionDays": 30})), None),
    ];
    table("EventSink", managed(json!({})), true, fixed).await;
}

#[tokio::test]
async fn admission_validates_triggers_of_queues() {
    let triggers = |rows: Value| json!({"sqs": {"triggers": rows}});
    let one = |more: Value| triggers(json!([merged(json!({"functionArn": FUNCTION}), more)]));
    let rows: Vec<Row> = vec![
        ("one", one(json!({})), None),
        ("with batches", one(json!({"batchSize": 100, "maximumBatchingWindowSeconds": 5, "maximumConcurrency": 2})), None),
        ("large batches without a window", one(json!({"batchSize": 11})), Some("batchSize above 10 requires maximumBatchingWindowSeconds")),
        ("a concurrency of one", one(json!({"maximumConcurrency": 1})), Some("maximumConcurrency")),
        ("two of one function", triggers(json!([{"functionArn": FUNCTION}, {"functionArn": FUNCTION}])), Some("duplicate entries")),
    ];
    table("EventSink", json!({"sqs": {"managed": {}}}), false, rows).await;
    let existing = json!({"sqs": {"existing": {"arn": "arn:aws:sqs:eu-west-1:111122223333:q"}}});
    let rows: Vec<Row> = vec![("of an existing queue", one(json!({})), Some("spec.sqs.triggers requires spec.sqs.managed"))];
    table("EventSink", existing, false, rows).await;
}
