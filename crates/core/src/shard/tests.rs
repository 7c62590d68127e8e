//! Unit tests of shards.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use tributary_api::{AwsAccount, EventBus, EventRule, EventSink, Identity, annotation};

use super::*;
use crate::objects::{Objects, fixed};

const OF: u16 = 16;
/// Two accounts of different shards, and neither of them in that of namespace `team`.
const FIRST: &str = "111122223333";
const SECOND: &str = "444455556666";

fn object<K: serde::de::DeserializeOwned>(kind: &str, name: &str, spec: Value, status: Value) -> K {
    let mut object = json!({
        "apiVersion": "tributary.dev/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": "team"},
    });
    object["spec"] = spec;
    if !status.is_null() {
        object["status"] = status;
    }
    serde_json::from_value(object).unwrap()
}

fn account(name: &str, id: &str, namespace: &str) -> AwsAccount {
    object("AwsAccount", name, json!({"accountId": id, "region": "r", "grants": [{"namespaces": [namespace]}]}), Value::Null)
}

fn pinned(account_id: &str) -> Value {
    let arn = format!("arn:aws:events:r:{account_id}:event-bus/b");
    json!({"identity": {"account": "first", "accountId": account_id, "partition": "aws", "region": "r", "name": "b", "arn": arn}})
}

fn view(accounts: Vec<AwsAccount>, buses: Vec<EventBus>) -> View {
    let accounts = accounts.into_iter().map(|mut account| {
        account.metadata.namespace = None;
        account
    });
    let objects = Objects { accounts: fixed(accounts), buses: fixed(buses), ..Objects::default() };
    View { objects, settings: Arc::default(), resolved_arn: None, resolved_definition: None, now: Timestamp::UNIX_EPOCH }
}

fn both() -> Vec<AwsAccount> {
    vec![account("first", FIRST, "team"), account("second", SECOND, "team")]
}

fn rule() -> EventRule {
    object("EventRule", "r", json!({"busRef": {"name": "b"}, "eventPattern": {}, "targets": []}), Value::Null)
}

#[test]
fn the_hash_never_changes() {
    // What replicas of all versions agree on.
    let shards: Vec<_> = ["111122223333", "444455556666", "000000000000"].map(|id| Shard::of_account(id, OF).index).into();
    assert_eq!(shards, [6, 14, 0]);
    assert_eq!(Shard::of_account("111122223333", 1), Shard::ONLY);
}

#[test]
fn accounts_are_spread_evenly() {
    let mut counts = BTreeMap::<u16, usize>::new();
    for n in 0..3_200_u64 {
        *counts.entry(Shard::of_account(&format!("{:012}", n * 7_919), OF).index).or_default() += 1;
    }
    assert_eq!(counts.len(), usize::from(OF));
    assert!(counts.values().all(|count| (140..=260).contains(count)), "{counts:?}");
}

#[test]
fn each_account_has_exactly_one_shard() {
    for id in (0..500).map(|n| format!("{n:012}")) {
        let owners = (0..OF).filter(|index| Shard { index: *index, of: OF }.contains(&id)).count();
        assert_eq!(owners, 1, "{id}");
        let identity = Identity { account_id: id, ..Identity::default() };
        let permitted = (0..OF).filter(|index| Shard { index: *index, of: OF }.permit(&identity).is_ok()).count();
        assert_eq!(permitted, 1, "AWS is called for it in one");
        assert!(Shard::ONLY.permit(&identity).is_ok());
    }
}

#[test]
fn an_object_without_an_account_belongs_to_its_namespace_until_it_is_known() {
    let waits = Shard::of_namespace("team", OF);
    assert_eq!(Shard::of_object(&rule(), &view(both(), vec![]), OF), waits, "no bus");
    let existing = json!({"accountRef": {"name": "second"}, "existing": {"name": "b"}});
    let existing = object("EventBus", "b", existing, Value::Null);
    assert_eq!(Shard::of_object(&rule(), &view(both(), vec![existing]), OF), waits, "a bus that is not admitted");
    let created = object("EventBus", "b", json!({"accountRef": {"name": "second"}}), Value::Null);
    assert_eq!(Shard::of_object(&rule(), &view(both(), vec![created]), OF), Shard::of_account(SECOND, OF), "its account is immutable");
    let bus: EventBus = object("EventBus", "b", json!({"accountRef": {"name": "second"}}), pinned(FIRST));
    assert_eq!(Shard::of_object(&rule(), &view(both(), vec![bus.clone()]), OF), Shard::of_account(FIRST, OF));
    let foreign = vec![account("first", FIRST, "other")];
    assert_eq!(Shard::of_object(&rule(), &view(foreign, vec![bus]), OF), waits, "an account that does not permit the namespace");
}

#[test]
fn what_is_or_may_be_in_aws_keeps_an_object_where_it_is() {
    let spec = json!({"accountRef": {"name": "second"}});
    let bus: EventBus = object("EventBus", "b", spec.clone(), Value::Null);
    assert_eq!(Shard::of_object(&bus, &view(both(), vec![]), OF), Shard::of_account(SECOND, OF));
    let bus: EventBus = object("EventBus", "b", spec, pinned(FIRST));
    assert_eq!(
        Shard::of_object(&bus, &view(both(), vec![]), OF),
        Shard::of_account(FIRST, OF),
        "pinned, although the reference has changed"
    );
    let mut claiming = rule();
    let claim = Claim::new(&Identity { account_id: FIRST.into(), ..Identity::default() }, None);
    claiming.metadata.annotations = Some(BTreeMap::from([(annotation::IDENTITY.to_owned(), claim.text())]));
    assert_eq!(Shard::of_object(&claiming, &view(vec![], vec![]), OF), Shard::of_account(FIRST, OF), "claimed, before status says so");
    let mut bus: EventBus = object("EventBus", "b", json!({"accountRef": {"name": "second"}}), Value::Null);
    bus.metadata.annotations = claiming.metadata.annotations;
    assert_eq!(Shard::of_object(&bus, &view(both(), vec![]), OF), Shard::of_account(SECOND, OF), "a kind whose reconcile reads no claim");
}

#[test]
fn an_account_that_only_a_reconcile_can_resolve_the_arn_in_is_known() {
    let spec = json!({"accountRef": {"name": "second"}, "existing": {"arnFrom": {"apiVersion": "v1", "kind": "K", "name": "n", "fieldPath": "f"}}});
    let bus: EventBus = object("EventBus", "b", spec, Value::Null);
    assert!(bus.identity(&view(both(), vec![])).is_err());
    assert_eq!(Shard::of_object(&bus, &view(both(), vec![]), OF), Shard::of_account(SECOND, OF));
    let sink: EventSink = object("EventSink", "s", json!({"accountRef": {"name": "first"}, "sqs": {"managed": {}}}), Value::Null);
    assert_eq!(Shard::of_object(&sink, &view(both(), vec![]), OF), Shard::of_account(FIRST, OF));
}
