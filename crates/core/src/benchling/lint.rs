//! Warnings about event patterns for Benchling's events that never match. Pure.
//!
//! Some of Benchling's own examples never match either (Benchling docs, Getting Started with
//! Events).

use serde_json::Value;

use crate::{
    benchling::{catalogue, no_fields_warning, quotes_warning, rule_type_warnings, shorthand::once_each, without_fields},
    lints::{Lint, Pattern, alternatives, is_too_long, warning},
};

/// Updates that are not schema fields. They have no prefix `fields.`.
const PLAIN_UPDATES: [&str; 7] = ["status", "assignee", "scheduledOn", "watchers", "reviewRecord", "reviewSnapshot", "assignedReviewers"];

/// Returns warnings about parts of the pattern that never match, or may stop matching, on a bus of
/// Benchling.
///
/// `included` are the event types of the subscription, if it lists them. A pattern that is too long
/// for AWS has no warnings.
pub fn lint(pattern: &Pattern, included: Option<&[String]>) -> Vec<String> {
    let mut all = vec![];
    if is_too_long(pattern) {
        return all;
    }
    quotes("spec.eventPattern", &Value::Object(pattern.clone()), &mut all);
    for one in alternatives(pattern) {
        types(&one, included, &mut all);
        if let Some(detail) = one.get("detail").and_then(Value::as_object) {
            updates(detail, &types_of(&one), &mut all);
            schemas("spec.eventPattern.detail", detail, &mut all);
            objects(detail, &types_of(&one), &mut all);
        }
    }
    // Alternatives share most of their warnings.
    once_each(all.into_iter())
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn quotes(field: &str, value: &Value, all: &mut Vec<String>) {
    match value {
        Value::String(text) => all.extend(quotes_warning(field, text)),
        Value::Array(values) => values.iter().for_each(|value| quotes(field, value, all)),
        Value::Object(entries) => {
            for (key, value) in entries {
                all.extend(quotes_warning(field, key));
                quotes(&format!("{field}.{key}"), value, all);
            }
        }
        _ => {}
    }
}

fn types(one: &Pattern, included: Option<&[String]>, all: &mut Vec<String>) {
    let event_type = one.get("detail").and_then(|detail| detail.get("eventType"));
    for (field, value) in [("detail-type", one.get("detail-type")), ("detail.eventType", event_type)] {
        let field = format!("spec.eventPattern.{field}");
        for item in items(value) {
            if let Some(type_) = item.as_str() {
                all.extend(rule_type_warnings(&field, type_, included));
            } else if let Some(prefix) = item.get("prefix").and_then(Value::as_str)
                && !catalogue::on_eventbridge().any(|type_| type_.starts_with(prefix))
            {
                let text = format!("no known event type begins with {prefix}: compare it with v2.entity.registered and the like");
                all.push(warning(Lint::UnknownType, &field, text));
            }
        }
    }
}

/// Returns the known event types that can match, if the pattern lists them literally.
fn types_of(one: &Pattern) -> Vec<&str> {
    let listed = [one.get("detail-type"), one.get("detail").and_then(|detail| detail.get("eventType"))];
    let listed = listed.into_iter().map(items).find(|items| !items.is_empty() && items.iter().all(Value::is_string));
    listed.unwrap_or_default().iter().filter_map(Value::as_str).filter(|type_| catalogue::is_on_eventbridge(type_)).collect()
}

fn updates(detail: &Pattern, types: &[&str], all: &mut Vec<String>) {
    let field = "spec.eventPattern.detail.updates";
    if let Some(Value::Object(names)) = detail.get("updates") {
        let name = names.keys().next().map_or("my_field", String::as_str);
        let text = format!("updates is a list of strings in the payload, so an object never matches: write [\"fields.{name}\"]");
        all.push(warning(Lint::NeverMatches, field, text));
    }
    let updates = items(detail.get("updates"));
    for text in updates.iter().filter_map(Value::as_str).filter(|text| !text.starts_with("fields.") && !PLAIN_UPDATES.contains(text)) {
        let text = format!("{text} never matches: changed schema fields are named with a prefix, so write fields.{text}");
        all.push(warning(Lint::NeverMatches, field, text));
    }
    let only_fields =
        !updates.is_empty() && updates.iter().all(|update| update.as_str().is_some_and(|text| !PLAIN_UPDATES.contains(&text)));
    if only_fields && let Some(never) = without_fields(types.iter().copied()) {
        all.push(no_fields_warning(field, &never));
    }
}

/// `{"schema": {"id": {"value": [..]}}}`, at any depth.
fn schemas(field: &str, pattern: &Pattern, all: &mut Vec<String>) {
    for (key, value) in pattern {
        let Some(inner) = value.as_object() else { continue };
        let field = format!("{field}.{key}");
        if key == "schema" {
            for part in ["id", "name"] {
                if let Some(Value::Object(nested)) = inner.get(part) {
                    let values = nested.values().find(|value| value.is_array()).map_or_else(|| "[...]".to_owned(), Value::to_string);
                    let text = format!("{part} is a string in the payload, not an object: write {{\"{part}\": {values}}}");
                    all.push(warning(Lint::NeverMatches, &format!("{field}.{part}"), text));
                }
            }
        }
        schemas(&field, inner, all);
    }
}

/// `detail.entity` with `v2.request.created`, whose events have `detail.request`.
fn objects(detail: &Pattern, types: &[&str], all: &mut Vec<String>) {
    for (key, value) in detail {
        let known = catalogue::on_eventbridge().any(|type_| catalogue::resource_of(type_) == Some(key));
        if !known || wants_absence(value) {
            continue;
        }
        let never: Vec<&str> = types.iter().copied().filter(|type_| !catalogue::carries_object(type_, key)).collect();
        if let Some(own) = never.first().and_then(|type_| catalogue::resource_of(type_)) {
            let never = never.join(", ");
            let text = format!("events of {never} have no {key}, so they never match: use detail.{own}, or in detail.schema");
            all.push(warning(Lint::NeverMatches, &format!("spec.eventPattern.detail.{key}"), text));
        }
    }
}

/// `{"exists": false}`, at any depth.
fn wants_absence(value: &Value) -> bool {
    match value {
        Value::Object(entries) => entries.get("exists") == Some(&Value::Bool(false)) || entries.values().any(wants_absence),
        Value::Array(values) => values.iter().any(wants_absence),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BUS: &str = "aws.partner/benchling.com/acme/lims";

    fn warnings(pattern: &Value) -> Vec<String> {
        lint(pattern.as_object().unwrap(), None)
    }

    #[test]
    fn a_part_that_never_matches_is_reported_once_with_its_path() {
        for (pattern, starts, contains) in [
            (json!({"detail-type": ["v2.assayRun.updated"]}), "detail-type: ", "did you mean v2.assayRun.updated.fields?"),
            (json!({"detail": {"eventType": ["v3.run.created"]}}), "detail.eventType: ", "by webhook only"),
            (json!({"detail-type": [{"prefix": "v3.dna"}]}), "detail-type: ", "no known event type begins with v3.dna"),
            (json!({"detail": {"updates": ["my_field"]}}), "detail.updates: ", "write fields.my_field"),
            (json!({"detail": {"updates": {"my_field": null}}}), "detail.updates: ", "write [\"fields.my_field\"]"),
            (
                json!({"detail-type": ["v2.entry.created"], "detail": {"updates": ["fields.A"]}}),
                "detail.updates: ",
                "events of v2.entry.created name no",
            ),
            (json!({"detail": {"schema": {"name": {"value": ["P"]}}}}), "detail.schema.name: ", "write {\"name\": [\"P\"]}"),
            (json!({"detail": {"$or": [{"schema": {"id": {"v": 1}}}, {"id": ["a"]}]}}), "detail.schema.id: ", "write {\"id\": [...]}"),
            (
                json!({"$or": [{"detail-type": ["v2.entry"]}, {"detail-type": ["v2.entry"]}]}),
                "detail-type: ",
                "did you mean v2.entry.created, ",
            ),
            (
                json!({"detail-type": ["v2.request.created", "v2.entity.registered"], "detail": {"entity": {"name": ["A"]}}}),
                "detail.entity: ",
                "events of v2.request.created have no entity, so they never match: use detail.request",
            ),
            (json!({"“detail-type”": ["v2.entity.registered"]}), ": ", "“detail-type” has typographic quotes"),
        ] {
            let warnings = warnings(&pattern);
            assert_eq!(warnings.len(), 1, "{pattern}: {warnings:?}");
            let start = format!("spec.eventPattern{}{starts}", if starts == ": " { "" } else { "." });
            assert!(warnings[0].starts_with(&start) && warnings[0].contains(contains), "{pattern}: {warnings:?}");
        }
    }

    #[test]
    fn patterns_that_can_match_have_no_warning() {
        for pattern in [
            json!({"source": [{"prefix": "aws.partner/benchling.com"}]}),
            json!({"source": [BUS], "detail-type": ["v2.entity.registered", {"prefix": "v2.entry."}, {"anything-but": ["x"]}]}),
            json!({"detail-type": ["v2.workflowTask.updated.status"], "detail": {"updates": ["status"], "workflowTask": {"id": [{"exists": true}]}}}),
            json!({"detail": {"updates": [{"prefix": "fields."}], "schema": {"id": ["ts_a"], "name": [{"prefix": "P"}]}}}),
            json!({"detail-type": ["v2.request.created"], "detail": {"entity": {"id": [{"exists": false}]}}}),
            json!({"$or": [{"detail-type": ["v2.request.created"]}, {"detail-type": ["v2.entity.registered"], "detail": {"entity": {"name": ["A"]}}}]}),
            json!({"detail-type": [{"prefix": "v2."}], "detail": {"entity": {"name": ["A"]}}}),
            json!({"detail-type": "v2.entity.registered", "$or": [], "detail": {"schema": {"fields": {"id": {"value": ["a"]}}}}}),
        ] {
            assert_eq!(warnings(&pattern), Vec::<String>::new(), "{pattern}");
        }
    }
}
