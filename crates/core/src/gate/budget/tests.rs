//! Which deletions a budget counts, and when it has room.

use std::collections::BTreeSet;

use k8s_openapi::jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;

/// Deletions that delete no resource of an object.
const OTHERS: [&str; 11] = [
    "DeleteChild",
    "DeleteConfigMap",
    "DeleteDelivery",
    "DeleteDeliveryDestination",
    "DeleteDeliverySource",
    "DeleteEventSourceMapping",
    "DeleteFunctionEventInvokeConfig",
    "DeleteMessage",
    "DeleteRetentionPolicy",
    "DeleteRolePermissionsBoundary",
    "DeleteRolePolicy",
];

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn deletion(uid: &str, seconds: i64) -> CountedDeletion {
    CountedDeletion { object: format!("EventRule ns/{uid}"), uid: uid.into(), time: Time(at(seconds)) }
}

fn account(budget: &Value, deletions: &[CountedDeletion]) -> AwsAccount {
    let mut spec = json!({"accountId": "111122223333", "region": "eu-west-1"});
    if !budget.is_null() {
        spec["deletionBudget"] = budget.clone();
    }
    serde_json::from_value(json!({"metadata": {"name": "prod"}, "spec": spec, "status": {"conditions": [], "deletions": deletions}}))
        .unwrap()
}

fn present(count: usize) -> BTreeSet<String> {
    (0..count).map(|number| format!("present-{number}")).collect()
}

/// The deletions that are counted then; why it waits.
fn counted(account: &AwsAccount, object: &CountedDeletion, objects: usize) -> Result<Vec<String>, Exceeded> {
    match admit(account, object, &present(objects)) {
        Admission::Counted(_) => Ok(vec![]),
        Admission::Room(all, _) => Ok(all.into_iter().map(|entry| entry.uid).collect()),
        Admission::Exceeded(exceeded) => Err(exceeded),
    }
}

#[test]
fn a_budget_has_room_until_it_is_full_and_again_when_its_window_has_passed() {
    let budget = json!({"maxObjects": 2, "windowSeconds": 60});
    let full = account(&budget, &[deletion("b", 20), deletion("a", 10)]);
    assert_eq!(counted(&account(&budget, &[deletion("a", 10)]), &deletion("b", 20), 0), Ok(vec!["a".into(), "b".into()]));
    let expected = Exceeded { allowed: 2, made: 2, window_seconds: 60, free_at: Some(at(70)) };
    assert_eq!(counted(&full, &deletion("c", 69), 0), Err(expected));
    assert_eq!(counted(&full, &deletion("c", 70), 0), Ok(vec!["b".into(), "c".into()]), "what is out of the window is dropped");
    let lowered = account(&json!({"maxObjects": 1, "windowSeconds": 60}), &[deletion("a", 10), deletion("b", 20)]);
    assert_eq!(counted(&lowered, &deletion("c", 30), 0).unwrap_err().free_at, Some(at(80)), "both have to leave the window");
}

#[test]
fn an_object_counts_once() {
    let full = account(&json!({"maxObjects": 1}), &[deletion("a", 10)]);
    assert_eq!(counted(&full, &deletion("a", 20), 0), Ok(vec![]));
    assert!(counted(&full, &deletion("b", 20), 0).is_err());
}

#[test]
fn without_a_limit_all_pass_and_with_zero_none() {
    assert_eq!(counted(&account(&Value::Null, &[deletion("a", 10)]), &deletion("b", 20), 0), Ok(vec![]));
    let none = counted(&account(&json!({"maxObjects": 0}), &[]), &deletion("b", 20), 0).unwrap_err();
    assert_eq!((none.allowed, none.free_at), (0, None));
    let made: Vec<_> = (0..500).map(|number| deletion(&format!("d{number}"), 10)).collect();
    assert_eq!(counted(&account(&json!({"maxPercent": 100}), &made), &deletion("b", 20), 9_000).unwrap_err().allowed, 500);
}

#[test]
fn a_percentage_is_of_the_objects_before_the_first_deletion_and_the_lower_limit_applies() {
    let allowed =
        |budget: Value, made: &[CountedDeletion], objects| match admit(&account(&budget, made), &deletion("x", 99), &present(objects)) {
            Admission::Exceeded(exceeded) => exceeded.allowed,
            Admission::Room(all, _) => 1_000 + all.len(),
            Admission::Counted(_) => 0,
        };
    let made = [deletion("a", 90), deletion("b", 91)];
    // 18 objects are left of 20.
    assert_eq!(allowed(json!({"maxPercent": 10}), &made, 18), 2);
    assert_eq!(allowed(json!({"maxPercent": 10}), &made[..1], 19), 1_002);
    assert_eq!(allowed(json!({"maxPercent": 10}), &made, 19), 1_003, "three of 21");
    assert_eq!(allowed(json!({"maxPercent": 1}), &made[..1], 3), 1, "rounded up");
    assert_eq!(allowed(json!({"maxPercent": 50, "maxObjects": 2}), &made, 18), 2);
    assert_eq!(allowed(json!({"maxPercent": 10, "maxObjects": 9}), &made, 18), 2);
    // An object that is counted and not gone yet is not counted twice.
    let waiting = [deletion("present-0", 90)];
    assert_eq!(allowed(json!({"maxPercent": 10}), &waiting, 10), 1);
}

#[test]
fn each_deletion_in_aws_is_classified() {
    let all: BTreeSet<_> = Step::names().filter(|name| name.starts_with("Delete")).collect();
    let classified: BTreeSet<_> = Step::deletions().map(|(name, _)| name).collect();
    let forgotten: Vec<_> = all.iter().filter(|name| !classified.contains(*name) && !OTHERS.contains(name)).collect();
    assert!(forgotten.is_empty(), "add to ServiceStep::DELETES, or to OTHERS here: {forgotten:?}");
    assert!(classified.is_subset(&all), "{classified:?}");
}
