//! Benchling: its event types, a shorthand for its event patterns, and warnings about patterns that
//! never match. Pure.
//!
//! This module only warns. Benchling adds types without notice, so unknown types are accepted.

mod catalogue;
mod lint;
mod shorthand;
mod webhook;

use catalogue::is_on_eventbridge;
pub use catalogue::{Standing, TYPES, carries_fields, resource_of, standing, suggestion};
pub use lint::lint;
pub use shorthand::{compile, schema_pattern, warnings};
pub use webhook::{compile_webhook, is_on_webhooks, of_source, webhook_warnings};

use crate::lints::{Lint, warning};

/// Prefix of the names of all partner event sources of Benchling and of their buses:
/// `aws.partner/benchling.com/TENANT/APPNAME`.
pub const SOURCE_PREFIX: &str = "aws.partner/benchling.com/";

/// Prefix of the `source` of every webhook event.
pub const WEBHOOK_SOURCE: &str = "benchling.webhook/";

/// Returns warnings about the event types in a field.
pub fn type_warnings(field: &str, types: &[String]) -> Vec<String> {
    types.iter().filter_map(|type_| type_warning(type_)).map(|(lint, text)| warning(lint, field, text)).collect()
}

/// Returns warnings about one type of a rule, which the subscription should include.
///
/// `included` are the types of the subscription; `None` or an empty list if they are not known.
fn rule_type_warnings(field: &str, type_: &str, included: Option<&[String]>) -> Vec<String> {
    let missing = included.is_some_and(|types| !types.is_empty() && !types.iter().any(|t| t == type_));
    let not_included = (missing && is_on_eventbridge(type_)).then(|| {
        let text = format!(
            "the subscription does not include {type_}: add it in Benchling under event-subscriptions and in the subscription's spec.eventTypes"
        );
        (Lint::TypeNotIncluded, text)
    });
    type_warning(type_).into_iter().chain(not_included).map(|(lint, text)| warning(lint, field, text)).collect()
}

fn type_warning(type_: &str) -> Option<(Lint, String)> {
    match standing(type_) {
        Some(Standing::Documented | Standing::ClientOnly) => None,
        Some(Standing::Beta { stable: Some(stable) }) => {
            Some((Lint::DeprecatedType, format!("{type_} is superseded: subscribe to {stable} in Benchling and use that type")))
        }
        Some(Standing::Beta { stable: None } | Standing::Alpha) => Some((
            Lint::UnstableType,
            format!("{type_} is not stable: Benchling may change or drop it without notice, so watch for events with detail.deprecated"),
        )),
        Some(Standing::WebhookOnly) => Some((Lint::WrongChannel, by_webhook(type_))),
        None => Some(unknown(type_)),
    }
}

fn by_webhook(type_: &str) -> String {
    let then =
        catalogue::counterpart(type_).map_or_else(|| "remove it".to_owned(), |other| format!("the nearest on EventBridge is {other}"));
    format!("Benchling sends {type_} by webhook only, never through EventBridge: {then}")
}

fn unknown(type_: &str) -> (Lint, String) {
    let kin = catalogue::webhook_kin(type_);
    if !kin.is_empty() {
        let resource = resource_of(type_).unwrap_or_default();
        let then = catalogue::counterpart(type_).map_or_else(String::new, |other| format!("; the nearest on EventBridge is {other}"));
        let kin = kin.join(", ");
        let text = format!("{type_} does not exist on EventBridge: Benchling sends events about {resource} by webhook only ({kin}){then}");
        return (Lint::WrongChannel, text);
    }
    // EventBridge has no types of these versions: the catalogue lacks a newer type of a webhook.
    let version = type_.split(['.', '-']).next().unwrap_or_default();
    if version == "v0" || version == "v3" {
        return (Lint::WrongChannel, by_webhook(type_));
    }
    let text = match suggestion(type_) {
        Some(other) => {
            format!(
                "{type_} is not a known event type: did you mean {other}? If Benchling offers it under event-subscriptions, ignore this warning"
            )
        }
        None => format!("{type_} is not a known event type: compare it with those that Benchling offers under event-subscriptions"),
    };
    (Lint::UnknownType, text)
}

/// Returns the types whose events have no changed fields, separated by commas; `None` if there are none.
fn without_fields<'a>(types: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let never: Vec<&str> = types.into_iter().filter(|type_| is_on_eventbridge(type_) && !carries_fields(type_)).collect();
    (!never.is_empty()).then(|| never.join(", "))
}

fn no_fields_warning(field: &str, never: &str) -> String {
    let text = format!(
        "events of {never} name no changed fields, so they never match: only types that end in .updated.fields do; \
         give the others a rule that asks for no fields"
    );
    warning(Lint::NeverMatches, field, text)
}

/// Quotes that a text editor or web page put in place of straight ones. A single one inside a word
/// is an apostrophe.
fn has_typographic_quotes(text: &str) -> bool {
    let single = ['‘', '’', '‚', '‛'];
    text.contains(['“', '”', '„', '‟']) || text.starts_with(single) || text.ends_with(single)
}

fn quotes_warning(field: &str, text: &str) -> Option<String> {
    has_typographic_quotes(text).then(|| {
        let text = format!("{text} has typographic quotes, which become part of the text: use straight quotes (\")");
        warning(Lint::TypographicQuotes, field, text)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const BUS: &str = "aws.partner/benchling.com/acme/sequence-integrations";

    fn about(type_: &str) -> String {
        type_warnings("spec.eventTypes", &[type_.to_owned()]).concat()
    }

    #[test]
    fn available_types_have_no_warning() {
        for (type_, of) in TYPES {
            let silent = matches!(of, Standing::Documented | Standing::ClientOnly);
            assert_eq!(about(type_).is_empty(), silent, "{type_}");
        }
    }

    #[test]
    fn warnings_state_the_problem_and_the_next_step() {
        for (type_, part) in [
            (
                "v2.assayRun.updated",
                "spec.eventTypes: v2.assayRun.updated is not a known event type: did you mean v2.assayRun.updated.fields?",
            ),
            ("v2-beta.entry.updated.reviewSnapshot", "is superseded: subscribe to v2.entry.updated.reviewSnapshot"),
            ("v2-alpha.stageEntry.created", "is not stable: Benchling may change or drop it without notice"),
            ("v3.entry.created", "by webhook only, never through EventBridge: the nearest on EventBridge is v2.entry.created"),
            ("v2.canvas.userInteracted", "by webhook only, never through EventBridge: remove it"),
            ("v3.plate.created", "Benchling sends v3.plate.created by webhook only"),
            ("v2.canvas.closed", "events about canvas by webhook only (v2.canvas.created, "),
            (
                "v2.dnaSequence.created",
                "about dnaSequence by webhook only (v3.dnaSequence.created, v3.dnaSequence.updated); the nearest on EventBridge is v2.entity",
            ),
            ("v2.container.moved", "compare it with those that Benchling offers"),
        ] {
            assert!(about(type_).contains(part), "{type_}: {}", about(type_));
        }
    }

    #[test]
    fn a_subscription_with_event_types_limits_them() {
        let included = ["v2.entity.registered".to_owned()];
        let warning = |type_, included| rule_type_warnings("f", type_, included).concat();
        assert!(
            warning("v2.request.created", Some(&included)).starts_with("f: the subscription does not include v2.request.created: add it")
        );
        assert_eq!(warning("v2.entity.registered", Some(&included)), "");
        assert_eq!(warning("v2.request.created", None), "");
        assert_eq!(warning("v2.request.created", Some(&[])), "");
        assert_eq!(rule_type_warnings("f", "v3.run.created", Some(&included)).len(), 1, "no advice to add what cannot be added");
    }

    #[test]
    fn an_apostrophe_is_no_quote() {
        assert!(["“id”", "‘id’", "a “b” c"].into_iter().all(has_typographic_quotes));
        assert!(!["id", "Bob’s Plasmid", "\"id\"", "5'"].into_iter().any(has_typographic_quotes));
    }

    /// Literals and `$or` only, as EventBridge matches them: all keys, one of the values, any item
    /// of a list in the event.
    fn matches(pattern: &Value, event: &Value) -> bool {
        match pattern {
            Value::Object(keys) => keys.iter().all(|(key, wanted)| match wanted {
                Value::Array(branches) if key == "$or" => branches.iter().any(|branch| matches(branch, event)),
                wanted => event.get(key).is_some_and(|value| matches(wanted, value)),
            }),
            Value::Array(wanted) => {
                event.as_array().map_or_else(|| wanted.contains(event), |items| items.iter().any(|item| wanted.contains(item)))
            }
            _ => false,
        }
    }

    fn event(type_: &str, resource: &str, updates: &[&str]) -> Value {
        let schema = json!({"id": "ts_a1b2c3d4", "name": "Plasmid"});
        let object = json!({"id": "bfi_1", "name": "pUC19", "schema": schema, "fields": {"Cost Center": {"type": "text", "value": "12"}}});
        let mut detail = json!({
            "id": "evt_1", "createdAt": "2024-05-01T09:00:00.123456+00:00", "eventType": type_, "deprecated": false,
            "excludedProperties": [], "schema": schema, resource: object,
        });
        if !updates.is_empty() {
            detail["updates"] = json!(updates);
        }
        json!({
            "version": "0", "id": "6a7e8feb-b491", "detail-type": type_, "source": BUS, "account": "111122223333",
            "time": "2024-05-01T09:00:00Z", "region": "eu-west-1", "resources": [], "detail": detail,
        })
    }

    fn short(value: Value) -> Value {
        Value::Object(compile(&serde_json::from_value(value).unwrap(), BUS))
    }

    /// Each pattern among Benchling's examples never matches and causes a warning. The shorthand
    /// matches.
    #[test]
    fn the_vendors_examples_never_match_and_have_warnings() {
        let registered = event("v2.entity.registered", "entity", &[]);
        let updated = event("v2.assayRun.updated.fields", "assayRun", &["fields.my_field", "fields.Cost Center"]);
        for (example, warnings, event, shorthand) in [
            (
                json!({"detail-type": ["v2.assayRun.updated"], "detail": {"updates": ["my_field"]}}),
                vec!["did you mean v2.assayRun.updated.fields", "write fields.my_field"],
                &updated,
                json!({"eventTypes": ["v2.assayRun.updated.fields"], "updatedFields": ["my_field"]}),
            ),
            (
                // `{ ["my_field"] }` is no JSON; this is what it becomes when YAML takes it.
                json!({"detail-type": ["v2.assayRun.updated"], "detail": {"updates": {"my_field": null}}}),
                vec!["did you mean v2.assayRun.updated.fields", "write [\"fields.my_field\"]"],
                &updated,
                json!({"updatedFields": ["Cost Center"]}),
            ),
            (
                json!({"detail-type": ["v2.entity.registered"], "detail": {"entity": {"schema": {"id": {"value": ["ts_a1b2c3d4"]}}}}}),
                vec!["write {\"id\": [\"ts_a1b2c3d4\"]}"],
                &registered,
                json!({"eventTypes": ["v2.entity.registered"], "schemas": {"ids": ["ts_a1b2c3d4"], "names": ["Other"]}}),
            ),
            (
                json!({"detail": {"schema": {"“id”": ["ts_a1b2c3d4"]}}}),
                vec!["typographic quotes"],
                &registered,
                json!({"schemas": {"names": ["Plasmid"]}}),
            ),
        ] {
            let found = lint(example.as_object().unwrap(), None);
            assert!(!matches(&example, event), "{example}");
            assert!(found.len() == warnings.len() && found.iter().zip(warnings).all(|(warning, part)| warning.contains(part)), "{found:?}");
            assert!(matches(&short(shorthand.clone()), event), "{shorthand}");
        }
    }

    #[test]
    fn the_working_forms_match_without_a_warning() {
        let registered = event("v2.entity.registered", "entity", &[]);
        let updated = event("v2.assayRun.updated.fields", "assayRun", &["fields.my_field"]);
        for (pattern, event) in [
            (json!({"detail-type": ["v2.assayRun.updated.fields"], "detail": {"updates": ["fields.my_field"]}}), &updated),
            (json!({"detail-type": ["v2.entity.registered"], "detail": {"entity": {"schema": {"id": ["ts_a1b2c3d4"]}}}}), &registered),
            (short(json!({})), &registered),
        ] {
            assert!(matches(&pattern, event) && lint(pattern.as_object().unwrap(), None).is_empty(), "{pattern}");
        }
        for other in [
            json!({"schemas": {"names": ["plasmid"]}}),
            json!({"eventTypes": ["v2.entry.created"]}),
            json!({"updatedFields": ["Cost Center"]}),
        ] {
            assert!(!matches(&short(other.clone()), &registered), "{other}");
        }
    }
}
