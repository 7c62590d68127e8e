//! What becomes of each kind of dead letter.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::*;
use crate::steps::{EventsStep, LambdaStep, PublishStep, Redelivery, SnsStep, SqsStep, StatesStep, Step, TargetSettings};

const RULE: &str = "arn:aws:events:eu-west-1:111122223333:rule/b/r";
const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:q";

fn target(id: &str, arn: &str) -> TargetSettings {
    TargetSettings { id: id.into(), arn: arn.into(), ..TargetSettings::default() }
}

fn rules(targets: Vec<TargetSettings>) -> BTreeMap<String, RuleTargets> {
    BTreeMap::from([(RULE.to_owned(), RuleTargets { key: "prod/r".into(), arn: RULE.into(), targets })])
}

fn event() -> Value {
    json!({"version": "0", "id": "e", "detail-type": "made", "source": "test", "time": "2026-11-20T10:00:00Z", "resources": ["x"],
        "detail": {"n": 1}})
}

fn letter(target_arn: &str) -> Letter {
    Letter {
        message_id: "m".into(),
        body: event().to_string(),
        rule_arn: Some(RULE.into()),
        target_arn: Some(target_arn.into()),
        error_code: Some("NO_PERMISSIONS".into()),
        sent_at: "2026-11-20T10:00:00Z".parse().ok(),
        ..Letter::default()
    }
}

fn plan(targets: Vec<TargetSettings>, letter: &Letter) -> Result<Planned, KeptReason> {
    Redrive { rules: &rules(targets), removed_targets: None, targets: &[] }.plan(letter).map_err(|kept| kept.reason)
}

fn sent(step: &Step) -> &Redelivery {
    match step {
        Step::Sqs(SqsStep::SendMessage(letter))
        | Step::Sns(SnsStep::Publish(letter))
        | Step::Lambda(LambdaStep::InvokeFunction(letter))
        | Step::States(StatesStep::StartExecution(letter))
        | Step::Events(EventsStep::Publish(PublishStep::PutEvents(letter))) => letter,
        other => panic!("{other} sends nothing"),
    }
}

#[test]
fn each_type_has_its_call() {
    for (service, resource, call) in [
        ("sqs", "q", "sqs:SendMessage"),
        ("sns", "t", "sns:Publish"),
        ("lambda", "function:f:live", "lambda:InvokeFunction"),
        ("states", "stateMachine:s", "states:StartExecution"),
        ("events", "event-bus/other", "events:PutEvents"),
    ] {
        let arn = format!("arn:aws:{service}:eu-west-1:111122223333:{resource}");
        let planned = plan(vec![target("t", &arn)], &letter(&arn)).unwrap();
        assert_eq!(planned.step.action(), call);
        assert_eq!((sent(&planned.step).target_arn.as_str(), planned.target.as_deref()), (arn.as_str(), Some("t")));
        assert_eq!(serde_json::from_str::<Value>(sent(&planned.step).payload.expose()).unwrap(), event());
    }
    for other in [
        "arn:aws:kinesis:eu-west-1:111122223333:stream/s",
        "arn:aws:events:eu-west-1:111122223333:api-destination/a/1",
        "arn:aws:events:eu-central-1:111122223333:event-bus/far",
        "no ARN",
    ] {
        assert_eq!(plan(vec![target("t", other)], &letter(other)), Err(KeptReason::TargetUnsupported), "{other}");
    }
}

#[test]
fn the_transformation_of_the_target_is_applied_again() {
    let of = |settings: TargetSettings| {
        let settings = TargetSettings { id: "t".into(), arn: QUEUE.into(), ..settings };
        plan(vec![settings], &letter(QUEUE)).map(|planned| sent(&planned.step).payload.expose().to_owned())
    };
    let constant = TargetSettings { input: Some(json!({"a": 1})), ..TargetSettings::default() };
    assert_eq!(of(constant).unwrap(), r#"{"a":1}"#);
    assert_eq!(of(TargetSettings { input_path: Some("$.detail".into()), ..TargetSettings::default() }).unwrap(), r#"{"n":1}"#);
    let paths = BTreeMap::from([("n".to_owned(), "$.detail.n".to_owned())]);
    let template = r#"{"n": <n>, "rule": <aws.events.rule-name>, "at": <aws.events.event.ingestion-time>}"#.to_owned();
    let transformer = TargetSettings { transformer: Some((paths, template)), ..TargetSettings::default() };
    assert_eq!(of(transformer).unwrap(), r#"{"n":1,"rule":"r","at":"2026-11-20T10:00:00Z"}"#);
    let group = TargetSettings { message_group_id: Some("g".into()), ..target("t", QUEUE) };
    assert_eq!(sent(&plan(vec![group], &letter(QUEUE)).unwrap().step).message_group_id.as_deref(), Some("g"));
    let broken = Letter { body: "no event".into(), ..letter(QUEUE) };
    assert_eq!(plan(vec![target("t", QUEUE)], &broken), Err(KeptReason::InputNotBuilt));
}

#[test]
fn attributes_choose_among_the_targets_of_the_rule_only() {
    let have = || vec![target("t", QUEUE)];
    let other = "arn:aws:sqs:eu-west-1:111122223333:other";
    assert_eq!(plan(have(), &letter(other)), Err(KeptReason::TargetRemoved));
    assert_eq!(
        plan(have(), &Letter { rule_arn: Some("arn:aws:events:eu-west-1:1:rule/x".into()), ..letter(QUEUE) }),
        Err(KeptReason::RuleNotFound)
    );
    assert_eq!(plan(have(), &Letter { rule_arn: None, ..letter(QUEUE) }), Err(KeptReason::NotADeadLetter));
    assert_eq!(plan(have(), &Letter { target_arn: None, ..letter(QUEUE) }), Err(KeptReason::NotADeadLetter));
    // Only to a sink of the cluster, if asked.
    let (rules, sinks) = (rules(have()), BTreeSet::from([other.to_owned()]));
    let asked = Redrive { rules: &rules, removed_targets: Some(&sinks), targets: &[] };
    assert_eq!(asked.plan(&letter(other)).unwrap().target, None);
    let unknown = letter("arn:aws:sqs:eu-west-1:111122223333:unknown");
    assert_eq!(asked.plan(&unknown).unwrap_err().reason, KeptReason::TargetRemoved);
}

#[test]
fn targets_with_the_same_arn_are_told_apart_by_name_only() {
    let twice = || vec![target("a", QUEUE), TargetSettings { input_path: Some("$.detail".into()), ..target("b", QUEUE) }];
    assert_eq!(plan(twice(), &letter(QUEUE)), Err(KeptReason::TargetAmbiguous));
    let (rules, names) = (rules(twice()), ["b".to_owned()]);
    let planned = Redrive { rules: &rules, removed_targets: None, targets: &names }.plan(&letter(QUEUE)).unwrap();
    assert_eq!((planned.target.as_deref(), planned.bytes), (Some("b"), r#"{"n":1}"#.len()));
}

#[test]
fn a_bus_takes_only_what_put_events_accepts() {
    let bus = "arn:aws:events:eu-west-1:111122223333:event-bus/other";
    let with = |name: &str, value: Value| {
        let mut event = event();
        event[name] = value;
        plan(vec![target("t", bus)], &Letter { body: event.to_string(), ..letter(bus) }).map(drop)
    };
    assert_eq!(with("source", json!("test")), Ok(()));
    assert_eq!(with("source", json!("aws.partner/benchling.com/t/a")), Err(KeptReason::SourceReserved));
    assert_eq!(with("detail", json!("text")), Err(KeptReason::InputNotBuilt));
    let parsed =
        PublishedEvent::parse(r#"{"source": "s", "detail-type": "d", "detail": {"n": 1.0}, "time": "2026-11-20T10:00:00Z"}"#).unwrap();
    assert_eq!((parsed.detail.as_str(), parsed.resources.len()), (r#"{"n": 1.0}"#, 0), "numbers stay as they are");
}

#[test]
fn a_filter_admits_by_rule_target_code_and_time() {
    let rules = rules(vec![target("t", QUEUE)]);
    let admits = |filter: Filter| filter.admits(&letter(QUEUE), rules.get(RULE));
    let list = |text: &str| vec![text.to_owned()];
    assert!(admits(Filter::default()));
    for (name, fits) in [("r", true), ("prod/r", true), ("dev/r", false), ("other", false)] {
        assert_eq!(admits(Filter { rules: list(name), ..Filter::default() }), fits, "{name}");
    }
    assert!(admits(Filter { targets: list("t"), error_codes: list("NO_PERMISSIONS"), ..Filter::default() }));
    assert!(!admits(Filter { targets: list("u"), ..Filter::default() }));
    assert!(!admits(Filter { error_codes: list("THROTTLING"), ..Filter::default() }));
    let (sent, later) = ("2026-11-20T10:00:00Z".parse().ok(), "2026-11-20T10:00:01Z".parse().ok());
    assert!(admits(Filter { after: sent, before: later, ..Filter::default() }));
    assert!(!admits(Filter { after: later, ..Filter::default() }) && !admits(Filter { before: sent, ..Filter::default() }));
    assert!(!Filter { rules: list("r"), ..Filter::default() }.admits(&letter(QUEUE), None));
}
