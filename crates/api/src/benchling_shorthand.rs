//! `spec.benchling` of an `EventRule`: which Benchling events to pick, in Benchling's words.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Picks Benchling events without knowing how their JSON is nested. Empty: every event of the subscription.
/// An event is picked when it fits each of the lists that are given.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BenchlingShorthand {
    /// Event types, such as `v2.entity.registered`; left out: of any type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 128)))]
    pub event_types: Vec<String>,
    /// Schemas of the object that the event is about; left out: of any schema, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schemas: Option<SchemaFilter>,
    /// Names of schema fields, as Benchling shows them, such as `Cost Center`: one of them was changed. Only events whose type ends in
    /// `.updated.fields` say so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 255)))]
    pub updated_fields: Vec<String>,
}

/// One of these schemas, by id or by name.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SchemaFilter {
    /// Ids, such as `ts_a1b2c3d4`. They outlive a change of name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 128)))]
    pub ids: Vec<String>,
    /// Names, such as `Plasmid`, letter for letter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 255)))]
    pub names: Vec<String>,
}
