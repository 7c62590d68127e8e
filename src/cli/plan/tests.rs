//! Golden tests of the formats, from plans that are made by hand.

use serde_json::json;
use tributary_api::{Identity, RuleState};
use tributary_core::{
    delivering::{Observed, Subject},
    error::{Reason, ReconcileError, RetryClass},
    steps::{BusSettings, BusStep, RuleSettings, RuleStep, SqsStep, Step, TargetSettings},
};

use super::{
    markdown::markdown,
    report::Report,
    text::{Style, text},
};
use crate::operator::dry_run::{Before, ObjectPlan, Origin};

fn object(kind: &'static str, name: &str, steps: Vec<Step>) -> ObjectPlan {
    ObjectPlan {
        kind,
        key: format!("orders/{name}"),
        origin: Origin::Manifest,
        is_new: false,
        is_deleted: false,
        identity: Some(Identity { arn: format!("arn:aws:x:eu-west-1:111122223333:{name}"), ..Identity::default() }),
        steps,
        withheld: vec![],
        observed: json!(null),
        error: None,
        waits_for: vec![],
        warnings: vec![],
        is_paused: false,
        before: Before::default(),
    }
}

fn target(input_path: Option<&str>) -> TargetSettings {
    TargetSettings { id: "queue".into(), arn: "q".into(), input_path: input_path.map(str::to_owned), ..TargetSettings::default() }
}

fn plans() -> Vec<ObjectPlan> {
    let bus = BusStep::CreateEventBus {
        name: "orders-myapp".into(),
        source: None,
        settings: BusSettings { description: Some("Events of myapp".into()), ..BusSettings::default() },
        tags: [("team".to_owned(), "integrations".to_owned())].into(),
    };
    let settings = RuleSettings { description: None, pattern: Some(json!({"source": ["b"]})), schedule: None, state: RuleState::Disabled };
    let put = RuleStep::PutRule { bus: "orders-myapp".into(), name: "orders-restored".into(), settings, tags: None };
    let targets =
        RuleStep::PutTargets { bus: "orders-myapp".into(), rule: "orders-restored".into(), targets: vec![target(Some("$.detail"))] };
    let before = json!({"rule": {
        "name": "orders-restored", "settings": {"pattern": {"source": ["a"]}, "state": "Enabled"}, "targets": [target(None)],
    }});
    let statement = json!({
        "Sid": "tributary-1", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": "arn:aws:sqs:eu-west-1:111122223333:work",
        "Condition": {"ArnEquals": {"aws:SourceArn": ["arn:aws:events:eu-west-1:111122223333:rule/orders-myapp/orders-restored"]}},
    });
    let blocked = ReconcileError::blocked(Reason::ArnNotPermitted, "spec.lambda.existing.arn: AwsAccount \"default\" does not allow it.");
    let denied = ReconcileError::new(RetryClass::Refused, Reason::AccessDenied, "sqs:GetQueueUrl: AccessDenied");
    let waits = ReconcileError::new(RetryClass::Polled, Reason::SourceNotFound, "waiting for Benchling");
    vec![
        ObjectPlan { is_new: true, waits_for: vec![waits], ..object("EventBus", "myapp", vec![bus.into()]) },
        object("EventSink", "work", vec![SqsStep::PutStatement { name: "orders-work".into(), statement }.into()]),
        ObjectPlan { error: Some(blocked), ..object("EventSink", "handler", vec![]) },
        ObjectPlan { error: Some(denied), ..object("EventSink", "audit", vec![]) },
        object("EventSink", "same", vec![]),
        ObjectPlan { observed: before, ..object("EventRule", "restored", vec![put.into(), targets.into()]) },
        ObjectPlan { is_deleted: true, origin: Origin::Cluster, ..object("EventSink", "old", vec![]) },
    ]
}

fn report() -> Report {
    Report::new(&plans(), |kind, key| (kind == "EventBus" && key == "orders/myapp").then_some("bus.yaml:2"), vec![])
}

const TEXT: &str = r#"+ EventBus orders/myapp  (bus.yaml:2)
  + CreateEventBus orders-myapp
      settings.description: "Events of myapp"
      tags.team: "integrations"
    then waits: SourceNotFound: waiting for Benchling

~ EventSink orders/work
  + PutStatement orders-work: tributary-1

! EventSink orders/handler
    ArnNotPermitted: spec.lambda.existing.arn: AwsAccount "default" does not allow it.

? EventSink orders/audit
    could not be read: AccessDenied: sqs:GetQueueUrl: AccessDenied

~ EventRule orders/restored
  ~ PutRule orders-myapp/orders-restored (disabled)
      settings.pattern: {"source":["a"]} -> {"source":["b"]}
      settings.state: "Enabled" -> "Disabled"
  ~ PutTargets orders-myapp/orders-restored: queue -> q
      targets.queue.input_path: "$.detail"

- EventSink orders/old  (in the cluster)
    left alone: arn:aws:x:eu-west-1:111122223333:old stays in AWS: deletionPolicy is Retain, or the
      object is orphaned

Permissions added:
  + EventSink orders/work: events.amazonaws.com may sqs:SendMessage on
    arn:aws:sqs:eu-west-1:111122223333:work if aws:SourceArn =
    arn:aws:events:eu-west-1:111122223333:rule/orders-myapp/orders-restored

Plan: 1 to create, 2 to update, 0 to replace, 1 to delete, 1 unchanged, 1 blocked, 1 could not be read.
"#;

#[test]
fn the_text_shows_each_change_in_100_columns() {
    let printed = text(&report(), Style::default());
    assert_eq!(printed, TEXT, "{printed}");
    assert!(printed.lines().all(|line| line.chars().count() <= 104), "the summary is one line");
    let colored = text(&report(), Style { is_colored: true, is_quiet: false });
    assert!(colored.contains("\u{1b}[32m+ EventBus orders/myapp"));
}

#[test]
fn the_exit_code_is_that_of_the_worst_object() {
    let code = |plans: &[ObjectPlan]| Report::new(plans, |_, _| None, vec![]).exit_code();
    let all = plans();
    assert_eq!((code(&all), code(&all[..2]), code(&all[4..5]), code(&[])), (1, 2, 0, 0));
    assert_eq!(Report::new(&[], |_, _| None, vec!["bad.yaml:1:1: unknown field".into()]).exit_code(), 1);
}

#[test]
fn markdown_has_errors_first_and_fits_a_comment() {
    let whole = markdown(&report(), 65_536);
    let place = |text: &str| whole.find(text).unwrap_or_else(|| panic!("no {text}: {whole}"));
    assert!(place("EventSink orders/handler") < place("EventBus orders/myapp"));
    assert!(whole.contains("```diff\n+    CreateEventBus orders-myapp\n"), "{whole}");
    assert!(whole.contains("!    PutRule orders-myapp/orders-restored (disabled)\n"), "{whole}");
    let many: Vec<_> = (0..3_000).flat_map(|_| plans()).collect();
    let cut = markdown(&Report::new(&many, |_, _| None, vec![]), 65_536);
    assert!(cut.chars().count() <= 65_536, "{}", cut.chars().count());
    assert!(cut.contains("sections do not fit into this comment"), "{}", &cut[cut.len() - 300..]);
    assert_eq!(cut.matches("```").count() % 2, 0, "no block is cut");
}

#[test]
fn a_value_cannot_close_its_block() {
    let mut plan = plans().swap_remove(0);
    plan.warnings = vec![("SpecWarning".into(), "text with ``` in it".into())];
    let text = markdown(&Report::new(&[plan], |_, _| None, vec![]), 65_536);
    assert!(text.contains("````diff\n"), "{text}");
}

#[test]
fn the_schema_of_the_json_is_stable() {
    let value = serde_json::to_value(report()).unwrap_or_default();
    let keys = |value: &serde_json::Value| value.as_object().map(|object| object.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    assert_eq!(keys(&value), ["objects", "permissionsAdded", "permissionsRemoved", "problems", "schema", "summary"]);
    assert_eq!(keys(&value["summary"]), ["blocked", "create", "delete", "replace", "unchanged", "unreadable", "update"]);
    assert_eq!(keys(&value["objects"][0]), ["action", "arn", "changes", "file", "inCluster", "kind", "object", "origin", "waitsFor"]);
    assert_eq!(keys(&value["objects"][0]["changes"][0]), ["action", "call", "fields", "step"]);
    assert_eq!(keys(&value["objects"][5]["changes"][0]["fields"][0]), ["after", "before", "path"]);
    assert_eq!(value["objects"][2]["error"]["reason"], "ArnNotPermitted");
    assert_eq!(value["schema"], "tributary.dev/plan/v1");
}

#[test]
fn the_cost_of_observed_deliveries_is_estimated() {
    let subject = Subject::Rule { bus: "b".into(), rule: "r".into() };
    let (namespace, name) = ("orders".to_owned(), "r".to_owned());
    let rule = Observed { namespace, name, arn: String::new(), subject, has_dead_letters: false, source: None, log: None };
    let report = Report::new(&[], |_, _| None, vec![]).with_observed(&[rule]);
    let expected = "observeDeliveries: reading the metrics of 1 rules costs about 0.35 USD a month,";
    assert!(text(&report, Style::default()).starts_with(expected), "{}", text(&report, Style::default()));
    assert!(markdown(&report, 65_536).contains("metrics of 1 rules costs about 0.35 USD a month."));
    assert_eq!(serde_json::to_value(&report).unwrap_or_default()["deliveryMetrics"], json!({"rules": 1, "usdPerMonth": 0.35}));
    assert!(Report::new(&[], |_, _| None, vec![]).with_observed(&[]).delivery_metrics.is_none());
}
