//! Admission of rules, buses and accounts: one accepted and one rejected spec for every rule of the schemas. Dry runs against the
//! real API server.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tributary_testkit::{API_VERSION, REGION, World, merged};

/// What is asked, the change to the base spec, and the part of the refusal; `None`: it is accepted.
pub type Row = (&'static str, Value, Option<&'static str>);

async fn asked(world: &World, kind: &str, name: &str, spec: &Value) -> Result<(), String> {
    let body = json!({"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec});
    let params = PatchParams::apply("e2e").force().dry_run();
    world.api(kind).patch(name, &params, &Patch::Apply(&body)).await.map(drop).map_err(|error| error.to_string())
}

/// Asks for each row; with `existing` the base spec is there already, so that rows are changes.
pub async fn table(kind: &str, base: Value, existing: bool, rows: Vec<Row>) {
    let world = World::empty("admission").await;
    let name = if kind == "AwsAccount" { format!("admission-{}", world.namespace) } else { "x".into() };
    if existing {
        world.apply_in(Some(&world.namespace), API_VERSION, kind, &name, json!({"spec": base})).await;
    }
    let mut wrong = Vec::new();
    for (what, change, refusal) in rows {
        match (asked(&world, kind, &name, &merged(base.clone(), change)).await, refusal) {
            (Ok(()), None) => {}
            (Err(error), Some(part)) if error.contains(part) => {}
            (answer, _) => wrong.push(format!("{what}: wanted {refusal:?}, got {answer:?}")),
        }
    }
    if existing {
        world.delete(kind, &name).await;
    }
    assert!(wrong.is_empty(), "{kind}:\n{}", wrong.join("\n"));
}

pub fn text(length: usize) -> String {
    "a".repeat(length)
}

pub fn tags(count: usize) -> Value {
    (0..count).map(|i| (format!("k{i}"), json!("v"))).collect::<serde_json::Map<_, _>>().into()
}

fn target(more: Value) -> Value {
    json!({"targets": [merged(json!({"name": "t", "sinkRef": {"name": "q"}}), more)]})
}

fn targets(names: &[&str]) -> Value {
    json!({"targets": names.iter().map(|name| json!({"name": name, "sinkRef": {"name": "q"}})).collect::<Vec<_>>()})
}

fn rule() -> Value {
    json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["x"]}})
}

fn chosen(kind: &str, path: &[&str]) -> Value {
    let schemas = json!({"configured": [{"path": path}]});
    json!({"eventPattern": null, "busRef": {"kind": kind}, "benchling": {"schemas": schemas}})
}

#[tokio::test]
async fn admission_knows_what_a_rule_may_say() {
    let (one, two) = (Some("must set eventPattern, benchling, or schedule"), Some("must not set both eventPattern and benchling"));
    let rows = vec![
        ("a pattern", json!({}), None),
        ("a schedule", json!({"eventPattern": null, "schedule": "rate(5 minutes)"}), None),
        ("both", json!({"schedule": "rate(5 minutes)"}), None),
        ("read-only management events", json!({"state": "EnabledWithAllCloudTrailManagementEvents"}), None),
        ("another state", json!({"state": "ENABLED"}), Some("spec.state")),
        ("neither", json!({"eventPattern": null}), one),
        (
            "a shorthand",
            json!({"eventPattern": null, "benchling": {"eventTypes": ["v2.entity.registered"], "schemas": {"names": ["P"]}}}),
            None,
        ),
        ("every event", json!({"eventPattern": null, "benchling": {}}), None),
        ("a chosen schema of an app", chosen("BenchlingApp", &["Sample"]), None),
        ("of a bus", chosen("EventBus", &["Sample"]), Some("schemas.configured requires spec.busRef of kind BenchlingApp")),
        ("a schema without a path", chosen("BenchlingApp", &[]), Some("configured[0].path")),
        ("a pattern and a shorthand", json!({"benchling": {}}), two),
        ("a bus of a subscription", json!({"busRef": {"kind": "BenchlingSubscription"}}), None),
        ("a pattern that is a text", json!({"eventPattern": "{}"}), Some("spec.eventPattern")),
        ("no expression", json!({"eventPattern": null, "schedule": "every day"}), Some("spec.schedule")),
        ("no bus", json!({"busRef": null}), Some("spec.busRef: Required")),
        ("a bus without a name", json!({"busRef": {"name": ""}}), Some("spec.busRef.name")),
        ("another kind of bus", json!({"busRef": {"kind": "Queue"}}), Some("spec.busRef.kind")),
        ("a name of 64", json!({"name": text(64)}), None),
        ("a name of 65", json!({"name": text(65)}), Some("spec.name: Too long")),
        ("a name with a space", json!({"name": "a b"}), Some("spec.name")),
        ("a description", json!({"description": text(512)}), None),
        ("an empty description", json!({"description": ""}), Some("spec.description")),
        ("a description of 513", json!({"description": text(513)}), Some("spec.description: Too long")),
        ("disabled", json!({"state": "Disabled"}), None),
        ("AWS's own spelling of it", json!({"state": "DISABLED"}), Some("spec.state")),
        ("40 tags", json!({"tags": tags(40)}), None),
        ("41 tags", json!({"tags": tags(41)}), Some("spec.tags: Too many")),
        ("a tag of 128 and 256", json!({"tags": {text(128): text(256)}}), None),
        ("a key of 129", json!({"tags": {text(129): "v"}}), Some("a key of a tag has 1 to 128 characters")),
        ("an empty key", json!({"tags": {"": "v"}}), Some("a key of a tag has 1 to 128 characters")),
        ("a reserved key", json!({"tags": {"aws:x": "v"}}), Some("which AWS reserves")),
        ("a value of 257", json!({"tags": {"k": text(257)}}), Some("spec.tags.k: Too long")),
        ("variables", target(json!({"inputTransformer": {"inputPathsMap": {"a": "$.b", "c": "$"}, "inputTemplate": "<a>"}})), None),
        (
            "a variable without $.",
            target(json!({"inputTransformer": {"inputPathsMap": {"a": "detail.id"}, "inputTemplate": "<a>"}})),
            Some("inputPathsMap.a"),
        ),
        (
            "a variable of 257",
            target(json!({"inputTransformer": {"inputPathsMap": {"a": format!("$.{}", text(255))}, "inputTemplate": "<a>"}})),
            Some("inputPathsMap.a: Too long"),
        ),
        ("five targets", targets(&["1", "2", "3", "4", "5"]), None),
        ("six targets", targets(&["1", "2", "3", "4", "5", "6"]), Some("spec.targets: Too many")),
        ("one name twice", targets(&["1", "1"]), Some("duplicate entries for key [name=")),
        ("a target's id with a slash", targets(&["a/b"]), Some("spec.targets[0].name")),
        ("a target without a sink", json!({"targets": [{"name": "t"}]}), Some("sinkRef: Required")),
        ("a constant", target(json!({"input": {"a": 1}})), None),
        ("a constant that is a text", target(json!({"input": "a"})), Some("input")),
        ("a path", target(json!({"inputPath": "$.detail"})), None),
        ("a path without $", target(json!({"inputPath": "detail"})), Some("inputPath")),
        ("a transformer", target(json!({"inputTransformer": {"inputTemplate": "\"x\""}})), None),
        ("an empty template", target(json!({"inputTransformer": {"inputTemplate": ""}})), Some("inputTemplate")),
        ("two inputs", target(json!({"input": {}, "inputPath": "$"})), Some("at most one of input, inputPath, and inputTransformer")),
        ("60 seconds", target(json!({"retry": {"maximumEventAgeSeconds": 60, "maximumRetryAttempts": 0}})), None),
        ("59 seconds", target(json!({"retry": {"maximumEventAgeSeconds": 59}})), Some("maximumEventAgeSeconds")),
        ("over a day", target(json!({"retry": {"maximumEventAgeSeconds": 86401}})), Some("maximumEventAgeSeconds")),
        ("185 attempts", target(json!({"retry": {"maximumEventAgeSeconds": 86400, "maximumRetryAttempts": 185}})), None),
        ("186 attempts", target(json!({"retry": {"maximumRetryAttempts": 186}})), Some("maximumRetryAttempts")),
        ("a dead letter", target(json!({"deadLetter": {"sinkRef": {"name": "d"}}})), None),
        ("a dead letter to nowhere", target(json!({"deadLetter": {}})), Some("deadLetter.sinkRef: Required")),
        ("observed and retained", json!({"managementPolicy": "Observe", "deletionPolicy": "Retain"}), None),
        ("another policy", json!({"deletionPolicy": "Keep"}), Some("spec.deletionPolicy")),
        ("another management", json!({"managementPolicy": "Look"}), Some("spec.managementPolicy")),
    ];
    table("EventRule", rule(), false, rows).await;
    let changes = vec![
        ("another pattern", json!({"eventPattern": {"source": ["y"]}}), None),
        ("a schedule instead", json!({"eventPattern": null, "schedule": "rate(1 hour)"}), None),
        ("another bus", json!({"busRef": {"name": "c"}}), Some("busRef is immutable")),
        ("a bus elsewhere", json!({"busRef": {"namespace": "c"}}), Some("busRef is immutable")),
        ("another name", json!({"name": "m"}), Some("name is immutable")),
        ("no name", json!({"name": null}), Some("name is immutable")),
    ];
    table("EventRule", merged(rule(), json!({"name": "n"})), true, changes).await;
}

#[tokio::test]
async fn admission_knows_what_a_bus_may_say() {
    let default = |more: Value| merged(json!({"name": "default"}), more);
    let used = Some("of the default bus the operator changes only the log");
    let log = |delivery: Value| json!({"log": {"level": "INFO", "delivery": delivery}});
    let group = |managed: Value| log(json!({"logGroup": {"managed": managed}}));
    let one = Some("log.delivery must set exactly one of logGroup, firehose, and s3");
    let stream = format!("arn:aws:firehose:{REGION}:111122223333:deliverystream/a");
    let rows = vec![
        ("nothing", json!({}), None),
        ("a name of 256", json!({"name": text(256)}), None),
        ("a name of 257", json!({"name": text(257)}), Some("spec.name: Too long")),
        ("a partner's name", json!({"name": "aws.partner/x"}), Some("spec.name")),
        ("the default bus", default(json!({"allowedNamespaces": ["*"]})), None),
        ("its description", default(json!({"description": "d"})), used),
        ("its key", default(json!({"kmsKeyId": "k"})), used),
        ("its dead letter", default(json!({"deadLetter": {"sinkRef": {"name": "d"}}})), used),
        ("its tags", default(json!({"tags": {"a": "b"}})), used),
        ("its deletion", default(json!({"deletionPolicy": "Delete"})), used),
        ("its log without a destination", default(json!({"log": {"level": "INFO"}})), used),
        ("its log", default(group(json!({}))), None),
        ("a log group", group(json!({"name": "/logs/a", "retentionDays": 14, "class": "STANDARD", "deletionPolicy": "Delete"})), None),
        ("a sink of logs", log(json!({"logGroup": {"sinkRef": {"name": "a"}}})), None),
        ("a stream", log(json!({"firehose": {"arn": stream}})), None),
        ("a bucket", log(json!({"s3": {"arn": "arn:aws:s3:::logs"}})), None),
        ("a prefix in a bucket", log(json!({"s3": {"arn": "arn:aws:s3:::logs/a/b"}})), None),
        ("no destination", log(json!({})), one),
        ("two destinations", log(json!({"logGroup": {"managed": {}}, "s3": {"arn": "arn:aws:s3:::logs"}})), one),
        ("two log groups", log(json!({"logGroup": {"managed": {}, "sinkRef": {"name": "a"}}})), Some("exactly one of managed and sinkRef")),
        ("15 days", group(json!({"retentionDays": 15})), Some("retentionDays must be one of")),
        ("a log group with a space", group(json!({"name": "a b"})), Some("managed.name")),
        ("another log class", group(json!({"class": "DELIVERY"})), Some("managed.class")),
        ("a queue for the log", log(json!({"firehose": {"arn": "arn:aws:sqs:eu-west-1:111122223333:q"}})), Some("firehose.arn")),
        ("a bucket that is none", log(json!({"s3": {"arn": "arn:aws:s3:::Logs"}})), Some("s3.arn")),
        ("a log without a level", json!({"log": {"delivery": {"logGroup": {"managed": {}}}}}), Some("spec.log.level: Required")),
        ("all of it on another", json!({"description": "d", "kmsKeyId": "k", "tags": {"a": "b"}, "deletionPolicy": "Retain"}), None),
        ("a region", json!({"region": "ap-southeast-2"}), None),
        ("no region", json!({"region": "Ireland"}), Some("spec.region")),
        ("an empty description", json!({"description": ""}), Some("spec.description")),
        ("an empty key", json!({"kmsKeyId": ""}), Some("spec.kmsKeyId")),
        ("a dead letter without a sink", json!({"deadLetter": {}}), Some("sinkRef: Required")),
        ("41 tags", json!({"tags": tags(41)}), Some("spec.tags: Too many")),
        ("an account", json!({"accountRef": {"name": "a"}}), None),
        ("an account without a name", json!({"accountRef": {"name": ""}}), Some("spec.accountRef.name")),
        ("another kind of account", json!({"accountRef": {"name": "a", "kind": "User"}}), Some("spec.accountRef.kind")),
        ("another management", json!({"managementPolicy": "Look"}), Some("spec.managementPolicy")),
    ];
    table("EventBus", json!({}), false, rows).await;
    existing_buses().await;
    let changes = vec![
        ("a description", json!({"description": "d"}), None),
        ("another account", json!({"accountRef": {"name": "b"}}), Some("accountRef is immutable")),
        ("no account", json!({"accountRef": null}), Some("accountRef is immutable")),
        ("another region", json!({"region": "eu-west-2"}), Some("region is immutable")),
        ("no region", json!({"region": null}), Some("region is immutable")),
        ("another name", json!({"name": "m"}), Some("name is immutable")),
        ("no name", json!({"name": null}), Some("name is immutable")),
    ];
    table("EventBus", json!({"accountRef": {"name": "a"}, "region": "eu-west-1", "name": "n"}), true, changes).await;
}

async fn existing_buses() {
    let arn = "arn:aws:events:eu-west-1:111122223333:event-bus/central";
    let from = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "told", "fieldPath": "data.arn"});
    let (one, unchanged) = (Some("must set exactly one of name, arn, and arnFrom"), Some("that the operator does not change"));
    let mut rows = vec![
        ("an existing bus", json!({}), None),
        ("a partner's", json!({"existing": {"name": "aws.partner/benchling.com/acme/a"}}), None),
        ("by its ARN", json!({"existing": {"name": null, "arn": arn}}), None),
        ("by an object", json!({"existing": {"name": null, "arnFrom": from}}), None),
        ("what else it may have", json!({"region": "eu-west-1", "allowedNamespaces": ["*"], "managementPolicy": "Observe"}), None),
        ("by name and ARN", json!({"existing": {"arn": arn}}), one),
        ("by nothing", json!({"existing": {"name": null}}), one),
        ("another ARN", json!({"existing": {"name": null, "arn": "arn:aws:sqs:eu-west-1:111122223333:q"}}), Some("spec.existing.arn")),
    ];
    for field in [
        json!({"name": "n"}),
        json!({"eventSourceName": "aws.partner/benchling.com/acme/a"}),
        json!({"description": "d"}),
        json!({"kmsKeyId": "k"}),
        json!({"deadLetter": {"sinkRef": {"name": "d"}}}),
        json!({"log": {"level": "INFO"}}),
        json!({"grants": [{"name": "g", "accountId": "111122223333"}]}),
        json!({"tags": {"a": "b"}}),
        json!({"archives": [{"name": "all"}]}),
        json!({"deletionPolicy": "Retain"}),
    ] {
        rows.push(("what would change it", field, unchanged));
    }
    table("EventBus", json!({"existing": {"name": "central"}}), false, rows).await;
    let changes = vec![
        ("another name", json!({"existing": {"name": "other"}}), Some("existing.name is immutable")),
        ("none", json!({"existing": null}), Some("the choice between a managed and an existing event bus is immutable")),
        ("its ARN", json!({"existing": {"name": null, "arn": arn}}), None),
    ];
    table("EventBus", json!({"existing": {"name": "central"}}), true, changes).await;
}

#[tokio::test]
async fn admission_knows_what_an_account_may_say() {
    let credentials = |more: Value| json!({"credentials": more});
    let role = |arn: &str| credentials(json!({"assumeRole": {"roleArn": arn}}));
    let grant = |more: Value| json!({"grants": [merged(json!({"namespaces": ["a"]}), more)]});
    let many: Vec<_> = (0..101).map(|i| format!("n{i}")).collect();
    let rows = vec![
        ("an id and a region", json!({}), None),
        ("11 digits", json!({"accountId": "11112222333"}), Some("spec.accountId")),
        ("no id", json!({"accountId": null}), Some("spec.accountId: Required")),
        ("China", json!({"partition": "aws-cn", "region": "cn-north-1"}), None),
        ("the Moon", json!({"partition": "aws-moon"}), Some("spec.partition")),
        ("no region", json!({"region": null}), Some("spec.region: Required")),
        ("a zone", json!({"region": "eu-west-1a"}), Some("spec.region")),
        ("an endpoint", json!({"endpoint": "https://vpce.example:8443/x"}), None),
        ("another protocol", json!({"endpoint": "ftp://x"}), Some("spec.endpoint")),
        ("the pod's own", credentials(json!({})), None),
        ("a Secret", credentials(json!({"secretRef": {"name": "s"}})), None),
        ("a Secret without a name", credentials(json!({"secretRef": {"name": ""}})), Some("secretRef.name")),
        ("a role", role("arn:aws-us-gov:iam::111122223333:role/path/r"), None),
        ("a user", role("arn:aws:iam::111122223333:user/u"), Some("roleArn")),
        (
            "an external id of one character",
            credentials(json!({"assumeRole": {"roleArn": "arn:aws:iam::111122223333:role/r", "externalId": "x"}})),
            Some("externalId"),
        ),
        (
            "both",
            credentials(json!({"secretRef": {"name": "s"}, "assumeRole": {"roleArn": "arn:aws:iam::111122223333:role/r"}})),
            Some("must not set both assumeRole and secretRef"),
        ),
        ("41 tags", json!({"defaultTags": tags(41)}), Some("spec.defaultTags: Too many")),
        ("a reserved key", json!({"defaultTags": {"aws:x": "v"}}), Some("which AWS reserves")),
        ("a grant", grant(json!({"arns": ["arn:aws:sqs:*"], "roles": ["*"]})), None),
        ("a grant to nobody", grant(json!({"namespaces": []})), Some("namespaces")),
        ("a grant to 101", grant(json!({"namespaces": many})), Some("namespaces: Too many")),
        ("101 ARNs", grant(json!({"arns": many})), Some("arns: Too many")),
        ("101 roles", grant(json!({"roles": many})), Some("roles: Too many")),
    ];
    let base = json!({"accountId": "111122223333", "region": "eu-west-1"});
    table("AwsAccount", base.clone(), false, rows).await;
    let changes = vec![
        ("another region", json!({"region": "eu-west-2"}), None),
        ("another account", json!({"accountId": "111122224444"}), Some("accountId is immutable")),
        ("another partition", json!({"partition": "aws-cn"}), Some("partition is immutable")),
    ];
    table("AwsAccount", base, true, changes).await;
}
