//! `spec.benchling` of an `EventRule`: a filter for Benchling events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Filter for Benchling events. An empty filter matches all Benchling events of the bus.
///
/// An event must match each list that is set. It matches a list if it matches one of its entries.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BenchlingShorthand {
    /// Event types, such as `v2.entity.registered`. Defaults to all types. Maximum 50 entries of at
    /// most 128 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 128)))]
    pub event_types: Vec<String>,
    /// Schemas of the object that the event refers to. Defaults to any schema or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schemas: Option<SchemaFilter>,
    /// Names of changed schema fields as Benchling shows them, such as `Cost Center`. Only events
    /// whose type ends in `.updated.fields` contain them. Defaults to any. Maximum 50 entries of at
    /// most 255 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 255)))]
    pub updated_fields: Vec<String>,
}

/// Filter for schemas. A schema matches if its ID or its name is listed, or if it is chosen in the
/// configuration of the app.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SchemaFilter {
    /// Schema IDs, such as `ts_a1b2c3d4`. They do not change when a schema is renamed. Maximum 50
    /// entries of at most 128 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 128)))]
    pub ids: Vec<String>,
    /// Schema names, such as `Plasmid`. The match is exact and case-sensitive. Maximum 50 entries
    /// of at most 255 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 255)))]
    pub names: Vec<String>,
    /// Schemas that a tenant admin chooses in Benchling, in the configuration of the app that
    /// `spec.busRef` references. The operator reads the choice with the credentials of the app, in each
    /// of its tenants, and adds the IDs to the pattern. Without a choice, the rule is not changed. Only
    /// for rules that reference a `BenchlingApp`. Defaults to none. Maximum 50 entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub configured: Vec<ConfiguredSchemaPath>,
}

/// Schema that is chosen in the configuration of an app.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfiguredSchemaPath {
    /// Path of the item of type `entity_schema`: names in `configuration` of the app's manifest,
    /// from the top. 1 to 10 names, each with at most 255 characters.
    #[schemars(length(min = 1, max = 10), inner(length(min = 1, max = 255)))]
    pub path: Vec<String>,
}
