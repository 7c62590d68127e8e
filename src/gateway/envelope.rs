//! The body of a webhook, and the event that it becomes. Pure.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use tributary_core::benchling::standing;

/// The part of an unverified body that selects the app (`WebhookEnvelopeV0` of Benchling's API client).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Claim {
    app_definition: Id,
    #[serde(rename = "baseURL")]
    base_url: String,
}

#[derive(Debug, Deserialize)]
struct Id {
    id: String,
}

impl Claim {
    /// # Errors
    /// What the body lacks.
    pub(crate) fn read(body: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(body).map_err(|error| format!("body is not a Benchling webhook: {error}"))
    }

    pub(crate) fn definition(&self) -> &str {
        &self.app_definition.id
    }

    /// Returns `acme` of `https://acme.benchling.com`.
    pub(crate) fn tenant(&self) -> Option<&str> {
        let host = self.base_url.strip_prefix("https://")?.trim_end_matches('/');
        host.strip_suffix(".benchling.com").filter(|tenant| !tenant.is_empty() && !tenant.contains(['.', '/', ':', '@']))
    }
}

/// A verified webhook as an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// At most 128 characters, the limit of `EventBridge`.
    pub(crate) detail_type: String,
    pub(crate) detail: String,
    /// Whether the type is in the catalogue.
    pub(crate) known: bool,
}

/// Detail type of a webhook without a usable type.
const UNTYPED: &str = "benchling.webhook";

/// Returns the event of a verified webhook.
///
/// `detail` is the whole body, and the fields that patterns match, where Benchling's own events on `EventBridge` have them: `id`,
/// `eventType`, `createdAt`, `deprecated`, `schema`, `updates`.
///
/// # Errors
/// The body is not a JSON object.
pub(crate) fn event(body: &[u8], webhook_id: &str, tenant: &str) -> Result<Event, String> {
    let mut detail: Map<String, Value> = serde_json::from_slice(body).map_err(|error| format!("body is not a JSON object: {error}"))?;
    let message = detail.get("message").cloned().unwrap_or_default();
    let type_ = message.get("type").and_then(Value::as_str).filter(|text| !text.is_empty() && text.chars().count() <= 128);
    let known = type_.is_some_and(|type_| standing(type_).is_some());
    let detail_type = type_.unwrap_or(UNTYPED).to_owned();
    for key in ["id", "createdAt", "deprecated", "schema", "updates", "resourceId"] {
        // Fields of the envelope take precedence.
        if let Some(value) = message.get(key) {
            detail.entry(key).or_insert_with(|| value.clone());
        }
    }
    detail.insert("eventType".into(), json!(detail_type));
    detail.insert("tenant".into(), json!(tenant));
    detail.insert("webhook".into(), json!({"id": webhook_id, "knownType": known}));
    Ok(Event { detail_type, detail: Value::Object(detail).to_string(), known })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(message: &Value) -> Vec<u8> {
        json!({"version": "0", "baseURL": "https://acme.benchling.com", "tenantId": "ten_1", "app": {"id": "app_1"},
            "appDefinition": {"id": "appdef_1", "versionNumber": "0.0.1"}, "channel": "events", "message": message})
        .to_string()
        .into_bytes()
    }

    #[test]
    fn the_tenant_is_that_of_a_host_of_benchlings_and_nothing_else() {
        for (url, tenant) in [
            ("https://acme.benchling.com", Some("acme")),
            ("https://acme.benchling.com/", Some("acme")),
            ("http://acme.benchling.com", None),
            ("https://acme.benchling.com.evil.example", None),
            ("https://evil.example/.benchling.com", None),
            ("https://a.b.benchling.com", None),
            ("https://x@acme.benchling.com", None),
            ("https://.benchling.com", None),
            ("", None),
        ] {
            let claim = Claim::read(json!({"appDefinition": {"id": "a"}, "baseURL": url}).to_string().as_bytes()).unwrap();
            assert_eq!(claim.tenant(), tenant, "{url}");
        }
        for bad in ["", "[]", "{}", r#"{"appDefinition": "a", "baseURL": "b"}"#, "{\"appDefinition\": {\"id\": \"a\"}"] {
            assert!(Claim::read(bad.as_bytes()).is_err(), "{bad}");
        }
        let deep = format!(r#"{{"appDefinition": {{"id": "a"}}, "baseURL": "b", "x": {}{}}}"#, "[".repeat(9_000), "]".repeat(9_000));
        assert!(Claim::read(deep.as_bytes()).is_ok(), "other fields are skipped without recursion");
        assert!(event(deep.as_bytes(), "wh_1", "acme").is_err(), "depth is bounded");
    }

    #[test]
    fn patterns_for_eventbridge_events_match() {
        let message = json!({"type": "v2.entity.registered", "id": "evt_1", "resourceId": "bfi_1", "createdAt": "2026-01-01T00:00:00+00:00",
            "deprecated": false, "schema": {"id": "ts_1"}});
        let event = event(&body(&message), "wh_1", "acme").unwrap();
        let detail: Value = serde_json::from_str(&event.detail).unwrap();
        assert!(event.known && event.detail_type == "v2.entity.registered");
        assert_eq!(detail["message"], message, "whole");
        assert_eq!((&detail["schema"]["id"], &detail["id"], &detail["eventType"]), (&json!("ts_1"), &json!("evt_1"), &message["type"]));
        assert_eq!((&detail["tenant"], &detail["webhook"]["id"]), (&json!("acme"), &json!("wh_1")));
        assert_eq!((&detail["app"]["id"], &detail["appDefinition"]["id"]), (&json!("app_1"), &json!("appdef_1")));
    }

    #[test]
    fn unknown_types_are_accepted_and_flagged() {
        let long = "x".repeat(129);
        for (message, detail_type) in [
            (json!({"type": "v9.moon.landed"}), "v9.moon.landed"),
            (json!({}), UNTYPED),
            (json!({"type": 7}), UNTYPED),
            (json!({"type": ""}), UNTYPED),
            (json!({"type": long}), UNTYPED),
            (json!("text"), UNTYPED),
        ] {
            let event = event(&body(&message), "wh_1", "acme").unwrap();
            assert_eq!((event.detail_type.as_str(), event.known), (detail_type, false), "{message}");
        }
        assert!(event(b"[1]", "wh_1", "acme").is_err());
    }
}
