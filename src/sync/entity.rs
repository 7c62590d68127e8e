//! Sync: from an entity, as Benchling's API answers it, to a row. Pure.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use crate::sync::{
    message::{Scope, shown},
    poison::{Poison, PoisonReason},
};

/// One row of the table; what each column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: String,
    pub name: String,
    /// Text of the schema's configured field.
    pub value: Option<String>,
    pub schema: Option<String>,
    /// The entity's version: of two, the one that was modified later is the newer.
    pub modified_at: Timestamp,
    /// Why it was archived; `None` while it is not.
    pub archived: Option<String>,
}

/// The row, or `None` for an entity of a schema that is not to be synced.
pub fn row(entity: &Value, scope: &Scope) -> Result<Option<Row>, Poison> {
    let text = |key: &str| entity.get(key).and_then(Value::as_str);
    let incomplete =
        |what: &str| Poison::new(PoisonReason::EntityIncomplete, format!("Benchling's answer has no {what}. Report it to Benchling"));
    let id = text("id").ok_or_else(|| incomplete("id"))?;
    let modified_at = text("modifiedAt").and_then(|at| at.parse().ok()).ok_or_else(|| incomplete("modifiedAt"))?;
    let schema = entity.get("schema").and_then(|schema| schema.get("id")?.as_str());
    let configured = scope.schema(schema);
    if configured.is_none() && !scope.schemas.is_empty() {
        return Ok(None);
    }
    let archived = entity.get("archiveRecord").filter(|record| !record.is_null());
    Ok(Some(Row {
        id: id.to_owned(),
        name: text("name").ok_or_else(|| incomplete("name"))?.to_owned(),
        value: match configured.and_then(|schema| schema.field.as_deref()) {
            Some(field) => value_of(entity, field, schema)?,
            None => None,
        },
        schema: schema.map(str::to_owned),
        modified_at,
        archived: archived.map(|record| record.get("reason").and_then(Value::as_str).unwrap_or("archived").to_owned()),
    }))
}

/// As the app of the source does it: the field's value as text, nothing for what is empty.
fn value_of(entity: &Value, field: &str, schema: Option<&str>) -> Result<Option<String>, Poison> {
    let Some(field) = entity.get("fields").and_then(|fields| fields.get(field)) else {
        return Err(Poison::new(
            PoisonReason::FieldNotFound,
            format!(
                "the entity has no field {}. Correct spec.postgres.schemas[].field of schema {}, and move the message back",
                shown(field),
                shown(schema.unwrap_or("(none)"))
            ),
        ));
    };
    Ok(match field.get("value") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()).filter(|text| !text.is_empty()),
        Some(other) => Some(other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sync::message::Schema;

    fn entity() -> Value {
        json!({"id": "bfi_1", "name": "P1", "modifiedAt": "2026-01-01T00:00:00.000001+00:00", "schema": {"id": "ts_1"},
            "fields": {"Notes": {"type": "text", "value": "a"}, "Count": {"type": "integer", "value": 3}, "None": {"value": null}}, "archiveRecord": null})
    }

    fn scope(field: &str) -> Scope {
        Scope { tenant: "acme".into(), schemas: vec![Schema { id: "ts_1".into(), kind: None, field: Some(field.into()) }] }
    }

    #[test]
    fn a_row_has_the_configured_field_and_the_version_to_the_microsecond() {
        let found = row(&entity(), &scope("Notes")).unwrap().unwrap();
        assert_eq!(found.value.as_deref(), Some("a"));
        assert_eq!(found.modified_at.as_microsecond() % 1_000_000, 1);
        assert_eq!(row(&entity(), &scope("Count")).unwrap().unwrap().value.as_deref(), Some("3"));
        assert_eq!(row(&entity(), &scope("None")).unwrap().unwrap().value, None);
        assert_eq!(row(&entity(), &scope("Gone")).unwrap_err().reason, PoisonReason::FieldNotFound);
    }

    #[test]
    fn an_archived_entity_says_why_and_another_schema_has_no_row() {
        let mut archived = entity();
        archived["archiveRecord"] = json!({"reason": "Retired"});
        assert_eq!(row(&archived, &scope("Notes")).unwrap().unwrap().archived.as_deref(), Some("Retired"));
        let mut other = entity();
        other["schema"]["id"] = json!("ts_2");
        assert_eq!(row(&other, &scope("Notes")), Ok(None));
        other["modifiedAt"] = json!("yesterday");
        assert_eq!(row(&other, &scope("Notes")).unwrap_err().reason, PoisonReason::EntityIncomplete);
    }
}
