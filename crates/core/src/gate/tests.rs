//! What passes the gate, and what waits.

use serde_json::{Value, json};
use tributary_api::{ApprovalStatus, CommonStatus};

use super::*;
use crate::steps::{ArchiveStep, ChildStep, RuleStep, SqsStep};

fn account(spec: &Value) -> AwsAccount {
    let mut all = json!({"accountId": "111122223333", "region": "eu-west-1"});
    all.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    serde_json::from_value(json!({"metadata": {"name": "prod"}, "spec": all})).unwrap()
}

fn delete_rule(name: &str) -> Step {
    RuleStep::DeleteRule { bus: "b".into(), name: name.into() }.into()
}

fn remove_targets() -> Step {
    RuleStep::RemoveTargets { bus: "b".into(), rule: "r".into(), ids: vec!["t".into()] }.into()
}

fn delete_archive() -> Step {
    ArchiveStep::DeleteArchive { name: "a".into() }.into()
}

/// Reviews of one object.
struct Reviews {
    account: AwsAccount,
    identity: Identity,
    status: CommonStatus,
    desired_hash: &'static str,
    is_simulated: bool,
    now: Timestamp,
}

impl Reviews {
    fn of(spec: &Value) -> Self {
        let identity = Identity { arn: "arn:aws:events:eu-west-1:111122223333:rule/b/r".into(), ..Identity::default() };
        Self {
            account: account(spec),
            identity,
            status: CommonStatus::default(),
            desired_hash: "d",
            is_simulated: false,
            now: Timestamp::UNIX_EPOCH,
        }
    }

    fn review(&mut self, purpose: Purpose, approved: Option<&str>, steps: Vec<Step>) -> Decision {
        let request = Request {
            account: &self.account,
            kind: "EventRule",
            key: "ns/r",
            identity: &self.identity,
            desired_hash: self.desired_hash,
            purpose,
            approved,
            whole: None,
            is_simulated: self.is_simulated,
            now: self.now,
        };
        review(&request, &mut self.status, steps)
    }

    /// Number of permitted steps; 0 if they wait.
    fn permitted(&mut self, approved: Option<&str>, steps: Vec<Step>) -> usize {
        match self.review(Purpose::Converge, approved, steps) {
            Decision::Permit(steps) => steps.iter().count(),
            Decision::Count(_) | Decision::Wait(_) | Decision::Simulate(..) => 0,
        }
    }

    fn hash(&self) -> Option<String> {
        self.status.approval.as_ref()?.plan_hash.clone()
    }
}

fn required() -> Value {
    json!({"approval": "Required"})
}

#[test]
fn nothing_passes_before_its_approval_and_the_error_says_how_to_approve() {
    let mut reviews = Reviews::of(&required());
    let Decision::Wait(error) = reviews.review(Purpose::Converge, None, vec![remove_targets()]) else { panic!("it passes") };
    let hash = reviews.hash().unwrap();
    assert_eq!((error.reason, error.class), (Reason::ApprovalRequired, RetryClass::Blocked));
    assert!(error.message.contains("AwsAccount prod") && error.message.contains(&format!("approved-plan={hash}")), "{}", error.message);
    assert_eq!(reviews.status.plan, [remove_targets().to_string()]);
    for purpose in [Purpose::Delete { retain: false }, Purpose::Delete { retain: true }] {
        assert!(matches!(reviews.review(purpose, Some("true"), vec![delete_rule("r")]), Decision::Wait(_)), "{purpose:?}");
    }
}

#[test]
fn an_approval_is_of_one_plan() {
    let mut reviews = Reviews::of(&required());
    assert_eq!(reviews.permitted(None, vec![remove_targets()]), 0);
    let hash = reviews.hash().unwrap();
    assert_eq!(reviews.permitted(Some(&hash), vec![delete_rule("r")]), 0, "another step");
    assert_eq!(reviews.permitted(Some(&hash), vec![remove_targets(), delete_rule("r")]), 0, "one step more");
    assert_ne!(reviews.hash().unwrap(), hash);
    let other = Identity { arn: "arn:aws:events:eu-west-1:111122223333:rule/b/s".into(), ..Identity::default() };
    let identity = std::mem::replace(&mut reviews.identity, other);
    assert_eq!(reviews.permitted(Some(&hash), vec![remove_targets()]), 0, "another resource");
    reviews.identity = identity;
    assert_eq!(reviews.permitted(Some(&hash), vec![remove_targets()]), 1);
    assert_eq!((reviews.status.plan.len(), reviews.hash()), (0, None));
}

#[test]
fn the_rest_of_an_approved_plan_continues_as_long_as_its_approval_stands() {
    let mut reviews = Reviews::of(&required());
    let all = || vec![remove_targets(), delete_rule("r"), delete_rule("s")];
    reviews.permitted(None, all());
    let hash = reviews.hash().unwrap();
    assert_eq!(reviews.permitted(Some(&hash), all()), 3);
    let approved = reviews.status.clone();
    assert_eq!(reviews.permitted(Some(&hash), vec![delete_rule("s")]), 1);
    reviews.status = approved.clone();
    assert_eq!(reviews.permitted(None, vec![delete_rule("s")]), 0, "the annotation was removed");
    reviews.status = approved.clone();
    assert_eq!(reviews.permitted(Some(&hash), vec![delete_rule("s"), delete_rule("t")]), 0, "a step that was not approved");
    reviews.status = approved;
    reviews.desired_hash = "changed";
    assert_eq!(reviews.permitted(Some(&hash), vec![delete_rule("s")]), 0, "the spec was changed");
}

#[test]
fn an_approval_applies_once() {
    let mut reviews = Reviews::of(&required());
    reviews.permitted(None, vec![remove_targets()]);
    let hash = reviews.hash().unwrap();
    assert_eq!(reviews.permitted(Some(&hash), vec![remove_targets()]), 1);
    finish(&mut reviews.status);
    assert_eq!(reviews.status.approval, Some(Box::new(ApprovalStatus { applied_plans: 1, ..ApprovalStatus::default() })));
    assert_eq!(reviews.permitted(Some(&hash), vec![remove_targets()]), 0, "somebody undid it in AWS");
    let next = reviews.hash().unwrap();
    assert_eq!(reviews.permitted(Some(&next), vec![remove_targets()]), 1);
    // A crash after the last write: the next plan is empty.
    assert_eq!(reviews.permitted(Some(&next), vec![]), 0);
    assert_eq!(reviews.status.approval.as_ref().map(|approval| approval.applied_plans), Some(2));
}

#[test]
fn what_status_lists_is_bounded() {
    let mut reviews = Reviews::of(&required());
    let steps = (0..200).map(|number| delete_rule(&format!("{number}-{}", "x".repeat(2_000)))).collect();
    assert_eq!(reviews.permitted(None, steps), 0);
    let plan = &reviews.status.plan;
    assert_eq!((plan.len(), plan.last().map(String::as_str)), (50, Some("and 151 more")));
    assert!(plan.iter().all(|line| line.chars().count() <= 300));
}

#[test]
fn withdrawals_and_children_pass() {
    let mut reviews = Reviews::of(&json!({"approval": "Required", "deletionBudget": {"maxObjects": 0}}));
    assert!(matches!(reviews.review(Purpose::Withdraw, None, vec![delete_rule("r")]), Decision::Permit(_)));
    let child = ChildStep::DeleteChild { kind: "EventRule", namespace: "ns".into(), name: "c".into(), orphan: false };
    assert_eq!(reviews.permitted(None, vec![child.clone().into()]), 1);
    assert_eq!(reviews.permitted(None, vec![child.into(), delete_rule("r")]), 0);
}

#[test]
fn the_budget_counts_deletions_and_changes_that_delete_data() {
    let counts = |purpose, step| {
        let mut reviews = Reviews::of(&json!({"deletionBudget": {"maxObjects": 1}}));
        match reviews.review(purpose, None, vec![step]) {
            Decision::Count(_) => true,
            Decision::Permit(_) => {
                assert_eq!(reviews.status, CommonStatus::default());
                false
            }
            other => panic!("{other:?}"),
        }
    };
    let queue = || Step::from(SqsStep::DeleteQueue { name: "q".into() });
    assert!(counts(Purpose::Delete { retain: false }, delete_rule("r")));
    assert!(counts(Purpose::Delete { retain: false }, queue()));
    assert!(!counts(Purpose::Delete { retain: true }, delete_rule("r")));
    assert!(counts(Purpose::Delete { retain: true }, queue()), "what it retains is only its own resource");
    assert!(counts(Purpose::Converge, delete_archive()) && counts(Purpose::Converge, queue()));
    assert!(!counts(Purpose::Converge, queue().in_region("us-east-1")), "the queue of change events");
    assert!(!counts(Purpose::Converge, remove_targets()) && !counts(Purpose::Converge, delete_rule("r")));
    assert!(!counts(Purpose::Withdraw, delete_rule("r")));
}

#[test]
fn an_approved_deletion_needs_no_room_in_the_budget() {
    let mut reviews = Reviews::of(&json!({"deletionBudget": {"maxObjects": 0}}));
    let deletion = Purpose::Delete { retain: false };
    let Decision::Count(uncounted) = reviews.review(deletion, None, vec![delete_rule("r")]) else { panic!("not counted") };
    let free_at = "2026-11-30T10:00:00Z".parse().ok();
    let error = uncounted.exceeded(&Exceeded { allowed: 1, made: 1, window_seconds: 60, free_at });
    let hash = reviews.hash().unwrap();
    assert_eq!(error.reason, Reason::DeletionBudgetExceeded);
    assert!(error.message.contains("2026-11-30T10:00:00Z") && error.message.contains(&hash), "{}", error.message);
    assert!(matches!(reviews.review(deletion, Some(&hash), vec![delete_rule("s")]), Decision::Count(_)), "another plan");
    assert!(matches!(reviews.review(deletion, Some(&hash), vec![delete_rule("r")]), Decision::Permit(_)));
}

#[test]
fn a_dry_run_plans_through_and_names_the_hash() {
    let mut reviews = Reviews::of(&required());
    reviews.permitted(None, vec![remove_targets()]);
    let hash = reviews.hash().unwrap();
    reviews.status = CommonStatus::default();
    reviews.is_simulated = true;
    let Decision::Simulate(steps, error) = reviews.review(Purpose::Converge, None, vec![remove_targets()]) else { panic!("it waits") };
    assert_eq!(steps.iter().count(), 1);
    assert!(error.message.contains(&hash) && !error.is_warning(), "{}", error.message);
}

#[test]
fn a_redrive_is_approved_as_a_whole() {
    let mut reviews = Reviews::of(&required());
    let whole = Whole { line: "send".into(), content: "spec".into() };
    let mut check = |approved: Option<&str>| {
        let Reviews { account, identity, status, .. } = &mut reviews;
        let request = Request {
            account,
            kind: "EventRedrive",
            key: "ns/r",
            identity,
            desired_hash: "d",
            purpose: Purpose::Converge,
            approved,
            whole: Some(whole.clone()),
            is_simulated: false,
            now: Timestamp::UNIX_EPOCH,
        };
        let checked = review_whole(&request, status).is_ok();
        let hash = status.approval.as_ref().and_then(|approval| approval.plan_hash.clone());
        let sent = matches!(review(&request, status, vec![remove_targets()]), Decision::Permit(_));
        (checked, sent, hash)
    };
    let (checked, sent, hash) = check(None);
    assert!(!checked && !sent);
    assert_eq!(check(hash.as_deref()), (true, true, None));
    assert_eq!(check(hash.as_deref()), (true, true, None), "for all messages");
}

#[test]
fn outside_of_its_change_windows_an_account_is_not_written_to() {
    // The Unix epoch was a Thursday.
    let mut reviews = Reviews::of(&json!({"changeWindows": ["Fri:00:00-Fri:06:00"], "deletionBudget": {"maxObjects": 1}}));
    let deletion = Purpose::Delete { retain: false };
    let Decision::Wait(error) = reviews.review(deletion, None, vec![delete_rule("r")]) else { panic!("it passes") };
    assert_eq!((error.reason, error.class), (Reason::WaitingForWindow, RetryClass::Until("1970-01-02T00:00:00Z".parse().unwrap())));
    assert!(error.message.contains("1970-01-02T00:00:00Z") && error.message.contains("AwsAccount prod"), "{}", error.message);
    assert_eq!((reviews.status.plan.len(), reviews.hash()), (1, None));
    assert!(matches!(reviews.review(Purpose::Withdraw, None, vec![delete_rule("r")]), Decision::Permit(_)));
    reviews.now = "1970-01-02T05:00:00Z".parse().unwrap();
    assert!(matches!(reviews.review(deletion, None, vec![delete_rule("r")]), Decision::Count(_)));
    assert_eq!(reviews.permitted(None, vec![remove_targets()]), 1);
    assert_eq!(reviews.status, CommonStatus::default());
}

#[test]
fn a_plan_is_approved_at_any_time_and_applied_in_a_window() {
    let mut reviews = Reviews::of(&json!({"approval": "Required", "changeWindows": ["Fri:00:00-Fri:06:00"]}));
    let mut reason = |approved: Option<&str>| match reviews.review(Purpose::Converge, approved, vec![remove_targets()]) {
        Decision::Wait(error) => (Some(error.reason), reviews.hash()),
        _ => (None, None),
    };
    let (waits_for, hash) = reason(None);
    assert_eq!(waits_for, Some(Reason::ApprovalRequired));
    assert_eq!(reason(hash.as_deref()), (Some(Reason::WaitingForWindow), None));
    reviews.now = "1970-01-02T05:00:00Z".parse().unwrap();
    assert_eq!(reviews.permitted(hash.as_deref(), vec![remove_targets()]), 1);
}

#[test]
fn a_time_zone_that_does_not_exist_opens_no_window() {
    // In UTC, it is open.
    let windows = json!({"changeWindows": ["Thu:00:00-Fri:00:00"], "timeZone": "Europe/Nowhere"});
    let mut reviews = Reviews::of(&windows);
    let Decision::Wait(error) = reviews.review(Purpose::Converge, None, vec![remove_targets()]) else { panic!("it passes") };
    assert_eq!((error.reason, error.class), (Reason::WaitingForWindow, RetryClass::Blocked));
    assert!(error.message.contains("spec.timeZone: Europe/Nowhere is not in the IANA time zone database"), "{}", error.message);
    assert_eq!(time_zone::check(&account(&windows).spec).unwrap_err().reason, Reason::InvalidSpec);
    // Without windows it holds nothing back, and is reported all the same.
    let alone = json!({"timeZone": "Europe/Nowhere"});
    assert_eq!(Reviews::of(&alone).permitted(None, vec![remove_targets()]), 1);
    assert!(time_zone::check(&account(&alone).spec).is_err());
    for name in ["UTC", "Europe/Berlin", "Etc/GMT+12", "America/Argentina/ComodRivadavia"] {
        assert!(time_zone::check(&account(&json!({"timeZone": name})).spec).is_ok(), "{name}");
    }
}
