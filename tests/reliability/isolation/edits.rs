//! Row N1, edits: an object that is ready is edited to what it may not refer to, one field at a time. The refused value reaches no call to
//! AWS, of the object itself or of one that refers to it, and events flow on as before.

use std::collections::BTreeSet;

use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use tributary_testkit::{REGION, Row, World, aws_name, condition, options, reconcile_now, restore, rule_spec, writes_since};

use super::{
    attempts::ELSEWHERE,
    edits_table::{Edited, table},
    schema_fields::references,
};

/// Part of every value that is not permitted.
const FORBIDDEN: &str = "theirs";

/// Resources of the account that the edited objects use, and those of the neighbor that they reach for.
async fn prepare(a: &World, b: &World) {
    let aws = &a.aws;
    for name in ["ours", "theirs"] {
        aws.make_function(name).await;
        aws.make_topic(name).await;
        aws.make_machine(name).await;
        aws.sqs("CreateQueue", json!({"QueueName": name})).await;
        aws.events("CreateEventBus", json!({"Name": name})).await;
    }
    aws.logs("CreateLogGroup", json!({"logGroupName": "/ours-existing"})).await;
    aws.batch("CreateJobQueue", json!({"jobQueueName": "ours"})).await;
    aws.batch("RegisterJobDefinition", json!({"jobDefinitionName": "ours", "type": "container"})).await;
    a.permit_secrets().await;
    a.user_secret("login", json!({"password": "p"})).await;
    b.apply("EventSink", "theirs-queue", json!({"sqs": {"managed": {"name": "theirs-queue"}}})).await;
    b.apply("EventSink", "theirs-logs", json!({"logGroup": {"managed": {"name": "/theirs-logs"}}})).await;
    b.apply("EventBus", "theirs-bus", json!({"name": "theirs-bus"})).await;
    a.apply("EventBus", "b", json!({"name": "ours-b"})).await;
}

/// Edits one field of a ready sink. Says what went wrong.
async fn edit(a: &World, sink: &str, field: &str, merge: &Value) -> Result<(), String> {
    let rule = format!("r-{sink}");
    let mark = a.aws.mark().await;
    let before = a.aws.targets("ours-b", &aws_name(a, &rule)).await;
    let patched = a.api("EventSink").patch(sink, &PatchParams::default(), &Patch::Merge(json!({"spec": merge}))).await;
    match patched {
        Err(kube::Error::Api(error)) if error.code == 422 => return Ok(()),
        Err(error) => return Err(error.to_string()),
        Ok(_) => {}
    }
    let known = [
        "ArnNotPermitted",
        "ReferenceNotPermitted",
        "SinkNotFound",
        "BusNotFound",
        "AccountNotFound",
        "IdentityChanged",
        "ArnFromNotFound",
    ];
    let refused = |object: Option<&DynamicObject>| {
        let object = object?;
        let ready = condition(object, "Ready").filter(|(status, reason, _)| status == "False" && known.contains(&reason.as_str()))?;
        (object.data["status"]["observedGeneration"] == json!(object.metadata.generation)).then_some(ready)
    };
    a.wait("EventSink", sink, &format!("refused: {field}"), refused).await;
    reconcile_now(a, "EventRule", &rule).await;
    let writes = writes_since(a, mark).await;
    let reached: Vec<_> = writes.iter().filter(|call| call.request.to_string().contains(FORBIDDEN)).map(|call| call.name()).collect();
    if !reached.is_empty() {
        return Err(format!("the refused value reached AWS: {reached:?}"));
    }
    let after = a.aws.targets("ours-b", &aws_name(a, &rule)).await;
    if after != before || before.is_empty() {
        return Err(format!("the target changed: {before:?} became {after:?}"));
    }
    let ready = a.get("EventRule", &rule).await.is_some_and(|rule| tributary_testkit::is_ready(&rule));
    if ready { Ok(()) } else { Err("the rule is not ready any more".into()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_refused_edit_of_a_ready_sink_reaches_aws() {
    let mut row =
        Row::new("N1-edits", "a ready sink is edited to what is not permitted, one field at a time; no call to AWS has the value");
    let mut a = World::empty("edits").await;
    let b = a.neighbour("b").await;
    let id = a.aws.account.clone();
    let mut spec = a.account_spec();
    let ours: Vec<_> = ["redshift:cluster:c1", "redshift:dbname:c1/ours", "redshift:dbuser:c1/ours", "ec2:instance/i-0123456789abcdef0"]
        .iter()
        .filter_map(|what| what.split_once(':'))
        .map(|(service, resource)| format!("arn:aws:{service}:{REGION}:{id}:{resource}"))
        .chain([format!("arn:aws:*:{REGION}:{id}:*ours*"), format!("arn:aws:iam::{id}:policy/ours")])
        .collect();
    spec["grants"] = json!([
        {"namespaces": [a.namespace], "arns": ours, "roles": [format!("arn:aws:iam::{id}:role/ours")]},
        {"namespaces": [b.namespace], "arns": ["*"], "roles": ["*"]},
    ]);
    a.apply_account(spec).await;
    a.run(options()).await;
    prepare(&a, &b).await;
    let table = table(&id, &b.namespace);
    for Edited { sink, spec, .. } in &table {
        a.apply("EventSink", sink, spec.clone()).await;
        a.apply("EventRule", &format!("r-{sink}"), rule_spec("b", &[sink])).await;
    }
    for Edited { sink, .. } in &table {
        a.ready("EventRule", &format!("r-{sink}")).await;
    }
    let tried: BTreeSet<_> = table.iter().flat_map(|row| &row.edits).map(|(field, _)| (*field).to_owned()).collect();
    for path in references().iter().filter(|path| path.starts_with("EventSink.") && !ELSEWHERE.contains(&path.as_str())) {
        // Secrets are read from the sink's own namespace by the sink alone.
        // What `sync` writes to is no target.
        if !tried.contains(path) && !path.to_lowercase().ends_with("secretref.name") && !path.starts_with("EventSink.postgres.") {
            row.trial(Err(format!("{path}: a field that can name a thing of another's, and no edit of it")));
        }
    }
    for Edited { sink, edits, .. } in &table {
        let before = a.get("EventSink", sink).await.unwrap().data["spec"].clone();
        for (field, merge) in edits {
            row.trial(edit(&a, sink, field, merge).await.map_err(|error| format!("{sink}: {field}: {error}")));
            restore(&a, "EventSink", sink, &before).await;
        }
    }
    row.end();
}
