//! Row N1, edits of a bus: a ready bus is edited to what its namespace may not refer to, one field at a time. The refused value reaches no
//! call to AWS, and the rules of the bus stay as they are.

use std::collections::BTreeSet;

use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use tributary_testkit::{REGION, Row, World, aws_name, condition, options, reconcile_now, restore, rule_spec, writes_since};

use super::schema_fields::references;

/// Name of the bus in AWS, and of its object and rule.
const BUSES: [(&str, &str); 2] = [("managed", "ours-b"), ("existing", "ours-central")];

/// An edit: the object, the field, the change, and the part of it that must not reach AWS.
type Edit = (&'static str, &'static str, Value, &'static str);

fn edits(id: &str, there: &str) -> Vec<Edit> {
    let from = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "told", "fieldPath": "data.bus"});
    let far = json!({"deadLetter": {"sinkRef": {"name": "theirs-queue", "namespace": there}}});
    let arn = format!("arn:aws:events:{REGION}:{id}:event-bus/theirs");
    let statement =
        |principals: Value| json!({"policyStatements": [{"name": "x", "principals": principals, "actions": ["events:PutEvents"]}]});
    let log = |delivery: Value| json!({"log": {"level": "INFO", "delivery": delivery}});
    let far_log = log(json!({"logGroup": {"sinkRef": {"name": "theirs-queue", "namespace": there}}}));
    let stream = format!("arn:aws:firehose:{REGION}:{id}:deliverystream/theirs");
    vec![
        ("managed", "EventBus.log.delivery.logGroup.managed.name", log(json!({"logGroup": {"managed": {"name": "/theirs"}}})), "theirs"),
        ("managed", "EventBus.log.delivery.logGroup.sinkRef.name", log(json!({"logGroup": {"sinkRef": {"name": "theirs"}}})), "theirs"),
        ("managed", "EventBus.log.delivery.logGroup.sinkRef.namespace", far_log, "theirs"),
        ("managed", "EventBus.log.delivery.firehose.arn", log(json!({"firehose": {"arn": stream}})), "theirs"),
        ("managed", "EventBus.log.delivery.s3.arn", log(json!({"s3": {"arn": "arn:aws:s3:::theirs"}})), "theirs"),
        ("managed", "EventBus.name", json!({"name": "theirs"}), "theirs"),
        ("managed", "EventBus.accountRef.name", json!({"accountRef": {"name": "theirs"}}), "theirs"),
        ("managed", "EventBus.eventSourceName", json!({"eventSourceName": "aws.partner/benchling.com/theirs/a"}), "theirs"),
        ("managed", "EventBus.deadLetter.sinkRef.name", json!({"deadLetter": {"sinkRef": {"name": "theirs"}}}), "theirs"),
        ("managed", "EventBus.deadLetter.sinkRef.namespace", far, "theirs"),
        ("managed", "EventBus.grants.accountId", json!({"grants": [{"name": "g", "accountId": "999955550000"}]}), "999955550000"),
        ("managed", "EventBus.grants.organizationId", json!({"grants": [{"name": "g", "organizationId": "o-theirs12345"}]}), "o-theirs"),
        ("managed", "EventBus.policyStatements.principals.aws", statement(json!({"aws": ["999955550000"]})), "999955550000"),
        ("managed", "EventBus.policyStatements.principals.services", statement(json!({"services": ["s3.amazonaws.com"]})), "s3.amazonaws"),
        ("existing", "EventBus.existing.name", json!({"existing": {"name": "theirs"}}), "theirs"),
        ("existing", "EventBus.existing.arn", json!({"existing": {"name": null, "arn": arn}}), "theirs"),
        ("existing", "EventBus.existing.arnFrom.name", json!({"existing": {"name": null, "arnFrom": from}}), "theirs"),
    ]
}

async fn edit(a: &World, (name, field, merge, forbidden): &Edit, bus: &str) -> Result<(), String> {
    let mark = a.aws.mark().await;
    let before = a.aws.rule(bus, &aws_name(a, name)).await;
    match a.api("EventBus").patch(name, &PatchParams::default(), &Patch::Merge(json!({"spec": merge}))).await {
        Err(kube::Error::Api(error)) if error.code == 422 => return Ok(()),
        Err(error) => return Err(error.to_string()),
        Ok(_) => {}
    }
    let known = ["ArnNotPermitted", "NotOwned", "PrincipalNotPermitted", "ReferenceNotPermitted", "SinkNotFound", "IdentityChanged"];
    let refused = |object: Option<&DynamicObject>| {
        let object = object?;
        let ready = condition(object, "Ready").filter(|(status, reason, _)| status == "False" && known.contains(&reason.as_str()))?;
        (object.data["status"]["observedGeneration"] == json!(object.metadata.generation)).then_some(ready)
    };
    a.wait("EventBus", name, &format!("refused: {field}"), refused).await;
    reconcile_now(a, "EventRule", name).await;
    let writes = writes_since(a, mark).await;
    let reached: Vec<_> = writes.iter().filter(|call| call.request.to_string().contains(forbidden)).map(|call| call.name()).collect();
    if !reached.is_empty() {
        return Err(format!("the refused value reached AWS: {reached:?}"));
    }
    let after = a.aws.rule(bus, &aws_name(a, name)).await;
    let ready = a.get("EventRule", name).await.is_some_and(|rule| tributary_testkit::is_ready(&rule));
    if after == before && before.is_some() && ready { Ok(()) } else { Err(format!("the rule changed: {before:?} became {after:?}")) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_refused_edit_of_a_ready_bus_reaches_aws() {
    let mut row =
        Row::new("N1-bus-edits", "a ready bus is edited to what is not permitted, one field at a time; no call to AWS has the value");
    let mut a = World::empty("busedits").await;
    let b = a.neighbour("b").await;
    let id = a.aws.account.clone();
    let mut spec = a.account_spec();
    spec["grants"] = json!([
        {"namespaces": [a.namespace], "arns": [format!("arn:aws:*:{REGION}:{id}:*ours*")]},
        {"namespaces": [b.namespace], "arns": ["*"], "roles": ["*"]},
    ]);
    a.apply_account(spec).await;
    for bus in ["ours-central", "theirs"] {
        a.aws.events("CreateEventBus", json!({"Name": bus})).await;
    }
    a.aws.logs("CreateLogGroup", json!({"logGroupName": "/theirs"})).await;
    let told = json!({"data": {"bus": format!("arn:aws:events:{REGION}:{id}:event-bus/theirs")}});
    a.apply_in(Some(&a.namespace), "v1", "ConfigMap", "told", told).await;
    a.run(options()).await;
    b.apply("EventSink", "theirs-queue", json!({"sqs": {"managed": {"name": "theirs-queue"}}})).await;
    a.apply("EventBus", "managed", json!({"name": "ours-b"})).await;
    a.apply("EventBus", "existing", json!({"existing": {"name": "ours-central"}})).await;
    a.apply("EventSink", "q", json!({"sqs": {"managed": {}}})).await;
    for (name, _) in BUSES {
        a.apply("EventRule", name, rule_spec(name, &["q"])).await;
    }
    for (name, _) in BUSES {
        a.ready("EventRule", name).await;
    }
    let edits = edits(&id, &b.namespace);
    let tried: BTreeSet<_> = edits.iter().map(|(_, field, ..)| (*field).to_owned()).collect();
    for path in references().iter().filter(|path| path.starts_with("EventBus.") && !tried.contains(*path)) {
        row.trial(Err(format!("{path}: a field that can name a thing of another's, and no edit of it")));
    }
    for one in &edits {
        let (_, bus) = BUSES.into_iter().find(|(name, _)| *name == one.0).unwrap();
        let before = a.get("EventBus", one.0).await.unwrap().data["spec"].clone();
        row.trial(edit(&a, one, bus).await.map_err(|error| format!("{}: {error}", one.1)));
        restore(&a, "EventBus", one.0, &before).await;
    }
    row.end();
}
