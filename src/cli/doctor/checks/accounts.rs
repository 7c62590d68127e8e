//! `AwsAccount`s that cannot be used: everything in them stands still.

use crate::cli::doctor::{
    checks::iam,
    finding::{Finding, Severity},
    object::Object,
    snapshot::Snapshot,
};

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let accounts = snapshot.of_kind("AwsAccount").filter(|account| !account.is_paused() && !account.is_deleting());
    accounts.filter_map(|account| of_account(account, snapshot)).collect()
}

fn of_account(account: &Object, snapshot: &Snapshot) -> Option<Finding> {
    let ready = account.condition_is("Ready", "False")?;
    // A denied action is reported with the policy that allows it.
    if iam::denied_action(account).is_some() {
        return None;
    }
    let users = snapshot.objects.iter().filter(|object| object.account() == Some(account.name())).count();
    let message = format!("the account cannot be used; {users} objects read here depend on it. {}: {}", ready.reason, ready.message);
    Some(
        Finding::new("account-not-ready", Severity::Critical, message, account.describe())
            .of(account.reference())
            .reason(ready.reason.clone()),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::tests::*, *};

    #[test]
    fn an_account_that_is_not_ready_is_critical_with_the_number_of_its_users() {
        let account = |status| object("AwsAccount", "prod", json!({}), json!({"conditions": [ready(status, "WrongAccount", 9)]}));
        let bus = object("EventBus", "b", json!({"accountRef": {"name": "prod"}}), json!({}));
        let other = object("EventBus", "c", json!({}), json!({}));
        let found = check(&Snapshot { objects: vec![account("False"), bus.clone(), other], ..healthy() });
        assert!(found[0].message.contains("; 1 objects read here depend on it. WrongAccount: "), "{}", found[0].message);
        assert_eq!(ids(found), ["account-not-ready"]);
        assert_eq!(ids(check(&Snapshot { objects: vec![account("True"), bus], ..healthy() })), [""; 0]);
    }
}
