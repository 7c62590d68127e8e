//! The `postgres` destination of an `EventSink`: a PostgreSQL table with Benchling entities.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ManagedQueue, QueueDeadLetter};

/// PostgreSQL table that `tributary sync` updates with Benchling entities.
///
/// The operator creates a queue with a dead-letter queue. `tributary sync` consumes the queue, reads
/// the entities that the events refer to from Benchling, and writes their newest versions to the
/// table.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresSink {
    /// `BenchlingApp` in the namespace of the sink. Its credentials read the entities.
    pub app_ref: BenchlingAppRef,
    /// Tenant whose entities are synced. Defaults to the tenant of an app with a single tenant.
    /// Maximum 63 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub tenant: Option<String>,
    /// Connection to the database.
    pub database: PostgresDatabase,
    /// Table that contains the entities. Defaults to `public.synced_benchling_data`, the table of
    /// Benchling's example app, with three additional columns.
    #[serde(default)]
    pub table: PostgresTable,
    /// Entity schemas to sync, and the field of each schema that fills the value column. Defaults
    /// to all schemas, without a value. Maximum 50 entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"]))]
    pub schemas: Vec<PostgresSchema>,
    /// Entity schemas to sync that a tenant admin chooses in Benchling, in the configuration of the
    /// app, in addition to `schemas`. One manifest then serves several tenants. Without a choice,
    /// nothing is synced. Defaults to none. Maximum 50 entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub configured_schemas: Vec<ConfiguredSchema>,
    /// Options of the queue, which is a standard queue and always has a dead-letter queue.
    #[serde(default)]
    #[x_kube(validation = Rule::new("!has(self.fifo)").message("spec.postgres.queue must be a standard queue: entity versions are ordered by modifiedAt. Remove fifo."))]
    pub queue: ManagedQueue,
    /// Number of receives, 1 to 100, after which a message moves to the dead-letter queue because
    /// Benchling does not return its entity. Defaults to 5.
    #[serde(default = "default_attempts")]
    #[schemars(range(min = 1, max = 100))]
    pub attempts: i32,
    /// Reports each batch in the activity log of the app in Benchling, with two requests to
    /// Benchling per batch. Defaults to no reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity_log: Option<ActivityLog>,
}

fn default_attempts() -> i32 {
    5
}

/// Reference to a `BenchlingApp` in the same namespace.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BenchlingAppRef {
    /// Name of the `BenchlingApp`. Maximum 253 characters.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Address and user of a PostgreSQL database.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresDatabase {
    /// Host name or IP address of the database server. Maximum 253 characters.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$"))]
    pub host: String,
    /// TCP port of the database server, 1 to 65535. Defaults to 5432.
    #[serde(default = "default_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Name of the database. Maximum 63 characters.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Database user. Maximum 63 characters.
    #[schemars(length(min = 1, max = 63))]
    pub user: String,
    /// Key of a Secret that contains the password of the user.
    pub password_secret_ref: PostgresSecretRef,
    /// TLS options. Defaults to `VerifyFull` with the certificate authorities that the container
    /// image trusts.
    #[serde(default)]
    pub tls: PostgresTls,
}

fn default_port() -> i32 {
    5432
}

/// Reference to a key of a Secret in the namespace of the sink.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresSecretRef {
    /// Name of the Secret, in the namespace of the sink. Maximum 253 characters.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key of the Secret. Defaults to `password` for `passwordSecretRef` and to `ca.crt` for
    /// `caSecretRef`. Maximum 253 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub key: Option<String>,
}

/// TLS options of the database connection.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresTls {
    /// TLS mode. `VerifyFull` verifies the certificate and the host name, like
    /// `sslmode=verify-full` in libpq. `Disable` uses no TLS, for a database that is reached
    /// through a proxy in the pod. Defaults to `VerifyFull`.
    #[serde(default)]
    pub mode: PostgresTlsMode,
    /// Key of a Secret that contains PEM certificates of trusted certificate authorities. Defaults
    /// to the certificate authorities that the container image trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<PostgresSecretRef>,
}

/// TLS mode of the database connection.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum PostgresTlsMode {
    /// TLS with verification of the certificate and the host name, like `sslmode=verify-full` in
    /// libpq.
    #[default]
    VerifyFull,
    /// No TLS, for a database that is reached through a proxy in the pod.
    Disable,
}

/// Table that contains the entities. The defaults match the table of Benchling's example app for
/// synced entities, with three additional columns.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresTable {
    /// PostgreSQL schema of the table. Defaults to `public`. Maximum 63 characters.
    #[serde(default = "default_schema")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z_][A-Za-z0-9_$]*$')").message("spec.postgres.table.schema must contain only letters, digits, _, and $, and must not begin with a digit."))]
    pub schema: String,
    /// Name of the table. Defaults to `synced_benchling_data`. Maximum 63 characters.
    #[serde(default = "default_table")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z_][A-Za-z0-9_$]*$')").message("spec.postgres.table.name must contain only letters, digits, _, and $, and must not begin with a digit."))]
    pub name: String,
    /// Whether `tributary sync` creates the table and adds missing columns and the unique index.
    /// Defaults to `true`.
    #[serde(default = "yes")]
    pub manage: bool,
    /// Names of the columns. They are case-sensitive, unique, and different from
    /// `synced_entity_id`.
    #[serde(default)]
    pub columns: PostgresColumns,
}

impl Default for PostgresTable {
    fn default() -> Self {
        Self { schema: default_schema(), name: default_table(), manage: true, columns: PostgresColumns::default() }
    }
}

fn default_schema() -> String {
    "public".into()
}

fn default_table() -> String {
    "synced_benchling_data".into()
}

fn yes() -> bool {
    true
}

/// Names of the table's columns. They are case-sensitive, unique, and different from
/// `synced_entity_id`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[x_kube(
    validation = Rule::new("[has(self.id) ? self.id : 'benchling_api_id', has(self.name) ? self.name : 'entity_name', has(self.value) ? self.value : 'field_value', has(self.syncedAt) ? self.syncedAt : 'synced_datetime', has(self.modifiedAt) ? self.modifiedAt : 'entity_modified_at', has(self.archivedReason) ? self.archivedReason : 'archived_reason', has(self.schemaId) ? self.schemaId : 'schema_id', 'synced_entity_id'].all(a, [has(self.id) ? self.id : 'benchling_api_id', has(self.name) ? self.name : 'entity_name', has(self.value) ? self.value : 'field_value', has(self.syncedAt) ? self.syncedAt : 'synced_datetime', has(self.modifiedAt) ? self.modifiedAt : 'entity_modified_at', has(self.archivedReason) ? self.archivedReason : 'archived_reason', has(self.schemaId) ? self.schemaId : 'schema_id', 'synced_entity_id'].exists_one(b, a == b))").message("spec.postgres.table.columns must have unique names other than synced_entity_id. Rename the column.")
)]
#[serde(rename_all = "camelCase")]
pub struct PostgresColumns {
    /// Column of the entity's ID in the Benchling API; unique. Defaults to `benchling_api_id`.
    /// Maximum 63 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_$]*$"))]
    pub id: Option<String>,
    /// Column of the entity's name. Defaults to `entity_name`. Maximum 63 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_$]*$"))]
    pub name: Option<String>,
    /// Column of the value of the configured field. Defaults to `field_value`. Maximum 63
    /// characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_$]*$"))]
    pub value: Option<String>,
    /// Column of the time at which the entity was read. Defaults to `synced_datetime`. Maximum 63
    /// characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_$]*$"))]
    pub synced_at: Option<String>,
    /// Column of the entity's version, `modifiedAt` in Benchling. Defaults to `entity_modified_at`.
    /// Maximum 63 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_$]*$"))]
    pub modified_at: Option<String>,
    /// Column of the reason why the entity was archived; null if it is not archived. Defaults to
    /// `archived_reason`. Maximum 63 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_$]*$"))]
    pub archived_reason: Option<String>,
    /// Column of the ID of the entity's schema. Defaults to `schema_id`. Maximum 63 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_$]*$"))]
    pub schema_id: Option<String>,
}

/// Benchling entity schema.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresSchema {
    /// ID of the schema, such as `ts_Pl4smid`. Maximum 64 characters.
    #[schemars(length(min = 1, max = 64))]
    pub id: String,
    /// Kind of the schema's entities. Set it if the events do not identify the kind, as with
    /// webhooks of sequences and oligos. Defaults to the kind that the event identifies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<EntityKind>,
    /// Name of the field whose value is written to the value column. Defaults to none. Maximum 255
    /// characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub field: Option<String>,
}

/// Benchling entity schema that is chosen in the configuration of the app.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfiguredSchema {
    /// Path of the item of type `entity_schema`: names in `configuration` of the app's manifest,
    /// from the top. 1 to 10 names, each with at most 255 characters.
    #[schemars(length(min = 1, max = 10), inner(length(min = 1, max = 255)))]
    pub path: Vec<String>,
    /// Path of the item of type `field` whose value is written to the value column. Defaults to
    /// none. Maximum 10 names, each with at most 255 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(min = 1, max = 255)))]
    pub field_path: Vec<String>,
    /// Kind of the schema's entities. Set it if the events do not identify the kind, as with
    /// webhooks of sequences and oligos. Defaults to the kind that the event identifies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<EntityKind>,
}

/// Kind of Benchling entity that supports bulk reads.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(transform = super::common::plain_enum)]
pub enum EntityKind {
    /// Custom entity.
    CustomEntity,
    /// DNA sequence.
    DnaSequence,
    /// RNA sequence.
    RnaSequence,
    /// AA sequence.
    AaSequence,
    /// Oligo.
    Oligo,
}

/// Options of the reports in the activity log of a Benchling app.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActivityLog {
    /// ID of the app's installation in the tenant, `app_...`. Defaults to the ID in the webhook;
    /// events of a partner event bus contain none. Maximum 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub app_id: Option<String>,
}

/// `maxReceiveCount` of the queue. High, because `tributary sync` keeps messages in flight while a
/// dependency is unavailable. Only a crash of `tributary sync` counts as a failed receive.
const RECEIVES: i32 = 1000;

impl PostgresSink {
    /// Returns the queue to create, always with a dead-letter queue.
    pub fn managed_queue(&self) -> ManagedQueue {
        let mut queue = self.queue.clone();
        queue.dead_letter.get_or_insert(QueueDeadLetter { max_receive_count: RECEIVES, message_retention_seconds: None });
        queue
    }
}

/// State of `tributary sync` for the sink, over all replicas. Updated at most every few seconds.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncStatus {
    /// Current conditions. `Syncing` reports whether messages are consumed, and the cause and next
    /// step if they are not.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Approximate number of messages in the queue.
    #[serde(default)]
    pub waiting: i64,
    /// Approximate number of messages that are received and not deleted.
    #[serde(default)]
    pub in_flight: i64,
    /// Time in seconds between the arrival of the last synced message in the queue and the write of
    /// its row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<i64>,
    /// Time at which a row was last written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_synced_time: Option<Time>,
    /// Number of rows written.
    #[serde(default)]
    pub synced: i64,
    /// Number of messages without a write, because the row was current or another message of the
    /// batch had the same entity.
    #[serde(default)]
    pub unchanged: i64,
    /// Number of messages for schemas that are not synced.
    #[serde(default)]
    pub skipped: i64,
    /// Number of messages moved to the dead-letter queue, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<String, i64>,
    /// Reason and message of the last failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
}
