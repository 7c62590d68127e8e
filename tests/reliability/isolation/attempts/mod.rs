//! Row N1: an attempt for every field of A's kinds that can name a resource of B's.

pub mod app;
pub mod arn_from;
pub mod parameters;
pub mod role;
pub mod secret;

use serde_json::{Value, json};
use tributary_testkit::{REGION, World};

pub const SOURCE: &str = "aws.partner/benchling.com/acme/b";

/// An object of A's: the fields by which it reaches for B's, kind, spec, the reason it must get and what the message must name.
pub struct Attempt {
    pub fields: &'static [&'static str],
    pub kind: &'static str,
    pub spec: Value,
    pub annotations: Value,
    pub reason: &'static str,
    pub names: String,
}

pub fn attempt(fields: &'static [&'static str], kind: &'static str, spec: Value, reason: &'static str, names: &str) -> Attempt {
    Attempt { fields, kind, spec, annotations: json!({}), reason, names: names.into() }
}

#[allow(clippy::too_many_lines)] // a table
pub fn attempts(b: &World, private: &str) -> Vec<Attempt> {
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
    let log = |delivery: Value| json!({"log": {"level": "INFO", "delivery": delivery}});
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
            rule(own.clone(), mine.clone(), far.clone()),
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
            &["EventBus.log.delivery.logGroup.managed.name"],
            "EventBus",
            log(json!({"logGroup": {"managed": {"name": "/theirs"}}})),
            "NotOwned",
            "log group /theirs",
        ),
        attempt(
            &["EventBus.log.delivery.logGroup.sinkRef.name"],
            "EventBus",
            log(json!({"logGroup": {"sinkRef": near}})),
            "SinkNotFound",
            "spec.log.delivery.logGroup.sinkRef",
        ),
        attempt(
            &["EventBus.log.delivery.logGroup.sinkRef.namespace"],
            "EventBus",
            log(json!({"logGroup": {"sinkRef": far}})),
            "ReferenceNotPermitted",
            "spec.log.delivery.logGroup.sinkRef",
        ),
        attempt(
            &["EventBus.log.delivery.firehose.arn"],
            "EventBus",
            log(json!({"firehose": {"arn": arn("firehose", "deliverystream/theirs")}})),
            "ArnNotPermitted",
            "spec.log.delivery.firehose.arn",
        ),
        attempt(
            &["EventBus.log.delivery.s3.arn"],
            "EventBus",
            log(json!({"s3": {"arn": "arn:aws:s3:::theirs"}})),
            "ArnNotPermitted",
            "spec.log.delivery.s3.arn",
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
        attempt(
            &["EventBus.existing.name"],
            "EventBus",
            json!({"existing": {"name": named("b")}}),
            "ArnNotPermitted",
            "spec.grants[].arns",
        ),
        attempt(
            &["EventBus.existing.arn"],
            "EventBus",
            json!({"existing": {"arn": arn("events", &format!("event-bus/{}", named("b")))}}),
            "ArnNotPermitted",
            "spec.grants[].arns",
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
        attempt(
            &["EventBus.policyStatements.principals.aws"],
            "EventBus",
            json!({"policyStatements": [{"name": "x", "principals": {"aws": [id]}, "actions": ["events:*"]}]}),
            "PrincipalNotPermitted",
            "spec.grants[].principals",
        ),
        attempt(
            &["EventBus.policyStatements.principals.services"],
            "EventBus",
            json!({"policyStatements": [{"name": "x", "principals": {"services": ["s3.amazonaws.com"]}, "actions": ["events:*"]}]}),
            "PrincipalNotPermitted",
            "spec.grants[].principals",
        ),
        attempt(
            &["EventSink.apiDestination.managed.connection.privateEndpoint.resourceConfigurationArn"],
            "EventSink",
            json!({"apiDestination": {"managed": {"endpoint": "https://theirs.test/in", "connection": {
                "basic": {"username": "u", "passwordSecretRef": {"name": "login", "key": "password"}},
                "privateEndpoint": {"resourceConfigurationArn": arn("vpc-lattice", "resourceconfiguration/rcfg-theirs0123456789a")}}}}}),
            "ArnNotPermitted",
            "privateEndpoint.resourceConfigurationArn",
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
        attempt(&["EventRedrive.sinkRef.name"], "EventRedrive", json!({"sinkRef": near}), "SinkNotFound", "spec.sinkRef"),
        attempt(
            &["EventRedrive.sinkRef.namespace"],
            "EventRedrive",
            json!({"sinkRef": far}),
            "ReferenceNotPermitted",
            "spec.allowedNamespaces",
        ),
        attempt(&["EventRedrive.rules"], "EventRedrive", json!({"sinkRef": mine, "rules": ["r"]}), "RuleNotFound", "spec.rules[0]"),
    ];
    let mut forged = |kind: &'static str, spec: Value, word: String, reason, names: &str| {
        let annotations = json!({"tributary.dev/adopt": word});
        all.push(Attempt { annotations, ..attempt(&["annotation"], kind, spec, reason, names) });
    };
    let grant = "spec.grants[].arns";
    forged("EventBus", json!({"name": named("b")}), "true".into(), "ArnNotPermitted", grant);
    forged("EventBus", json!({"name": named("b")}), format!("e2e/EventBus/{there}/b"), "ArnNotPermitted", grant);
    forged("EventBus", log(json!({"logGroup": {"managed": {"name": "/theirs"}}})), "true".into(), "NotOwned", "log group /theirs");
    forged("EventSink", json!({"sqs": {"managed": {"name": named("q")}}}), format!("e2e/EventSink/{there}/q"), "ArnNotPermitted", grant);
    forged("EventSink", json!({"sqs": {"managed": {"name": "nobodys"}}}), "true".into(), "ArnNotPermitted", grant);
    forged("EventSink", json!({"logGroup": {"managed": {"name": "/theirs"}}}), "true".into(), "ArnNotPermitted", grant);
    all
}

/// Fields whose attempts stand in the test itself, for they are of children, or harmless by construction (a rule's name is its bus's).
pub const ELSEWHERE: &[&str] = &[
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
    // Those of its bus, which is an `EventBus`.
    "BenchlingSubscription.bus.log.delivery.firehose.arn",
    "BenchlingSubscription.bus.log.delivery.logGroup.managed.name",
    "BenchlingSubscription.bus.log.delivery.logGroup.sinkRef.name",
    "BenchlingSubscription.bus.log.delivery.logGroup.sinkRef.namespace",
    "BenchlingSubscription.bus.log.delivery.s3.arn",
    "BenchlingSubscription.monitoring.logGroup.name",
    "EventRule.name",
];
