//! Removes from a spec what a user may have written there although it belongs into a Secret.

use serde_json::Value;

/// What is shown instead.
const HIDDEN: &str = "(not shown)";
/// Objects whose values go into headers, query strings and bodies of requests.
const REQUEST_VALUES: [&str; 2] = ["invocationHttp", "http"];
/// URLs, whose query string may have a key.
const URLS: [&str; 2] = ["endpoint", "authorizationEndpoint"];

/// Replaces such values in the spec of an object.
pub(super) fn redact(spec: &mut Value) {
    match spec {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::Object(_) if REQUEST_VALUES.contains(&name.as_str()) => hide_values(value),
                    Value::String(url) if URLS.contains(&name.as_str()) => {
                        if let Some((before, _)) = url.split_once(['?', '#']) {
                            *url = format!("{before}?{HIDDEN}");
                        }
                    }
                    _ => redact(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(redact),
        _ => {}
    }
}

/// Hides all texts except names of Secrets and their keys.
fn hide_values(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.iter_mut().filter(|(name, _)| *name != "secretRef").for_each(|(_, value)| hide_values(value)),
        Value::Array(values) => values.iter_mut().for_each(hide_values),
        Value::String(text) => HIDDEN.clone_into(text),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_requests_are_not_shown() {
        let mut spec = json!({"apiDestination": {"managed": {
            "endpoint": "https://example.com/hook?key=canary",
            "connection": {
                "apiKey": {"name": "x-key", "valueSecretRef": {"name": "s", "key": "k"}},
                "oauthClientCredentials": {"clientId": "c", "http": {"body": {"grant": {"value": "canary"}}}},
                "invocationHttp": {"headers": {"x": {"value": "canary"}, "y": {"secretRef": {"name": "s", "key": "k"}}}},
            },
        }}});
        redact(&mut spec);
        assert!(!spec.to_string().contains("canary"), "{spec}");
        let connection = &spec["apiDestination"]["managed"]["connection"];
        assert_eq!(connection["invocationHttp"]["headers"]["y"], json!({"secretRef": {"name": "s", "key": "k"}}));
        assert_eq!(connection["apiKey"]["valueSecretRef"]["name"], "s");
        let mut pattern = json!({"eventPattern": {"source": ["lims"], "detail": {"value": ["x"]}}});
        let before = pattern.clone();
        redact(&mut pattern);
        assert_eq!(pattern, before);
    }
}
