//! Turns an entity, as Benchling's API answers it, into a row. Pure.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use crate::sync::{
    message::{Scope, shown},
    unprocessable::{Unprocessable, UnprocessableReason},
};

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Text of the schema's configured field.
    pub(crate) value: Option<String>,
    pub(crate) schema: Option<String>,
    /// Version of the entity: the later one is newer.
    pub(crate) modified_at: Timestamp,
    /// Why it was archived. `None` if it is not archived.
    pub(crate) archived: Option<String>,
}

/// Returns the row, or `None` for an entity of a schema that is not synced.
pub(crate) fn row(entity: &Value, scope: &Scope) -> Result<Option<Row>, Unprocessable> {
    let text = |key: &str| entity.get(key).and_then(Value::as_str);
    let incomplete = |what: &str| {
        Unprocessable::new(
            UnprocessableReason::EntityIncomplete,
            format!("the entity in Benchling's answer has no {what}. Report it to Benchling."),
        )
    };
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

/// Returns the field's value as text, as Benchling's example app does. Empty values give `None`.
fn value_of(entity: &Value, field: &str, schema: Option<&str>) -> Result<Option<String>, Unprocessable> {
    let Some(field) = entity.get("fields").and_then(|fields| fields.get(field)) else {
        return Err(Unprocessable::new(
            UnprocessableReason::FieldNotFound,
            format!(
                "the entity has no field {}. Correct spec.postgres.schemas[].field of schema {}, then move the message back to the queue.",
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
        assert_eq!(row(&entity(), &scope("Gone")).unwrap_err().reason, UnprocessableReason::FieldNotFound);
    }

    #[test]
    fn an_archived_entity_has_its_reason_and_another_schema_has_no_row() {
        let mut archived = entity();
        archived["archiveRecord"] = json!({"reason": "Retired"});
        assert_eq!(row(&archived, &scope("Notes")).unwrap().unwrap().archived.as_deref(), Some("Retired"));
        let mut other = entity();
        other["schema"]["id"] = json!("ts_2");
        assert_eq!(row(&other, &scope("Notes")), Ok(None));
        other["modifiedAt"] = json!("yesterday");
        assert_eq!(row(&other, &scope("Notes")).unwrap_err().reason, UnprocessableReason::EntityIncomplete);
    }
}
