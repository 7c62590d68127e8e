//! Admission of sinks.

use serde_json::{Value, json};
use tributary_testkit::merged;

use super::rule_bus_account::{Row, table, tags, text};

const ARN: &str = "arn:aws:sqs:eu-west-1:111122223333:q";

fn managed(more: Value) -> Value {
    json!({"sqs": {"managed": more}})
}

fn existing(arn: &str) -> Value {
    json!({"sqs": {"managed": null, "existing": {"arn": arn}}})
}

#[tokio::test]
async fn admission_knows_what_a_sink_may_say() {
    let one = Some("set exactly one of managed and existing");
    let external = |base: Value| merged(base, json!({"permissions": "External"}));
    let fifo = Some("name must end in .fifo");
    let kms = |key: &str| managed(json!({"encryption": {"kms": {"keyId": key}}}));
    let rows: Vec<Row> = vec![
        ("a managed queue", json!({}), None),
        ("an existing one", existing(ARN), None),
        ("no destination", json!({"sqs": null}), Some("set exactly one destination")),
        ("both", json!({"sqs": {"existing": {"arn": ARN}}}), one),
        ("neither", json!({"sqs": {"managed": null}}), one),
        ("a queue's URL", existing("https://sqs.eu-west-1.amazonaws.com/111122223333/q"), Some("spec.sqs.existing.arn")),
        ("a topic", existing("arn:aws:sns:eu-west-1:111122223333:q"), Some("spec.sqs.existing.arn")),
        ("an existing FIFO queue", existing("arn:aws-cn:sqs:cn-north-1:111122223333:q.fifo"), None),
        ("permissions kept elsewhere", external(existing(ARN)), None),
        ("the same of a managed queue", external(json!({})), Some("spec.permissions must not be External")),
        ("deleting what is managed", json!({"deletionPolicy": "Delete"}), None),
        (
            "deleting what is not",
            merged(existing(ARN), json!({"deletionPolicy": "Delete"})),
            Some("spec.deletionPolicy must not be Delete"),
        ),
        ("retaining what is not", merged(existing(ARN), json!({"deletionPolicy": "Retain"})), None),
        ("other permissions", json!({"permissions": "Shared"}), Some("spec.permissions")),
        ("a name of 80", managed(json!({"name": text(80)})), None),
        ("a name of 81", managed(json!({"name": text(81)})), Some("name: Too long")),
        ("a name with a dot", managed(json!({"name": "a.b"})), Some("spec.sqs.managed.name")),
        ("a FIFO queue", managed(json!({"name": "a.fifo", "fifo": {}})), None),
        ("a FIFO queue without .fifo", managed(json!({"name": "a", "fifo": {}})), fifo),
        (".fifo without a FIFO queue", managed(json!({"name": "a.fifo"})), fifo),
        ("a scope", managed(json!({"fifo": {"deduplicationScope": "messageGroup", "throughputLimit": "perMessageGroupId"}})), None),
        ("another scope", managed(json!({"fifo": {"deduplicationScope": "group"}})), Some("deduplicationScope")),
        ("another limit", managed(json!({"fifo": {"throughputLimit": "none"}})), Some("throughputLimit")),
        ("a customer key", kms("alias/events"), None),
        ("AWS's own key", kms("alias/aws/sqs"), Some("keyId must not be alias/aws/sqs")),
        ("no key", kms(""), Some("keyId")),
        ("SSE-SQS off", managed(json!({"encryption": {"sqs": {"enabled": false}}})), None),
        (
            "both encryptions",
            merged(kms("k"), managed(json!({"encryption": {"sqs": {"enabled": true}}}))),
            Some("exactly one of sqs and kms"),
        ),
        ("no encryption named", managed(json!({"encryption": {}})), Some("exactly one of sqs and kms")),
        ("41 tags", managed(json!({"tags": tags(41)})), Some("tags: Too many")),
        ("a reserved key", managed(json!({"tags": {"aws:x": "v"}})), Some("which AWS reserves")),
        ("a name of 76 with dead letters", managed(json!({"name": text(76), "deadLetter": {"maxReceiveCount": 1}})), None),
        (
            "a name of 77 with dead letters",
            managed(json!({"name": text(77), "deadLetter": {"maxReceiveCount": 1}})),
            Some("at most 76 characters"),
        ),
        ("a group of 100", json!({"sqs": {"messageGroupId": text(100)}}), None),
        ("a group of 101", json!({"sqs": {"messageGroupId": text(101)}}), Some("messageGroupId: Too long")),
        ("no group", json!({"sqs": {"messageGroupId": ""}}), Some("messageGroupId")),
        ("a region", json!({"region": "us-gov-west-1"}), None),
        ("no region", json!({"region": "here"}), Some("spec.region")),
    ];
    table("EventSink", managed(json!({})), false, rows).await;
}

#[tokio::test]
async fn admission_knows_the_ranges_of_a_queue() {
    let ranges = [
        ("delaySeconds", 0, 900),
        ("maximumMessageSize", 1024, 1_048_576),
        ("messageRetentionSeconds", 60, 1_209_600),
        ("receiveWaitTimeSeconds", 0, 20),
        ("visibilityTimeoutSeconds", 0, 43_200),
    ];
    let mut rows: Vec<Row> = Vec::new();
    let mut row = |field: &'static str, spec: Value, ok: bool| rows.push((field, managed(spec), (!ok).then_some(field)));
    for (field, least, most) in ranges {
        for (value, ok) in [(least, true), (most, true), (least - 1, false), (most + 1, false)] {
            row(field, json!({field: value}), ok);
        }
    }
    for (value, ok) in [(1, true), (1000, true), (0, false), (1001, false)] {
        row("maxReceiveCount", json!({"deadLetter": {"maxReceiveCount": value}}), ok);
    }
    for (value, ok) in [(60, true), (1_209_600, true), (59, false), (1_209_601, false)] {
        row("messageRetentionSeconds", json!({"deadLetter": {"maxReceiveCount": 1, "messageRetentionSeconds": value}}), ok);
        row("messageRetentionSeconds", json!({"messageRetentionSeconds": value}), ok);
    }
    for (value, ok) in [(60, true), (86_400, true), (59, false), (86_401, false)] {
        row("dataKeyReuseSeconds", json!({"encryption": {"kms": {"keyId": "k", "dataKeyReuseSeconds": value}}}), ok);
    }
    row("maxReceiveCount", json!({"deadLetter": {}}), false);
    table("EventSink", managed(json!({})), false, rows).await;
}

#[tokio::test]
async fn admission_knows_what_a_sink_may_not_change() {
    let base = json!({"accountRef": {"name": "a"}, "region": "eu-west-1", "sqs": {"managed": {"name": "q", "delaySeconds": 2}}});
    let changes = vec![
        ("an attribute", managed(json!({"delaySeconds": 1})), None),
        ("a group", json!({"sqs": {"messageGroupId": "g"}}), None),
        ("another account", json!({"accountRef": {"name": "b"}}), Some("accountRef is immutable")),
        ("no account", json!({"accountRef": null}), Some("accountRef is immutable")),
        ("another region", json!({"region": "eu-west-2"}), Some("region is immutable")),
        ("no region", json!({"region": null}), Some("region is immutable")),
        ("another name", managed(json!({"name": "p"})), Some("name is immutable")),
        ("no name", managed(json!({"name": null})), Some("name is immutable")),
        ("a FIFO queue", managed(json!({"fifo": {}})), Some("between a standard and a FIFO queue is immutable")),
        ("an existing queue", existing(ARN), Some("the choice between managed and existing is immutable")),
        ("no destination", json!({"sqs": null}), Some("set exactly one destination")),
    ];
    table("EventSink", base, true, changes).await;
    let changes = vec![
        ("permissions", json!({"permissions": "External"}), None),
        ("another queue", json!({"sqs": {"existing": {"arn": format!("{ARN}2")}}}), Some("arn is immutable")),
        (
            "another way to the queue",
            json!({"sqs": {"existing": {"arn": null, "arnFrom": {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "fieldPath": "data.arn"}}}}),
            None,
        ),
        (
            "a managed queue",
            json!({"sqs": {"existing": null, "managed": {}}}),
            Some("the choice between managed and existing is immutable"),
        ),
    ];
    table("EventSink", json!({"sqs": {"existing": {"arn": ARN}}}), true, changes).await;
    let stream = json!({"kinesis": {"existing": {"arn": "arn:aws:kinesis:eu-west-1:111122223333:stream/s"}}});
    let path = |path: Value| json!({"invocationRole": {"path": path}});
    let changes = vec![
        ("options", json!({"invocationRole": {}}), None),
        ("the default path", path(json!("/tributary/")), None),
        ("a path, with the options", path(json!("/other/")), Some("spec.invocationRole.path is immutable")),
    ];
    table("EventSink", stream.clone(), true, changes).await;
    let mut with_path = stream;
    with_path["invocationRole"] = json!({"path": "/mine/"});
    let changes = vec![
        ("a boundary", json!({"invocationRole": {"permissionsBoundaryArn": "arn:aws:iam::111122223333:policy/p"}}), None),
        ("another path", path(json!("/other/")), Some("spec.invocationRole.path is immutable")),
        ("no path", path(json!(null)), Some("spec.invocationRole.path is immutable")),
        ("no options", json!({"invocationRole": null}), Some("spec.invocationRole.path is immutable")),
    ];
    table("EventSink", with_path, true, changes).await;
    let without = json!({"sqs": {"managed": {"fifo": {}, "delaySeconds": 2}}});
    let changes = vec![
        ("a region", json!({"region": "eu-west-1"}), Some("region is immutable")),
        ("an account", json!({"accountRef": {"name": "a"}}), Some("accountRef is immutable")),
        ("a name", managed(json!({"name": "q.fifo"})), Some("name is immutable")),
        ("a standard queue", managed(json!({"fifo": null})), Some("between a standard and a FIFO queue is immutable")),
    ];
    table("EventSink", without, true, changes).await;
}
