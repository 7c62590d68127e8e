//! The gate as a property: whatever the plan, the account and the annotation, no write to AWS passes that is neither approved nor exempt.

use k8s_openapi::jiff::Timestamp;
use proptest::{collection, prelude::*, sample::select};
use serde_json::json;
use tributary_testkit::product::{
    AwsAccount, Identity,
    api::CommonStatus,
    gate::{Decision, Purpose, Request, review},
    plan::{ArchiveStep, RuleStep, SqsStep, Step},
};

fn step(number: u8) -> Step {
    match number % 4 {
        0 => RuleStep::DeleteRule { bus: "b".into(), name: format!("r{number}") }.into(),
        1 => RuleStep::RemoveTargets { bus: "b".into(), rule: "r".into(), ids: vec![format!("t{number}")] }.into(),
        2 => ArchiveStep::DeleteArchive { name: format!("a{number}") }.into(),
        _ => SqsStep::DeleteQueue { name: format!("q{number}") }.into(),
    }
}

/// Where the annotation is from.
#[derive(Clone, Copy, Debug)]
enum Annotation {
    None,
    Text,
    OwnPlan,
    OtherPlan,
}

/// What became of the plan.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Permitted,
    Counted,
    Waits,
}

/// Reviews the steps. Returns the outcome, and the hash of the plan that waits.
fn outcome(account: &AwsAccount, purpose: Purpose, approved: Option<&str>, steps: &[Step]) -> (Outcome, Option<String>) {
    let identity = Identity { arn: "arn".into(), ..Identity::default() };
    let request = Request {
        account,
        kind: "EventRule",
        key: "ns/r",
        identity: &identity,
        desired_hash: "d",
        purpose,
        approved,
        whole: None,
        is_simulated: false,
        now: Timestamp::UNIX_EPOCH,
    };
    let mut status = CommonStatus::default();
    let outcome = match review(&request, &mut status, steps.to_vec()) {
        Decision::Permit(permitted) => {
            assert!(permitted.iter().eq(steps.iter()), "all steps, in their order");
            Outcome::Permitted
        }
        Decision::Count(_) => Outcome::Counted,
        Decision::Wait(_) | Decision::Simulate(..) => Outcome::Waits,
    };
    (outcome, status.approval.and_then(|approval| approval.plan_hash))
}

fn hash(account: &AwsAccount, steps: &[Step]) -> String {
    outcome(account, Purpose::Converge, None, steps).1.unwrap_or_default()
}

proptest! {
    #[test]
    fn no_write_passes_the_gate_unasked(
        numbers in collection::vec(0_u8..40, 0..6),
        others in collection::vec(40_u8..80, 1..4),
        annotation in select(vec![Annotation::None, Annotation::Text, Annotation::OwnPlan, Annotation::OtherPlan]),
        purpose in select(vec![Purpose::Converge, Purpose::Delete { retain: false }, Purpose::Delete { retain: true }, Purpose::Withdraw]),
        requires_approval in any::<bool>(),
        has_budget in any::<bool>(),
        // The Unix epoch was a Thursday.
        window in select(vec![None, Some("Thu:00:00-Thu:01:00"), Some("Fri:00:00-Fri:01:00")]),
    ) {
        let mut spec = json!({"accountId": "111122223333", "region": "eu-west-1"});
        if requires_approval {
            spec["approval"] = json!("Required");
        }
        if has_budget {
            spec["deletionBudget"] = json!({"maxObjects": 1});
        }
        if let Some(window) = window {
            spec["changeWindows"] = json!([window]);
        }
        let account: AwsAccount = serde_json::from_value(json!({"metadata": {"name": "a"}, "spec": spec})).unwrap();
        // The hash does not depend on the purpose, nor on what is asked for it.
        let mut asking = account.clone();
        asking.spec.approval = serde_json::from_value(json!("Required")).unwrap();
        let (steps, others): (Vec<_>, Vec<_>) = (numbers.iter().copied().map(step).collect(), others.iter().copied().map(step).collect());
        let approved = match annotation {
            Annotation::None => None,
            Annotation::Text => Some("true".to_owned()),
            Annotation::OwnPlan => Some(hash(&asking, &steps)),
            Annotation::OtherPlan => Some(hash(&asking, &others)),
        };
        let (outcome, waiting) = outcome(&account, purpose, approved.as_deref(), &steps);
        let is_exempt = purpose == Purpose::Withdraw || steps.is_empty();
        let is_approved = matches!(annotation, Annotation::OwnPlan);
        let is_closed = window.is_some_and(|window| window.starts_with("Fri"));
        let loses = |name: &str| steps.iter().any(|step| step.name() == name);
        let counts = loses("DeleteArchive") || loses("DeleteQueue") || (purpose == Purpose::Delete { retain: false } && loses("DeleteRule"));
        let expected = match () {
            () if is_exempt => Outcome::Permitted,
            () if (requires_approval && !is_approved) || is_closed => Outcome::Waits,
            () if has_budget && counts && !is_approved => Outcome::Counted,
            () => Outcome::Permitted,
        };
        prop_assert_eq!(&outcome, &expected);
        // What waits for a window needs no approval, or has one.
        let asks = outcome == Outcome::Counted || (outcome == Outcome::Waits && requires_approval && !is_approved);
        prop_assert_eq!(waiting.is_some(), asks);
    }
}
