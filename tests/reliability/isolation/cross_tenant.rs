//! Row N1: tenants A and B in namespaces of their own. A's objects reach for B's resources by every field.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tributary_testkit::{Aws, Bed, OPERATOR_NAMESPACE, REGION, Row, World, condition, options};

use super::{
    attempts::{ELSEWHERE, SOURCE, app, arn_from, attempts, parameters, role, secret},
    schema_fields::references,
};

const API: &str = "tributary.dev/v1alpha1";

/// What the operator's `ServiceAccount` asked of the API server, as its audit log has it.
fn audited() -> Vec<Value> {
    let bed: Value = serde_json::from_str(&std::fs::read_to_string(std::env::var("TRIBUTARY_BED").unwrap()).unwrap()).unwrap();
    let log = std::fs::read_to_string(bed["audit"].as_str().unwrap()).unwrap();
    let user = format!("system:serviceaccount:{OPERATOR_NAMESPACE}:tributary");
    log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).filter(|row| row["user"]["username"] == user.as_str()).collect()
}

#[allow(clippy::too_many_lines)] // one row, in its order
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_field_reaches_what_is_another_tenants() {
    let mut row = Row::new(
        "N1-isolation",
        "Two tenants: every field that can reference a resource is set to the other tenant's, by namespace, name collision, AWS name, annotation, owner tag, status: no resource of the other tenant is read with its credentials or changed.",
    );
    let mut b = World::empty("isolation").await;
    let a = b.neighbour("a").await;
    let id = b.aws.account.clone();
    // The shared account lets A use what is called `a-...`, and B all.
    let arns: Vec<_> = ["sqs", "lambda"]
        .iter()
        .flat_map(|s| [format!("arn:aws:{s}:{REGION}:{id}:a-*"), format!("arn:aws:{s}:{REGION}:{id}:function:a-*")])
        .chain([format!("arn:aws:batch:{REGION}:{id}:job-queue/a-*")])
        .chain(parameters::own(&id))
        .collect();
    let mut spec = b.account_spec();
    let everything = spec["grants"][0].clone();
    spec["grants"] = json!([{"namespaces": [b.namespace], "arns": everything["arns"], "roles": everything["roles"]}, {"namespaces": [a.namespace], "arns": arns}]);
    b.apply_account(spec.clone()).await;
    // An account of B's alone, with a Secret of its own that nothing of B's uses either: any call with it is A's doing.
    let (private, name) = (Aws::new(Bed::get()), format!("private-{}", b.namespace));
    let keys = json!({"stringData": {"AWS_ACCESS_KEY_ID": private.account, "AWS_SECRET_ACCESS_KEY": "x"}});
    b.apply_in(Some(OPERATOR_NAMESPACE), "v1", "Secret", &name, keys.clone()).await;
    let closed = json!({"accountId": private.account, "region": REGION, "endpoint": private.endpoint, "credentials": {"secretRef": {"name": name}}, "grants": [{"namespaces": [b.namespace], "arns": ["*"], "roles": ["*"]}]});
    b.apply_in(None, API, "AwsAccount", &name, json!({"spec": closed})).await;
    // A Secret of a tenant's with the name that an account asks for; the operator's namespace has none.
    let decoy = format!("decoy-{}", b.namespace);
    b.apply_in(Some(&b.namespace), "v1", "Secret", &decoy, keys).await;
    let mut lost = closed.clone();
    lost["credentials"]["secretRef"]["name"] = json!(decoy);
    b.apply_in(None, API, "AwsAccount", &decoy, json!({"spec": lost})).await;
    // The operator may read the Secrets of both; B's is of the name that A's sinks say.
    b.permit_secrets().await;
    a.permit_secrets().await;
    b.user_secret("theirs", json!({"k": "v"})).await;
    arn_from::prepare(&a, &b).await;
    b.aws.make_function("theirs").await;
    b.aws.make_topic("theirs").await;
    b.aws.make_machine("theirs").await;
    b.aws.make_function("a-f").await;
    b.aws.logs("CreateLogGroup", json!({"logGroupName": "/theirs"})).await;
    b.aws.sqs("CreateQueue", json!({"QueueName": "nobodys"})).await;
    // There, so that nobody has to look for it in the other accounts that B may use.
    b.aws.make_source(SOURCE).await;
    b.run(options()).await;
    b.apply("EventBus", "b", json!({})).await;
    b.apply("EventSink", "q", json!({"sqs": {"managed": {}}})).await;
    b.apply("EventBus", "source", json!({"eventSourceName": SOURCE})).await;
    b.apply(
        "EventRule",
        "r",
        json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["b"]}, "targets": [{"name": "t", "sinkRef": {"name": "q"}}]}),
    )
    .await;
    b.ready("EventRule", "r").await;
    a.apply("EventBus", "own", json!({"archives": [{"name": "own", "deletionPolicy": "Delete"}]})).await;
    a.apply("EventSink", "mine", json!({"sqs": {"managed": {}}})).await;
    for (kind, name) in [("EventBus", "own"), ("EventSink", "mine")] {
        a.ready(kind, name).await;
    }
    let theirs = |all: std::collections::BTreeMap<String, Value>| -> Vec<_> {
        all.into_iter().filter(|(key, _)| !key.contains(&a.namespace) && !key.contains("a-f")).collect()
    };
    let before = theirs(b.aws.contents().await);
    assert!(before.len() > 4, "{before:?}");

    let mut all = attempts(&b, &name);
    all.extend(role::attempts(&b));
    all.extend(parameters::attempts(&b));
    all.extend(secret::attempts());
    all.extend(app::attempts(&b));
    all.extend(arn_from::attempts());
    let tried: BTreeSet<String> = all.iter().flat_map(|attempt| attempt.fields).chain(ELSEWHERE).map(ToString::to_string).collect();
    let known = references();
    for path in known.difference(&tried) {
        row.trial(Err(format!("{path}: a field that can name a thing of another's, and no attempt with it")));
    }
    for (i, attempt) in all.iter().enumerate() {
        let mut spec = attempt.spec.clone();
        if !matches!(attempt.kind, "EventRule" | "EventReplay" | "EventRedrive" | "BenchlingApp") && spec.get("accountRef").is_none() {
            spec["accountRef"] = json!({"name": a.account});
        }
        let body = json!({"metadata": {"annotations": attempt.annotations}, "spec": spec});
        a.apply_in(Some(&a.namespace), API, attempt.kind, &format!("try{i}"), body).await;
    }
    // Of children, and a rule of A's with the name in AWS that B's rule has.
    let dead = |there: Value| json!({"tenant": "x", "appName": "y", "bus": {"deadLetter": {"sinkRef": there}}, "monitoring": {"logGroup": {"name": "/theirs"}}});
    a.apply("BenchlingSubscription", "lims", dead(json!({"name": "q", "namespace": b.namespace}))).await;
    a.apply("BenchlingSubscription", "near", json!({"tenant": "x", "appName": "z", "bus": {"deadLetter": {"sinkRef": {"name": "q"}}}}))
        .await;
    a.apply(
        "EventRule",
        "clash",
        json!({"name": format!("{}-r", b.namespace), "busRef": {"name": "own"}, "eventPattern": {"source": ["a"]}}),
    )
    .await;
    for (i, attempt) in all.iter().enumerate() {
        row.trial(
            rejected(&a, attempt.kind, &format!("try{i}"), attempt.reason, &attempt.names)
                .await
                .map_err(|error| format!("{:?}: {error}", attempt.fields)),
        );
    }
    row.trial(rejected(&a, "EventSink", "lims-monitoring", "NotOwned", "log group /theirs").await);
    a.ready("EventRule", "clash").await;
    // A bus of A's whose status says that it is one of B's private account.
    let forged = json!({"status": {"identity": {"account": name, "accountId": private.account, "partition": "aws", "region": REGION, "name": "x", "arn": format!("arn:aws:events:{REGION}:{}:event-bus/x", private.account)}}});
    let merge = kube::api::Patch::Merge(forged);
    a.api("EventBus").patch_status("own", &kube::api::PatchParams::default(), &merge).await.unwrap();
    // A change of a status alone triggers nobody.
    a.annotate("EventBus", "own", "tributary.dev/reconcile-at", Some("now")).await;
    row.trial(rejected(&a, "EventBus", "own", "IdentityChanged", "No changes were made").await);
    let lost = b.wait("AwsAccount", &decoy, "told", |o| condition(o?, "Ready").filter(|c| c.0 == "False").map(|c| c.1)).await;
    row.trial(if lost == "SecretNotFound" { Ok(()) } else { Err(format!("a Secret of another namespace: {lost}")) });

    let calls = private.calls(0).await;
    row.trial(if calls.iter().all(|call| call == "sts:GetCallerIdentity") {
        Ok(())
    } else {
        Err(format!("calls with B's own credentials: {calls:?}"))
    });
    let after = theirs(b.aws.contents().await);
    row.trial(if after == before { Ok(()) } else { Err(format!("B's things changed: {before:?} became {after:?}")) });
    let audit = audited();
    // The test of edits runs in the same cluster, and its sinks name a Secret of their namespace.
    let of_edits = |line: &Value| line["objectRef"]["namespace"].as_str().is_some_and(|namespace| namespace.starts_with("edits-"));
    let secrets: Vec<_> = audit.iter().filter(|line| line["objectRef"]["resource"] == "secrets" && !of_edits(line)).collect();
    assert!(!secrets.is_empty(), "the audit log tells of Secrets");
    for line in &secrets {
        // A's sinks name only what is A's.
        let there = &line["objectRef"]["namespace"];
        let one = (*there == OPERATOR_NAMESPACE || *there == a.namespace.as_str()) && line["verb"] == "get";
        row.trial(if one { Ok(()) } else { Err(format!("a Secret was read elsewhere: {line}")) });
    }
    let forbidden = audit.iter().filter(|line| line["responseStatus"]["code"] == 403).count();
    row.trial(if forbidden == 0 { Ok(()) } else { Err(format!("{forbidden} requests that the chart's roles do not allow")) });
    row.figure("fields that can reference a resource", known.len());
    row.figure("attempts", all.len() + 4);
    row.figure("Secret reads in the audit log", secrets.len());

    // Consent opens: else nothing above could fail.
    spec["grants"] = json!([everything]);
    b.apply_account(spec).await;
    for (kind, name) in [("EventBus", "b"), ("EventSink", "q")] {
        let patch = kube::api::Patch::Merge(json!({"spec": {"allowedNamespaces": [a.namespace]}}));
        b.api(kind).patch(name, &kube::api::PatchParams::default(), &patch).await.unwrap();
    }
    for field in ["EventRule.busRef.namespace", "EventSink.sqs.existing.arn"] {
        let at = all.iter().position(|attempt| attempt.fields == [field]).unwrap();
        a.ready(all[at].kind, &format!("try{at}")).await;
    }
    row.end();
}

async fn rejected(world: &World, kind: &str, name: &str, reason: &str, names: &str) -> Result<(), String> {
    let api = world.api(kind);
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let object = api.get_opt(name).await.unwrap();
        let conditions = object.as_ref().map(|o| o.data["status"]["conditions"].to_string()).unwrap_or_default();
        let said = object.as_ref().and_then(|o| o.data["status"]["conditions"].as_array()).into_iter().flatten();
        // Which of the two refusals comes first depends on whether the other bus is there already.
        let fits = |c: &Value| c["reason"] == reason || (reason == "SourceTaken" && c["reason"] == "NotOwned");
        if said.clone().any(|c| fits(c) && c["status"] == "False" && c["message"].as_str().is_some_and(|m| m.contains(names))) {
            return Ok(());
        }
        if tokio::time::Instant::now() > end {
            return Err(format!("{kind} {name}: not {reason} with {names:?}: {conditions}"));
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
