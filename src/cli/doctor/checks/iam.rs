//! IAM actions that AWS denies to the operator, and the feature whose policy has them.

use std::collections::BTreeMap;

use tributary_core::{error::Reason, iam_policy::FEATURES};

use crate::cli::doctor::{
    finding::{Finding, Severity},
    object::Object,
    snapshot::Snapshot,
};

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let mut denied: BTreeMap<&'static str, Vec<&Object>> = BTreeMap::new();
    for object in &snapshot.objects {
        if let Some(action) = denied_action(object) {
            denied.entry(action).or_default().push(object);
        }
    }
    denied.into_iter().filter_map(|(action, objects)| of_action(action, &objects)).collect()
}

/// Returns the action that a condition of the object reports as denied.
pub(super) fn denied_action(object: &Object) -> Option<&'static str> {
    let conditions = object.status.conditions.iter().filter(|condition| condition.status != "True" || condition.type_ == "Stalled");
    let denied = conditions.filter(|condition| Reason::named(&condition.reason) == Some(Reason::AccessDenied));
    denied.filter_map(|condition| action_in(&condition.message)).next()
}

/// Returns the first of the operator's actions that the text names.
fn action_in(text: &str) -> Option<&'static str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != ':' && c != '-');
    let known = || FEATURES.iter().flat_map(|feature| feature.statements).flat_map(|statement| statement.actions).copied();
    words.filter_map(|word| known().find(|action| *action == word.trim_matches(':'))).next()
}

fn feature_of(action: &str) -> Option<&'static str> {
    let has = |actions: &[&str]| actions.contains(&action);
    FEATURES.iter().find(|feature| feature.statements.iter().any(|statement| has(statement.actions))).map(|feature| feature.name)
}

fn command(action: &str, account_id: Option<&str>) -> String {
    let account = account_id.map_or_else(String::new, |id| format!(" --account-id {id}"));
    format!("tributary iam-policy {}{account}", feature_of(action).unwrap_or_default())
}

fn of_action(action: &'static str, objects: &[&Object]) -> Option<Finding> {
    let first = objects.first()?;
    let others = match objects.len() - 1 {
        0 => String::new(),
        count => format!(" Affects {count} more objects."),
    };
    let cause = first.status.conditions.iter().find(|condition| condition.message.contains(action)).map_or("", |found| &found.message);
    let message = format!("AWS denies {action} to the operator. {cause}{others}");
    let account_id = first.status.identity.as_ref().map(|identity| identity.account_id.as_str());
    let finding = Finding::new("iam-action-denied", Severity::Critical, message, command(action, account_id));
    Some(finding.of(first.reference()).reason("AccessDenied"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::tests::*, *};

    fn denied(name: &str, message: &str) -> Object {
        let mut condition = ready("False", "AccessDenied", 9);
        condition["message"] = json!(message);
        let identity =
            json!({"account": "a", "accountId": "123456789012", "partition": "aws", "region": "eu-west-1", "name": "n", "arn": "arn"});
        object("EventRule", name, json!({}), json!({"conditions": [condition], "identity": identity}))
    }

    #[test]
    fn a_denied_action_is_reported_once_with_the_feature_that_needs_it() {
        let text = "events:PutRule: AccessDeniedException: User is not authorized. Attach a policy.";
        let found = check(&Snapshot { objects: vec![denied("a", text), denied("b", text)], ..healthy() });
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].message, format!("AWS denies events:PutRule to the operator. {text} Affects 1 more objects."));
        assert_eq!(found[0].command, "tributary iam-policy rules --account-id 123456789012");
    }

    #[test]
    fn every_action_has_a_feature() {
        for action in FEATURES.iter().flat_map(|feature| feature.statements).flat_map(|statement| statement.actions) {
            assert!(feature_of(action).is_some() && action_in(&format!("denied ({action}).")) == Some(action), "{action}");
        }
    }
}
