//! Plans of the rules and queues for change events, applied to what AWS would then hold.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;

use super::*;
use crate::{
    destinations::sqs::ObservedQueue,
    error::RetryClass,
    kinds::rule_in_aws::RuleInAws,
    objects::{Objects, fixed},
    settings::Settings,
    steps::{EventsStep, RuleStep, SqsStep},
};

#[allow(clippy::needless_pass_by_value, reason = "values are written in place")]
fn account(spec: serde_json::Value, status: serde_json::Value) -> AwsAccount {
    let mut whole = json!({"accountId": "111122223333", "region": "eu-west-1"});
    whole.as_object_mut().unwrap().extend(spec.as_object().cloned().unwrap());
    serde_json::from_value(json!({
        "apiVersion": "tributary.dev/v1alpha1", "kind": "AwsAccount", "metadata": {"name": "main"}, "spec": whole, "status": status,
    }))
    .unwrap()
}

/// A bus in this Region; a sink there with a role.
fn view() -> View {
    let status = |account: &str, region: &str, resources: serde_json::Value| {
        let identity =
            json!({"account": account, "accountId": "111122223333", "partition": "aws", "region": region, "name": "n", "arn": "a"});
        json!({"identity": identity, "resources": resources})
    };
    let bus = |name: &str, account: &str, region: &str| -> EventBus {
        serde_json::from_value(
            json!({"apiVersion": "tributary.dev/v1alpha1", "kind": "EventBus", "metadata": {"namespace": "a", "name": name},
                                      "spec": {}, "status": status(account, region, json!([]))}),
        )
        .unwrap()
    };
    let role = json!([{"type": "AWS::IAM::Role", "arn": "arn:aws:iam::111122223333:role/n"}]);
    let sink: EventSink = serde_json::from_value(json!({
        "apiVersion": "tributary.dev/v1alpha1", "kind": "EventSink", "metadata": {"namespace": "a", "name": "s"}, "spec": {},
        "status": status("main", "eu-west-1", role),
    }))
    .unwrap();
    let buses = fixed([bus("b", "main", "us-west-2"), bus("c", "other", "ap-south-1")]);
    let objects = Objects { buses, sinks: fixed([sink]), ..Objects::default() };
    let settings = Arc::new(Settings { installation_id: "i".into(), ..Settings::default() });
    View { objects, settings, resolved_arn: None, resolved_definition: None, now: Timestamp::UNIX_EPOCH }
}

fn watching() -> AwsAccount {
    account(json!({"changeEvents": {}}), json!({}))
}

fn identity() -> Identity {
    Identity {
        account: "main".into(),
        account_id: "111122223333".into(),
        partition: "aws".into(),
        region: "eu-west-1".into(),
        ..Identity::default()
    }
}

fn empty(region: &str) -> ObservedChangeEvents {
    ObservedChangeEvents { region: region.into(), ..ObservedChangeEvents::default() }
}

/// What AWS holds after the steps of a creation.
fn applied(steps: &[Step]) -> Vec<ObservedChangeEvents> {
    let mut all: BTreeMap<String, ObservedChangeEvents> = BTreeMap::new();
    for step in steps {
        let Step::InRegion(step) = step else { panic!("{step} has no Region") };
        let of_region = all.entry(step.region.clone()).or_insert_with(|| empty(&step.region));
        match &step.step {
            Step::Sqs(SqsStep::CreateQueue { name, attributes, tags }) => {
                let queue = ObservedQueue { name: name.clone(), attributes: attributes.clone(), tags: Some(tags.clone()) };
                of_region.queue = ObservedChangeQueue::new(Some(queue));
            }
            Step::Events(EventsStep::Rule(RuleStep::PutRule { bus, name, settings, tags })) => {
                let (bus, name, settings, tags) = (bus.clone(), name.clone(), settings.clone(), tags.clone());
                let rule = RuleInAws { bus, name, arn: "arn".into(), settings, managed_by: None, targets: Some(vec![]), tags };
                of_region.rule = ObservedRule { rule: Some(rule), ..ObservedRule::default() };
            }
            Step::Events(EventsStep::Rule(RuleStep::PutTargets { targets, .. })) => {
                of_region.rule.rule.as_mut().unwrap().targets = Some(targets.clone());
            }
            other => panic!("{other}"),
        }
    }
    all.into_values().collect()
}

fn names(steps: &[Step]) -> Vec<String> {
    steps.iter().map(|step| format!("{} {}", step.region().unwrap_or_default(), step.name())).collect()
}

fn planned(want: &[DesiredChangeEvents], have: &[ObservedChangeEvents]) -> Result<Vec<Step>, ReconcileError> {
    let (identity, owner) = (identity(), owner_of(&watching(), &view()));
    plan(want, have, &PlanContext::new(&identity, &owner))
}

#[test]
fn each_region_of_the_objects_has_a_queue_and_a_rule_in_this_order_and_then_nothing_is_left_to_plan() {
    let want = desired(&watching(), &view(), &identity());
    assert_eq!(want.iter().map(|want| want.region.as_str()).collect::<Vec<_>>(), ["eu-west-1", "us-east-1", "us-west-2"]);
    let steps = planned(&want, &want.iter().map(|want| empty(&want.region)).collect::<Vec<_>>()).unwrap();
    let each = ["CreateQueue", "PutRule", "PutTargets"];
    let expected: Vec<_> = want.iter().flat_map(|want| each.map(|step| format!("{} {step}", want.region))).collect();
    assert_eq!(names(&steps), expected);
    let have = applied(&steps);
    assert_eq!(planned(&want, &have).unwrap(), []);
    let removal = planned(&[], &have[..1]).unwrap();
    assert_eq!(names(&removal), ["eu-west-1 RemoveTargets", "eu-west-1 DeleteRule", "eu-west-1 DeleteQueue"]);
}

#[test]
fn only_the_rule_may_send_to_the_queue() {
    let want = desired(&watching(), &view(), &identity());
    let steps = planned(&want[..1], &[empty("eu-west-1")]).unwrap();
    let Step::InRegion(first) = &steps[0] else { panic!("{}", steps[0]) };
    let Step::Sqs(SqsStep::CreateQueue { attributes, .. }) = &first.step else { panic!("{}", first.step) };
    let policy: serde_json::Value = serde_json::from_str(&attributes["Policy"]).unwrap();
    let statement = &policy["Statement"][0];
    assert_eq!(statement["Condition"]["ArnLike"]["aws:SourceArn"], json!([want[0].rule_arn]));
    assert_eq!((policy["Statement"].as_array().unwrap().len(), attributes["SqsManagedSseEnabled"].as_str()), (1, "true"));
}

#[test]
fn a_region_that_cannot_be_read_blocks_no_other_but_blocks_the_removal() {
    let want = desired(&watching(), &view(), &identity());
    let error = ReconcileError::new(RetryClass::Refused, crate::error::Reason::AccessDenied, "denied");
    let unread_region = ObservedChangeEvents { unread: Some(error.clone()), ..empty("eu-west-1") };
    let have = [unread_region.clone(), empty("us-east-1")];
    assert_eq!(names(&planned(&want, &have).unwrap())[0], "us-east-1 CreateQueue");
    assert_eq!(unread(&have), Some(error.clone()));
    assert_eq!(planned(&[], &have), Err(error), "the finalizer stays until both are removed");
}

#[test]
fn what_belongs_to_another_owner_is_neither_changed_nor_deleted() {
    let want = desired(&watching(), &view(), &identity());
    let mut have = applied(&planned(&want[..1], &[empty("eu-west-1")]).unwrap());
    have[0].rule.rule.as_mut().unwrap().tags = Some(Tags::new());
    assert_eq!(planned(&want, &have).unwrap_err().reason, crate::error::Reason::NotOwned);
    assert_eq!(planned(&[], &have).unwrap_err().reason, crate::error::Reason::NotOwned);
}

#[test]
fn regions_stay_and_other_accounts_do_not_count() {
    let row = json!({"region": "eu-north-1", "ruleArn": "r", "queueArn": "q"});
    let account = account(json!({"changeEvents": {}}), json!({"changeEvents": [row]}));
    assert_eq!(regions(&account, &view()).into_iter().collect::<Vec<_>>(), ["eu-north-1", "eu-west-1", "us-east-1", "us-west-2"]);
    assert!(lacks_regions(&account, &view()));
    assert!(desired(&super::tests::account(json!({}), json!({})), &view(), &identity()).is_empty(), "without the field nothing is created");
}

#[test]
fn the_condition_tells_events_from_no_events_and_errors() {
    let row = |region: &str, first: Option<Timestamp>| ChangeEventsStatus {
        region: region.into(),
        first_event_time: first.map(Time),
        ..ChangeEventsStatus::default()
    };
    let status = |rows| AwsAccountStatus { change_events: rows, ..AwsAccountStatus::default() };
    let (arrived, missing) = (row("eu-west-1", Some(Timestamp::UNIX_EPOCH)), row("us-east-1", None));
    let all = status(vec![arrived.clone()]);
    let reason = |status: &AwsAccountStatus, observed: &[ObservedChangeEvents], error: Option<&ReconcileError>| {
        let (value, reason, _) = state(status, observed, error);
        format!("{value} {reason}")
    };
    assert_eq!(reason(&all, &[], None), "True Receiving");
    assert_eq!(reason(&status(vec![arrived, missing]), &[], None), "Unknown NoEventsYet");
    let error = ReconcileError::transient("a timeout");
    assert_eq!(reason(&all, &[], Some(&error)), "False Unavailable");
    assert_eq!(reason(&all, &[ObservedChangeEvents { unconsumed: Some(error), ..empty("eu-west-1") }], None), "False Unavailable");
}
