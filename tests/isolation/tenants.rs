//! N1: two tenants, A and B, in namespaces of their own. A's objects reach for what is B's by every field.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{apps, fields::references, roles, secrets, told};
use crate::harness::{Aws, Bed, OPERATOR_NAMESPACE, REGION, Row, World, condition, options};

const API: &str = "tributary.dev/v1alpha1";
const SOURCE: &str = "aws.partner/benchling.com/acme/b";

/// An object of A's: the fields by which it reaches for B's, kind, spec, the reason it must get and what the message must name.
pub struct Attempt {
    fields: &'static [&'static str],
    kind: &'static str,
    spec: Value,
    annotations: Value,
    reason: &'static str,
    names: String,
}

pub fn attempt(fields: &'static [&'static str], kind: &'static str, spec: Value, reason: &'static str, names: &str) -> Attempt {
    Attempt { fields, kind, spec, annotations: json!({}), reason, names: names.into() }
}

#[allow(clippy::too_many_lines)] // a table
fn attempts(b: &World, private: &str) -> Vec<Attempt> {
    let (there, id) = (&b.namespace, &b.aws.account);
    let arn = |service: &str, rest: &str| format!("arn:aws:{service}:{REGION}:{id}:{rest}");
    let named = |name: &str| format!("{there}-{name}");
    let far = json!({"name": "q", "namespace": there});
    let near = json!({"name": "q"});
    let rule = |bus: Value, sink: Value, dead: Value| {
        let mut target = json!({"name": "t", "sinkRef": sink});
        if !dead.is_null() {
            target["deadLetter"] = json!({"sinkRef": dead});
        }
        json!({"busRef": bus, "eventPattern": {"source": ["a"]}, "targets": [target]})
    };
    let replay = |bus: Value, archive: &str| {
        let (start, end) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
        json!({"busRef": bus, "archive": archive, "startTime": start, "endTime": end, "rules": ["r"]})
    };
    let own = json!({"name": "own"});
    let mine = json!({"name": "mine"});
    let mut all = vec![
        attempt(
            &["EventRule.busRef.name"],
            "EventRule",
            rule(json!({"name": "b"}), mine.clone(), json!(null)),
            "BusNotFound",
            "spec.busRef",
        ),
        attempt(
            &["EventRule.busRef.namespace"],
            "EventRule",
            rule(json!({"name": "b", "namespace": there}), mine.clone(), json!(null)),
            "ReferenceNotPermitted",
            "spec.allowedNamespaces",
        ),
        attempt(&["EventRule.targets.sinkRef.name"], "EventRule", rule(own.clone(), near.clone(), json!(null)), "SinkNotFound", "sinkRef"),
        attempt(
            &["EventRule.targets.sinkRef.namespace"],
            "EventRule",
            rule(own.clone(), far.clone(), json!(null)),
            "ReferenceNotPermitted",
            "spec.allowedNamespaces",
        ),
        attempt(
            &["EventRule.targets.deadLetter.sinkRef.name"],
            "EventRule",
            rule(own.clone(), mine.clone(), near.clone()),
            "SinkNotFound",
            "deadLetter.sinkRef",
        ),
        attempt(
            &["EventRule.targets.deadLetter.sinkRef.namespace"],
            "EventRule",
            rule(own.clone(), mine, far.clone()),
            "ReferenceNotPermitted",
            "deadLetter.sinkRef",
        ),
        attempt(&["EventBus.name"], "EventBus", json!({"name": named("b")}), "NotOwned", there),
        attempt(
            &["EventBus.accountRef.name"],
            "EventBus",
            json!({"accountRef": {"name": private}}),
            "AccountNotPermitted",
            "spec.grants[].namespaces",
        ),
        attempt(
            &["EventBus.deadLetter.sinkRef.name"],
            "EventBus",
            json!({"deadLetter": {"sinkRef": near}}),
            "SinkNotFound",
            "spec.deadLetter.sinkRef",
        ),
        attempt(
            &["EventBus.deadLetter.sinkRef.namespace"],
            "EventBus",
            json!({"deadLetter": {"sinkRef": far}}),
            "ReferenceNotPermitted",
            "spec.deadLetter.sinkRef",
        ),
        attempt(
            &["EventBus.grants.accountId"],
            "EventBus",
            json!({"grants": [{"name": "in", "accountId": "123456789012"}]}),
            "PrincipalNotPermitted",
            "spec.grants[].principals",
        ),
        attempt(
            &["EventBus.grants.organizationId"],
            "EventBus",
            json!({"grants": [{"name": "in", "organizationId": "o-abcdefghij"}]}),
            "PrincipalNotPermitted",
            "spec.grants[].principals",
        ),
        attempt(&["EventBus.eventSourceName"], "EventBus", json!({"eventSourceName": SOURCE}), "SourceTaken", there),
        attempt(
            &["EventSink.accountRef.name"],
            "EventSink",
            json!({"accountRef": {"name": private}, "sqs": {"managed": {}}}),
            "AccountNotPermitted",
            "spec.grants[].namespaces",
        ),
        attempt(
            &["EventSink.postgres.queue.name"],
            "EventSink",
            json!({"postgres": {"appRef": {"name": "app"}, "database": {"host": "h", "name": "d", "user": "u", "passwordSecretRef": {"name": "s"}},
                "queue": {"name": named("q")}}}),
            "NotOwned",
            there,
        ),
        attempt(
            &["EventSink.sqs.existing.arn"],
            "EventSink",
            json!({"sqs": {"existing": {"arn": arn("sqs", &named("q"))}}}),
            "ArnNotPermitted",
            "spec.grants[].arns",
        ),
        attempt(
            &["EventSink.lambda.existing.arn"],
            "EventSink",
            json!({"lambda": {"existing": {"arn": arn("lambda", "function:theirs")}}}),
            "ArnNotPermitted",
            "spec.grants[].arns",
        ),
        attempt(
            &["EventSink.logGroup.existing.arn"],
            "EventSink",
            json!({"logGroup": {"existing": {"arn": arn("logs", "log-group:/theirs")}}}),
            "ArnNotPermitted",
            "spec.grants[].arns",
        ),
        attempt(
            &["EventSink.roleArn"],
            "EventSink",
            json!({"sqs": {"managed": {}}, "roleArn": format!("arn:aws:iam::{id}:role/theirs")}),
            "ArnNotPermitted",
            "spec.grants[].roles",
        ),
        attempt(
            &["EventSink.sqs.triggers.functionArn"],
            "EventSink",
            json!({"sqs": {"managed": {}, "triggers": [{"functionArn": arn("lambda", "function:theirs")}]}}),
            "ArnNotPermitted",
            "spec.sqs.triggers[0].functionArn",
        ),
        attempt(&["EventSink.sqs.managed.name"], "EventSink", json!({"sqs": {"managed": {"name": named("q")}}}), "NotOwned", there),
        attempt(
            &["EventSink.logGroup.managed.name"],
            "EventSink",
            json!({"logGroup": {"managed": {"name": "/theirs"}}}),
            "NotOwned",
            "log group /theirs",
        ),
        attempt(
            &["EventSink.lambda.onFailure.sinkRef.name"],
            "EventSink",
            json!({"lambda": {"existing": {"arn": arn("lambda", "function:a-f")}, "onFailure": {"sinkRef": {"name": "q"}}}}),
            "SinkNotFound",
            "spec.lambda.onFailure.sinkRef",
        ),
        attempt(
            &["EventSink.lambda.onFailure.sinkRef.namespace"],
            "EventSink",
            json!({"lambda": {"existing": {"arn": arn("lambda", "function:a-f")}, "onFailure": {"sinkRef": far}}}),
            "ReferenceNotPermitted",
            "spec.lambda.onFailure.sinkRef",
        ),
        attempt(
            &["BenchlingSubscription.accountRef.name"],
            "BenchlingSubscription",
            json!({"accountRef": {"name": private}, "tenant": "t", "appName": "a"}),
            "AccountNotPermitted",
            "spec.grants[].namespaces",
        ),
        attempt(
            &["BenchlingSubscription.tenant", "BenchlingSubscription.appName"],
            "BenchlingSubscription",
            json!({"tenant": "acme", "appName": "b"}),
            "SourceTaken",
            there,
        ),
        attempt(
            &["BenchlingSubscription.eventSourceName"],
            "BenchlingSubscription",
            json!({"tenant": "t", "appName": "a", "eventSourceName": SOURCE}),
            "SourceTaken",
            there,
        ),
        attempt(&["EventReplay.busRef.name"], "EventReplay", replay(json!({"name": "b"}), "own"), "BusNotFound", "spec.busRef"),
        attempt(
            &["EventReplay.busRef.namespace"],
            "EventReplay",
            replay(json!({"name": "b", "namespace": there}), "own"),
            "ReferenceNotPermitted",
            "spec.allowedNamespaces",
        ),
        attempt(&["EventReplay.archive"], "EventReplay", replay(own.clone(), "theirs"), "ArchiveNotFound", "spec.archive"),
        attempt(&["EventReplay.rules"], "EventReplay", replay(own, "own"), "RuleNotFound", "spec.rules[0]"),
    ];
    let mut forged = |kind: &'static str, spec: Value, word: String, reason, names: &str| {
        let annotations = json!({"tributary.dev/adopt": word});
        all.push(Attempt { annotations, ..attempt(&["annotation"], kind, spec, reason, names) });
    };
    let grant = "spec.grants[].arns";
    forged("EventBus", json!({"name": named("b")}), "true".into(), "ArnNotPermitted", grant);
    forged("EventBus", json!({"name": named("b")}), format!("e2e/EventBus/{there}/b"), "ArnNotPermitted", grant);
    forged("EventSink", json!({"sqs": {"managed": {"name": named("q")}}}), format!("e2e/EventSink/{there}/q"), "ArnNotPermitted", grant);
    forged("EventSink", json!({"sqs": {"managed": {"name": "nobodys"}}}), "true".into(), "ArnNotPermitted", grant);
    forged("EventSink", json!({"logGroup": {"managed": {"name": "/theirs"}}}), "true".into(), "ArnNotPermitted", grant);
    all
}

/// Fields whose attempts stand in the test itself, for they are of children, or harmless by construction (a rule's name is its bus's).
const ELSEWHERE: &[&str] = &[
    // Whose webhooks they are: `webhooks_of_one_app_and_path_are_of_the_older_object` of target `gateway`.
    "BenchlingApp.appDefinitionId",
    "BenchlingApp.tenants",
    // Read by sync: `what_is_another_namespaces_is_out_of_reach` and `what_the_app_lacks_is_told` of target `sync`.
    "EventSink.postgres.appRef.name",
    "EventSink.postgres.database.passwordSecretRef.name",
    "EventSink.postgres.database.tls.caSecretRef.name",
    "EventSink.postgres.tenant",
    // Worked off by sync: `another_namespaces_bus_needs_its_consent_and_a_partners_takes_nobodys_events`,
    // `what_stands_in_its_way_is_told_and_once_it_is_remedied_all_arrive` and, for what admission refuses,
    // `it_waits_for_the_end_of_its_window_and_is_not_changed` of target `sync`.
    "BenchlingBackfill.appRef.name",
    "BenchlingBackfill.busRef.name",
    "BenchlingBackfill.busRef.namespace",
    "BenchlingBackfill.source",
    "BenchlingBackfill.tenant",
    "BenchlingSubscription.bus.deadLetter.sinkRef.name",
    "BenchlingSubscription.bus.deadLetter.sinkRef.namespace",
    "BenchlingSubscription.monitoring.logGroup.name",
    "EventRule.name",
];

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
        "two tenants: every field that can name a thing reaches for the other's, by namespace, name clash, AWS name, annotation, owner tag, status; nothing of the other's is read with its credentials or changed",
    );
    let mut b = World::empty("isolation").await;
    let a = b.neighbour("a").await;
    let id = b.aws.account.clone();
    // The shared account lets A use what is called `a-...`, and B all.
    let arns: Vec<_> = ["sqs", "lambda"]
        .iter()
        .flat_map(|s| [format!("arn:aws:{s}:{REGION}:{id}:a-*"), format!("arn:aws:{s}:{REGION}:{id}:function:a-*")])
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
    told::prepare(&a, &b).await;
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
    all.extend(roles::attempts(&b));
    all.extend(secrets::attempts());
    all.extend(apps::attempts(&b));
    all.extend(told::attempts());
    let tried: BTreeSet<String> = all.iter().flat_map(|attempt| attempt.fields).chain(ELSEWHERE).map(ToString::to_string).collect();
    let known = references();
    for path in known.difference(&tried) {
        row.trial(Err(format!("{path}: a field that can name a thing of another's, and no attempt with it")));
    }
    for (i, attempt) in all.iter().enumerate() {
        let mut spec = attempt.spec.clone();
        if !matches!(attempt.kind, "EventRule" | "EventReplay" | "BenchlingApp") && spec.get("accountRef").is_none() {
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
            told(&a, attempt.kind, &format!("try{i}"), attempt.reason, &attempt.names)
                .await
                .map_err(|error| format!("{:?}: {error}", attempt.fields)),
        );
    }
    row.trial(told(&a, "EventSink", "lims-monitoring", "NotOwned", "log group /theirs").await);
    a.ready("EventRule", "clash").await;
    // A bus of A's whose status says that it is one of B's private account.
    let forged = json!({"status": {"identity": {"account": name, "accountId": private.account, "partition": "aws", "region": REGION, "name": "x", "arn": format!("arn:aws:events:{REGION}:{}:event-bus/x", private.account)}}});
    let merge = kube::api::Patch::Merge(forged);
    a.api("EventBus").patch_status("own", &kube::api::PatchParams::default(), &merge).await.unwrap();
    // A status alone wakes nobody.
    a.annotate("EventBus", "own", "tributary.dev/reconcile-at", Some("now")).await;
    row.trial(told(&a, "EventBus", "own", "IdentityChanged", "Nothing is written").await);
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
    let secrets: Vec<_> = audit.iter().filter(|line| line["objectRef"]["resource"] == "secrets").collect();
    assert!(!secrets.is_empty(), "the audit log tells of Secrets");
    for line in &secrets {
        // A's sinks name only what is A's.
        let there = &line["objectRef"]["namespace"];
        let one = (*there == OPERATOR_NAMESPACE || *there == a.namespace.as_str()) && line["verb"] == "get";
        row.trial(if one { Ok(()) } else { Err(format!("a Secret was read elsewhere: {line}")) });
    }
    let forbidden = audit.iter().filter(|line| line["responseStatus"]["code"] == 403).count();
    row.trial(if forbidden == 0 { Ok(()) } else { Err(format!("{forbidden} requests that the chart's roles do not allow")) });
    row.figure("fields that can name a thing", known.len());
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

async fn told(world: &World, kind: &str, name: &str, reason: &str, names: &str) -> Result<(), String> {
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
