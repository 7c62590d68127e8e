//! The shorthand on the webhook channel. Its events have ids only: no object and no name of a
//! schema. Pure.

use serde_json::{Map, Value, json};

use tributary_api::BenchlingShorthand;

use crate::{
    benchling::{Standing, carries_fields, quotes_warning, shorthand, standing, suggestion},
    lints::{Lint, warning},
};

/// Returns the event pattern: that of the other channel, and `source`, since other senders can
/// publish to the same bus.
///
/// In `detail`, the gateway sets `schema` and `updates` as in Benchling's events on EventBridge.
pub fn compile_webhook(shorthand: &BenchlingShorthand, source_prefix: &str) -> Map<String, Value> {
    let mut pattern = shorthand::compile(shorthand, "");
    pattern.remove("source");
    of_source(pattern, source_prefix)
}

/// Returns the pattern for the events of one app. An existing `source` is the user's and is
/// retained.
pub fn of_source(mut pattern: Map<String, Value>, source_prefix: &str) -> Map<String, Value> {
    pattern.entry("source").or_insert_with(|| json!([{"prefix": source_prefix}]));
    pattern
}

/// Returns whether Benchling sends this type by webhook (webhook model of Benchling's API client).
pub fn is_on_webhooks(type_: &str) -> bool {
    matches!(standing(type_), Some(Standing::Documented | Standing::WebhookOnly))
}

/// Returns warnings about conditions that never match a webhook or may stop matching.
pub fn webhook_warnings(shorthand: &BenchlingShorthand) -> Vec<String> {
    let BenchlingShorthand { event_types, schemas, updated_fields } = shorthand;
    let mut all: Vec<String> = event_types.iter().filter_map(|type_| type_warning(type_)).collect();
    if let Some(schemas) = schemas {
        if schemas.ids.is_empty() && schemas.names.is_empty() && schemas.configured.is_empty() {
            let text = "names no schema, so every schema matches: set ids, or remove it";
            all.push(warning(Lint::EmptyFilter, "spec.benchling.schemas", text));
        }
        if !schemas.names.is_empty() {
            let names = schemas.names.join(", ");
            let text = format!("webhooks carry ids of schemas and no names, so {names} never matches: set schemas.ids");
            all.push(warning(Lint::NeverMatches, "spec.benchling.schemas.names", text));
        }
        let thick = event_types.iter().filter(|type_| type_.starts_with("v3.")).map(String::as_str).collect::<Vec<_>>().join(", ");
        if !thick.is_empty() {
            let text = format!("webhooks of {thick} carry no schema, so they never match: use a rule without schemas");
            all.push(warning(Lint::NeverMatches, "spec.benchling.schemas", text));
        }
    }
    if !updated_fields.is_empty() {
        let never = event_types.iter().filter(|type_| is_on_webhooks(type_) && !carries_fields(type_));
        let never = never.map(String::as_str).collect::<Vec<_>>().join(", ");
        if !never.is_empty() {
            all.push(crate::benchling::no_fields_warning("spec.benchling.updatedFields", &never));
        }
    }
    let empty = tributary_api::SchemaFilter::default();
    let ids = &schemas.as_ref().unwrap_or(&empty).ids;
    for (field, texts) in [("eventTypes", event_types), ("schemas.ids", ids), ("updatedFields", updated_fields)] {
        all.extend(texts.iter().filter_map(|text| quotes_warning(&format!("spec.benchling.{field}"), text)));
    }
    all
}

fn type_warning(type_: &str) -> Option<String> {
    let (lint, text) = match standing(type_) {
        Some(Standing::WebhookOnly) if type_.contains("-beta.") || type_.starts_with("v0") => {
            (Lint::UnstableType, format!("{type_} is not stable: Benchling may change or drop it without notice"))
        }
        Some(Standing::Documented | Standing::WebhookOnly) => return None,
        Some(_) => (
            Lint::WrongChannel,
            format!("Benchling sends {type_} through EventBridge only, never by webhook: reference a BenchlingSubscription in spec.busRef"),
        ),
        None => {
            let text = match suggestion(type_).filter(|other| other.split(", ").all(is_on_webhooks)) {
                Some(other) => format!(
                    "{type_} is not a known event type: did you mean {other}? If the app's manifest may list it, ignore this warning"
                ),
                None => format!("{type_} is not a known event type: compare it with those that the app's manifest may list"),
            };
            (Lint::UnknownType, text)
        }
    };
    Some(warning(lint, "spec.benchling.eventTypes", text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchling::TYPES;

    const PREFIX: &str = "benchling.webhook/prod/lims/";

    fn shorthand(value: Value) -> BenchlingShorthand {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_pattern_is_that_of_the_eventbridge_channel_with_the_apps_source() {
        let source = json!([{"prefix": PREFIX}]);
        for (written, pattern) in [
            (json!({}), json!({"source": source})),
            (json!({"eventTypes": ["v2.entity.registered"]}), json!({"source": source, "detail-type": ["v2.entity.registered"]})),
            (json!({"schemas": {"ids": ["ts_a"]}}), json!({"source": source, "detail": {"schema": {"id": ["ts_a"]}}})),
            (json!({"updatedFields": ["A"]}), json!({"source": source, "detail": {"updates": ["fields.A"]}})),
        ] {
            assert_eq!(Value::Object(compile_webhook(&shorthand(written), PREFIX)), pattern);
        }
        let own = json!({"source": ["mine"], "detail-type": ["t"]});
        assert_eq!(Value::Object(of_source(own.as_object().unwrap().clone(), PREFIX)), own);
    }

    #[test]
    fn types_that_cannot_match_have_a_warning() {
        for (written, warning) in [
            (json!({"schemas": {"names": ["Plasmid"]}}), "schemas.names: webhooks carry ids of schemas and no names, so Plasmid never"),
            (json!({"schemas": {}}), "schemas: names no schema"),
            (json!({"eventTypes": ["v2.worksheet.updated.reviewSnapshot"]}), "through EventBridge only, never by webhook"),
            (json!({"eventTypes": ["v2.assayRun.updated"]}), "did you mean v2.assayRun.updated.fields?"),
            (json!({"eventTypes": ["v2-beta.canvas.created"]}), "is not stable"),
            (json!({"eventTypes": ["v3.run.created"], "schemas": {"ids": ["ts_a"]}}), "webhooks of v3.run.created carry no schema"),
            (json!({"eventTypes": ["v2.entity.registered"], "updatedFields": ["A"]}), "name no changed fields"),
            (json!({"schemas": {"ids": ["“ts_a”"]}}), "typographic quotes"),
        ] {
            let all = webhook_warnings(&shorthand(written.clone()));
            assert!(all.len() == 1 && all[0].contains(warning), "{written}: {all:?}");
        }
        assert!(webhook_warnings(&shorthand(json!({"eventTypes": ["v3.run.created", "v2.canvas.userInteracted"]}))).is_empty());
    }

    #[test]
    fn the_webhook_channel_has_fifty_types() {
        assert_eq!(TYPES.iter().filter(|(type_, _)| is_on_webhooks(type_)).count(), 50);
    }
}
