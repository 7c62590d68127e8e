//! Benchling apps whose webhooks do not become events.

use tributary_api::BenchlingAppStatus;

use crate::cli::doctor::{
    finding::{Finding, Severity},
    object::Object,
    snapshot::Snapshot,
};

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    snapshot.of_kind("BenchlingApp").filter(|app| !app.is_deleting()).flat_map(of_app).collect()
}

fn of_app(app: &Object) -> Vec<Finding> {
    let mut all = Vec::new();
    let mut found = |id, severity, message: String| all.push(Finding::new(id, severity, message, app.describe()).of(app.reference()));
    if let Some(condition) = app.condition_is("CredentialsWork", "False") {
        found("app-credentials-rejected", Severity::Warning, format!("{}: {}", condition.reason, condition.message));
    }
    let webhooks = app.kind_status::<BenchlingAppStatus>().unwrap_or_default().webhooks;
    if let Some(message) = webhooks.as_ref().and_then(|webhooks| webhooks.message.as_ref()) {
        found("app-webhooks-failing", Severity::Warning, message.clone());
    }
    if webhooks.is_some_and(|webhooks| webhooks.keys == Some(0) && webhooks.message.is_none()) {
        let message = "no public key of the app can verify a webhook: all webhooks are rejected. Check the app definition in Benchling.";
        found("app-without-keys", Severity::Warning, message.to_owned());
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::tests::*, *};

    fn app(status: Value) -> Vec<&'static str> {
        ids(check(&Snapshot { objects: vec![object("BenchlingApp", "app", json!({}), status)], ..healthy() }))
    }

    #[test]
    fn credentials_keys_and_problems_of_the_gateway_are_reported() {
        assert_eq!(app(json!({"webhooks": {"keys": 2}})), [""; 0]);
        assert_eq!(app(json!({"webhooks": {"keys": 0}})), ["app-without-keys"]);
        assert_eq!(app(json!({"webhooks": {"keys": 0, "message": "cannot fetch keys"}})), ["app-webhooks-failing"]);
        assert_eq!(
            app(json!({"conditions": [condition("CredentialsWork", "False", "CredentialsRejected", 9)]})),
            ["app-credentials-rejected"]
        );
    }
}
