//! The shorthand of `spec.benchling`: its event pattern, and warnings about conditions that never
//! match. Pure.

use serde_json::{Map, Value, json};

use tributary_api::{BenchlingShorthand, ConfiguredSchemaPath, SchemaFilter};

use crate::{
    benchling::{SOURCE_PREFIX, carries_fields, no_fields_warning, quotes_warning, rule_type_warnings, without_fields},
    lints::{Lint, warning},
};

const FIELDS: &str = "fields.";

/// Returns the event pattern of EventBridge. `source` is the name of the partner event source,
/// which is that of its bus.
///
/// Schemas are matched in `detail.schema`, which events about all kinds of objects have (Benchling
/// docs, Events Reference).
pub fn compile(shorthand: &BenchlingShorthand, source: &str) -> Map<String, Value> {
    let mut detail = Map::new();
    if let Some(schema) = shorthand.schemas.as_ref().and_then(schema_pattern) {
        detail.insert("schema".into(), schema);
    }
    if !shorthand.updated_fields.is_empty() {
        detail.insert("updates".into(), json!(once_each(shorthand.updated_fields.iter().map(|name| as_update(name)))));
    }
    let mut pattern = Map::new();
    if !shorthand.event_types.is_empty() {
        pattern.insert("detail-type".into(), json!(once_each(shorthand.event_types.iter().cloned())));
    }
    if !detail.is_empty() {
        pattern.insert("detail".into(), Value::Object(detail));
    }
    if pattern.is_empty() {
        // EventBridge rejects an empty pattern. A custom bus can have events of several
        // subscriptions and of other senders.
        let any = if source.starts_with(SOURCE_PREFIX) { json!([source]) } else { json!([{"prefix": SOURCE_PREFIX}]) };
        pattern.insert("source".into(), any);
    }
    pattern
}

/// Returns warnings about conditions that never match or may stop matching. `included` are the
/// event types of the subscription, if it lists them.
pub fn warnings(shorthand: &BenchlingShorthand, included: Option<&[String]>) -> Vec<String> {
    let BenchlingShorthand { event_types, schemas, updated_fields } = shorthand;
    let empty = SchemaFilter::default();
    let SchemaFilter { ids, names, configured } = schemas.as_ref().unwrap_or(&empty);

    let mut all: Vec<String> = vec![];
    for type_ in event_types {
        all.extend(rule_type_warnings("spec.benchling.eventTypes", type_, included));
    }
    if schemas.is_some() && ids.is_empty() && names.is_empty() && configured.is_empty() {
        let text = "names no schema, so every schema matches: set ids or names, or remove it";
        all.push(warning(Lint::EmptyFilter, "spec.benchling.schemas", text));
    }
    if !updated_fields.is_empty() {
        all.extend(fields_warning(event_types, included));
    }
    for (field, texts) in [("eventTypes", event_types), ("schemas.ids", ids), ("schemas.names", names), ("updatedFields", updated_fields)] {
        all.extend(texts.iter().filter_map(|text| quotes_warning(&format!("spec.benchling.{field}"), text)));
    }
    all
}

/// Returns warnings about types that never match because their events have no changed fields.
fn fields_warning(event_types: &[String], included: Option<&[String]>) -> Option<String> {
    if !event_types.is_empty() {
        return without_fields(event_types.iter().map(String::as_str))
            .map(|never| no_fields_warning("spec.benchling.updatedFields", &never));
    }
    let included = included.filter(|types| !types.is_empty())?;
    (!included.iter().any(|type_| carries_fields(type_))).then(|| {
        let text = "the subscription includes no type that ends in .updated.fields, so nothing matches: \
                    add one in Benchling under event-subscriptions and in the subscription's spec.eventTypes";
        warning(Lint::NeverMatches, "spec.benchling.updatedFields", text)
    })
}

/// Returns the text that stands for a choice in the app's configuration until it is read: no ID of a
/// schema, so that a rule never matches all schemas instead.
fn placeholder(configured: &ConfiguredSchemaPath) -> String {
    format!("configured:{}", configured.path.join("/"))
}

/// Returns what a pattern has in `detail.schema` for the filter.
pub fn schema_pattern(SchemaFilter { ids, names, configured }: &SchemaFilter) -> Option<Value> {
    let ids = once_each(ids.iter().cloned().chain(configured.iter().map(placeholder)));
    let (id, name) = (json!({"id": ids}), json!({"name": once_each(names.iter().cloned())}));
    match (ids.is_empty(), names.is_empty()) {
        (true, true) => None,
        (false, true) => Some(id),
        (true, false) => Some(name),
        (false, false) => Some(json!({"$or": [id, name]})),
    }
}

/// `Cost Center` to `fields.Cost Center`.
fn as_update(name: &str) -> String {
    if name.starts_with(FIELDS) { name.to_owned() } else { format!("{FIELDS}{name}") }
}

/// In the order in which they were written.
pub(super) fn once_each(texts: impl Iterator<Item = String>) -> Vec<String> {
    texts.fold(vec![], |mut seen, text| {
        if !seen.contains(&text) {
            seen.push(text);
        }
        seen
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchling::{Standing, TYPES, lint};

    const SOURCE: &str = "aws.partner/benchling.com/acme/sequence-integrations";

    fn shorthand(value: Value) -> BenchlingShorthand {
        serde_json::from_value(value).unwrap()
    }

    fn compiled(value: Value) -> Value {
        Value::Object(compile(&shorthand(value), SOURCE))
    }

    #[test]
    fn each_part_becomes_a_part_of_the_pattern() {
        for (written, pattern) in [
            (json!({}), json!({"source": [SOURCE]})),
            (json!({"schemas": {}}), json!({"source": [SOURCE]})),
            (
                json!({"eventTypes": ["v2.request.created", "v2.entity.registered"]}),
                json!({"detail-type": ["v2.request.created", "v2.entity.registered"]}),
            ),
            (json!({"schemas": {"ids": ["ts_b", "ts_a", "ts_b"]}}), json!({"detail": {"schema": {"id": ["ts_b", "ts_a"]}}})),
            (json!({"schemas": {"names": ["Plasmid"]}}), json!({"detail": {"schema": {"name": ["Plasmid"]}}})),
            // Never all schemas, whatever is not known yet.
            (json!({"schemas": {"configured": [{"path": ["A", "B"]}]}}), json!({"detail": {"schema": {"id": ["configured:A/B"]}}})),
            (
                json!({"schemas": {"ids": ["ts_a"], "names": ["Plasmid"]}}),
                json!({"detail": {"schema": {"$or": [{"id": ["ts_a"]}, {"name": ["Plasmid"]}]}}}),
            ),
            (
                json!({"eventTypes": ["v2.assayRun.updated.fields"], "updatedFields": ["Cost Center", "fields.my_field"]}),
                json!({"detail-type": ["v2.assayRun.updated.fields"], "detail": {"updates": ["fields.Cost Center", "fields.my_field"]}}),
            ),
        ] {
            assert_eq!(compiled(written), pattern);
        }
    }

    #[test]
    fn on_a_custom_bus_every_benchling_event_matches() {
        let pattern = Value::Object(compile(&BenchlingShorthand::default(), "mirror"));
        assert_eq!(pattern, json!({"source": [{"prefix": "aws.partner/benchling.com/"}]}));
    }

    #[test]
    fn a_shorthand_survives_serialization() {
        for written in [json!({}), json!({"eventTypes": ["a"], "schemas": {"ids": ["b"], "names": ["c"]}, "updatedFields": ["d"]})] {
            assert_eq!(serde_json::to_value(shorthand(written.clone())).unwrap(), written);
        }
        let schema = serde_json::to_value(schemars::schema_for!(BenchlingShorthand)).unwrap();
        let types = &schema["properties"]["eventTypes"];
        assert_eq!((&types["maxItems"], &types["items"]["maxLength"]), (&json!(50), &json!(128)));
    }

    #[test]
    fn every_known_type_compiles_without_a_warning_unless_deprecated() {
        for (type_, of) in TYPES {
            let one = shorthand(json!({"eventTypes": [type_], "schemas": {"names": ["Plasmid"]}}));
            let silent = matches!(of, Standing::Documented | Standing::ClientOnly);
            assert_eq!(warnings(&one, None).is_empty(), silent, "{type_}");
            assert_eq!(lint(&compile(&one, SOURCE), None).is_empty(), silent, "{type_}");
        }
    }

    #[test]
    fn parts_that_never_match_have_a_warning() {
        let included = ["v2.entity.registered".to_owned()];
        for (written, field, warning) in [
            (json!({"eventTypes": ["v2.assayRun.updated"]}), "eventTypes", "did you mean v2.assayRun.updated.fields?"),
            (json!({"eventTypes": ["v2.request.created"]}), "eventTypes", "does not include v2.request.created"),
            (
                json!({"eventTypes": ["v2.entity.registered"], "updatedFields": ["A"]}),
                "updatedFields",
                "events of v2.entity.registered name no",
            ),
            (json!({"updatedFields": ["A"]}), "updatedFields", "the subscription includes no type that ends in .updated.fields"),
            (json!({"schemas": {}}), "schemas", "every schema matches"),
            (json!({"schemas": {"names": ["“Plasmid”"]}}), "schemas.names", "typographic quotes"),
        ] {
            let all = warnings(&shorthand(written.clone()), Some(&included));
            assert_eq!(all.len(), 1, "{written}: {all:?}");
            assert!(all[0].starts_with(&format!("spec.benchling.{field}: ")) && all[0].contains(warning), "{all:?}");
        }
        assert!(warnings(&BenchlingShorthand::default(), Some(&included)).is_empty());
    }
}
