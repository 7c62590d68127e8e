//! Objects of every kind in every state, with the status that the operator writes: tests/fixtures/states.jsonl. Programs of others judge them, in
//! `tests/chart/test_health.py`.
//!
//! `UPDATE_STATES=1 cargo test --test structure states` writes the file.

use std::{fs, iter};

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use tributary_testkit::product::{
    Outcome, Reason, ReconcileError, RetryClass,
    conditions::{conditions, unconfirm},
    crds,
};

use crate::source::root;

const FILE: &str = "tests/fixtures/states.jsonl";

/// Kind, type, status and reason of conditions that not every kind has.
const OWN: [(&str, &str, &str, &str); 9] = [
    ("EventRule", "Deliverable", "True", "Deliverable"),
    ("EventRule", "Deliverable", "False", "PermissionMissing"),
    ("EventRule", "Deliverable", "False", "RuleDisabled"),
    ("EventRule", "Deliverable", "Unknown", "CannotTell"),
    ("EventRule", "TestsPassed", "False", "TestFailed"),
    ("EventSink", "Syncing", "True", "Syncing"),
    ("EventSink", "Syncing", "False", "DatabaseUnavailable"),
    ("BenchlingApp", "CredentialsWork", "False", "CredentialsRejected"),
    ("BenchlingApp", "WebhooksContested", "True", "OtherAppReceives"),
];

fn outcomes() -> Vec<(&'static str, Outcome)> {
    let error = |class, reason| ReconcileError::new(class, reason, "the cause");
    let failed = |class, reason| Outcome::Failed(error(class, reason));
    let deleting = |class, reason| Outcome::Deleting(Some(error(class, reason)));
    vec![
        ("in sync", Outcome::InSync),
        ("completed", Outcome::Completed("the result".into())),
        ("applying", Outcome::Applying),
        ("observed, and AWS differs", Outcome::Drifted(2)),
        ("paused", Outcome::Paused),
        ("waits for an approval", failed(RetryClass::Blocked, Reason::ApprovalRequired)),
        ("waits for a change window", failed(RetryClass::Until(Timestamp::UNIX_EPOCH), Reason::WaitingForWindow)),
        ("waits for another object", failed(RetryClass::Blocked, Reason::SinkNotReady)),
        ("refers to an object that does not exist", failed(RetryClass::Blocked, Reason::SinkNotFound)),
        ("waits until a time", failed(RetryClass::Until(Timestamp::UNIX_EPOCH), Reason::PermissionSettling)),
        ("waits for the partner", failed(RetryClass::Polled, Reason::SourceNotFound)),
        ("throttled", failed(RetryClass::Throttled, Reason::Throttled)),
        ("AWS unavailable", failed(RetryClass::Transient, Reason::Unavailable)),
        ("conflict", failed(RetryClass::Conflict, Reason::Conflict)),
        ("invalid", failed(RetryClass::Invalid, Reason::InvalidSpec)),
        ("refused by AWS", failed(RetryClass::Refused, Reason::AccessDenied)),
        ("refused by an owner", failed(RetryClass::Blocked, Reason::ReferenceNotPermitted)),
        ("deleting", Outcome::Deleting(None)),
        ("deletion unavailable", deleting(RetryClass::Transient, Reason::Unavailable)),
        ("deletion blocked", deleting(RetryClass::Blocked, Reason::InUse)),
        ("deletion refused", deleting(RetryClass::Refused, Reason::AccessDenied)),
        ("deletion over budget", deleting(RetryClass::Until(Timestamp::UNIX_EPOCH), Reason::DeletionBudgetExceeded)),
    ]
}

fn status(outcome: &Outcome) -> Value {
    json!({"observedGeneration": 2, "conditions": conditions(outcome, &[], Some(2), Timestamp::UNIX_EPOCH)})
}

/// With the condition, as the last inspection found it, and with what became of it since.
fn with_own(type_: &str, value: &str, reason: &str, outcome: &Outcome) -> Value {
    let mut all = conditions(outcome, &[], Some(2), Timestamp::UNIX_EPOCH);
    let one =
        json!({"type": type_, "status": value, "reason": reason, "message": "the cause", "lastTransitionTime": "1970-01-01T00:00:00Z"});
    // `tributary sync` writes its own part of the status.
    if type_ == "Syncing" {
        return json!({"observedGeneration": 2, "conditions": all, "sync": {"conditions": [one]}});
    }
    all.push(serde_json::from_value(one).expect("a condition"));
    if !matches!(outcome, Outcome::InSync) {
        unconfirm(&mut all, &[], outcome, Some(2), Timestamp::UNIX_EPOCH);
    }
    json!({"observedGeneration": 2, "conditions": all})
}

fn states(kind: &str, initial: &Value) -> Vec<(String, i64, Value)> {
    let of_outcomes = outcomes().into_iter().map(|(name, outcome)| (name.to_owned(), 2, status(&outcome)));
    let failed = Outcome::Failed(ReconcileError::transient("the cause"));
    let stalled = Outcome::Failed(ReconcileError::invalid(Reason::InvalidSpec, "the cause"));
    let own = OWN.iter().filter(|(of, ..)| *of == kind).flat_map(|(_, type_, value, reason)| {
        let name = format!("{type_} {value} {reason}");
        [
            (format!("in sync, {name}"), 2, with_own(type_, value, reason, &Outcome::InSync)),
            (format!("AWS unavailable, {name}"), 2, with_own(type_, value, reason, &failed)),
        ]
    });
    iter::once(("created".to_owned(), 1, initial.clone()))
        .chain([("changed".to_owned(), 3, status(&Outcome::InSync)), ("changed while stalled".to_owned(), 3, status(&stalled))])
        .chain([("deletion requested".to_owned(), 2, status(&Outcome::InSync))])
        .chain(of_outcomes)
        .chain(own)
        .collect()
}

fn list() -> String {
    let mut list = String::new();
    for crd in crds() {
        let kind = crd.spec.names.kind.clone();
        let crd = serde_json::to_value(crd).expect("JSON");
        let initial = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["default"];
        for (state, generation, status) in states(&kind, initial) {
            let mut metadata = json!({"name": "one", "generation": generation});
            if state.starts_with("delet") {
                metadata["deletionTimestamp"] = json!("1970-01-01T00:00:00Z");
            }
            if state == "paused" {
                metadata["annotations"] = json!({"tributary.dev/paused": "true"});
            }
            let object = json!({"apiVersion": "tributary.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": {}, "status": status});
            list.push_str(&json!({"state": state, "object": object}).to_string());
            list.push('\n');
        }
    }
    list
}

#[test]
fn the_recorded_states_are_current() {
    let list = list();
    let path = root().join(FILE);
    if std::env::var_os("UPDATE_STATES").is_some() {
        fs::write(&path, &list).expect("written");
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == list,
        "{FILE} is out of date. Run UPDATE_STATES=1 cargo test --test structure states, and review the change of states"
    );
}
