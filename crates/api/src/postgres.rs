//! The `postgres` destination of an `EventSink`: entities of Benchling, synced into a table.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ManagedQueue, QueueDeadLetter};

/// A managed queue and its dead-letter queue, which `tributary sync` works off: it reads the entities that events speak of from Benchling, and
/// writes their newest versions into a table.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresSink {
    /// The app as which entities are read; of the sink's namespace.
    pub app_ref: BenchlingAppRef,
    /// The tenant whose entities are synced; may be left out where the app has one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub tenant: Option<String>,
    pub database: PostgresDatabase,
    #[serde(default)]
    pub table: PostgresTable,
    /// Which entity schemas to sync, and the field of each that fills the value column. Left out: all, without a value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"]))]
    pub schemas: Vec<PostgresSchema>,
    /// Options of the queue. It always has a dead-letter queue.
    #[serde(default)]
    #[x_kube(validation = Rule::new("!has(self.fifo)").message("the queue of a postgres sink is a standard queue: versions are told by modifiedAt, not by order"))]
    pub queue: ManagedQueue,
    /// Receives after which an entity that Benchling does not show is given up, and its message goes to the dead-letter queue.
    #[serde(default = "default_attempts")]
    #[schemars(range(min = 1, max = 100))]
    pub attempts: i32,
    /// Whether each run is told in the app's activity log in Benchling. Takes two requests a batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity_log: Option<ActivityLog>,
}

fn default_attempts() -> i32 {
    5
}

/// A `BenchlingApp` of the same namespace.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BenchlingAppRef {
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Where the database is, and as whom to connect.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresDatabase {
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$"))]
    pub host: String,
    #[serde(default = "default_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Name of the database.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    #[schemars(length(min = 1, max = 63))]
    pub user: String,
    pub password_secret_ref: PostgresSecretRef,
    #[serde(default)]
    pub tls: PostgresTls,
}

fn default_port() -> i32 {
    5432
}

/// A key of a Secret of the sink's namespace.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresSecretRef {
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Left out: `password` for a password, `ca.crt` for certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub key: Option<String>,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresTls {
    #[serde(default)]
    pub mode: PostgresTlsMode,
    /// PEM certificates to trust. Left out: those that the system of the pod trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<PostgresSecretRef>,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
pub enum PostgresTlsMode {
    /// TLS, with a certificate of a trusted authority for this host, as libpq's `verify-full`.
    #[default]
    VerifyFull,
    /// No TLS: for a database that a proxy beside the pod reaches.
    Disable,
}

/// The table. Left out, it is that of Benchling's example of an app, with three more columns.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresTable {
    #[serde(default = "default_schema")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z_][A-Za-z0-9_$]*$')").message("a name of letters, digits, _ and $, not beginning with a digit"))]
    pub schema: String,
    #[serde(default = "default_table")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z_][A-Za-z0-9_$]*$')").message("a name of letters, digits, _ and $, not beginning with a digit"))]
    pub name: String,
    /// Whether sync may make the table, and add the columns and the unique index that it lacks.
    #[serde(default = "yes")]
    pub manage: bool,
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

/// Names of columns, each other than the rest. Case matters.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[x_kube(
    validation = Rule::new("[has(self.id) ? self.id : 'benchling_api_id', has(self.name) ? self.name : 'entity_name', has(self.value) ? self.value : 'field_value', has(self.syncedAt) ? self.syncedAt : 'synced_datetime', has(self.modifiedAt) ? self.modifiedAt : 'entity_modified_at', has(self.archivedReason) ? self.archivedReason : 'archived_reason', has(self.schemaId) ? self.schemaId : 'schema_id', 'synced_entity_id'].all(a, [has(self.id) ? self.id : 'benchling_api_id', has(self.name) ? self.name : 'entity_name', has(self.value) ? self.value : 'field_value', has(self.syncedAt) ? self.syncedAt : 'synced_datetime', has(self.modifiedAt) ? self.modifiedAt : 'entity_modified_at', has(self.archivedReason) ? self.archivedReason : 'archived_reason', has(self.schemaId) ? self.schemaId : 'schema_id', 'synced_entity_id'].exists_one(b, a == b))").message("each column has a name of its own, and none is synced_entity_id")
)]
#[serde(rename_all = "camelCase")]
pub struct PostgresColumns {
    /// Benchling's id of the entity; unique. Left out: `benchling_api_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_$]*$"))]
    pub id: Option<String>,
    /// Left out: `entity_name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_$]*$"))]
    pub name: Option<String>,
    /// Value of the configured field. Left out: `field_value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_$]*$"))]
    pub value: Option<String>,
    /// When the entity was read. Left out: `synced_datetime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_$]*$"))]
    pub synced_at: Option<String>,
    /// The entity's version. Left out: `entity_modified_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_$]*$"))]
    pub modified_at: Option<String>,
    /// Why the entity was archived; null while it is not. Left out: `archived_reason`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_$]*$"))]
    pub archived_reason: Option<String>,
    /// Left out: `schema_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_$]*$"))]
    pub schema_id: Option<String>,
}

/// An entity schema of Benchling's.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresSchema {
    /// Such as `ts_Pl4smid`.
    #[schemars(length(min = 1, max = 64))]
    pub id: String,
    /// What its entities are; needed where the events do not tell, as webhooks of sequences and oligos do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<EntityKind>,
    /// Name of the field whose value is synced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub field: Option<String>,
}

/// Kinds of entities that Benchling reads in bulk.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum EntityKind {
    CustomEntity,
    DnaSequence,
    RnaSequence,
    AaSequence,
    Oligo,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActivityLog {
    /// The app's installation in the tenant (`app_...`). Left out: as webhooks name it; events of a partner's bus do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub app_id: Option<String>,
}

/// How often SQS itself lets a message be received. Sync keeps messages in hand while something is down, so only its own death counts here.
const RECEIVES: i32 = 1000;

impl PostgresSink {
    /// The queue as it is made: always with a dead-letter queue.
    pub fn managed_queue(&self) -> ManagedQueue {
        let mut queue = self.queue.clone();
        queue.dead_letter.get_or_insert(QueueDeadLetter { max_receive_count: RECEIVES, message_retention_seconds: None });
        queue
    }
}

/// What `tributary sync` tells of the sink, over all its replicas; written at most every few seconds.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncStatus {
    /// `Syncing`: whether messages are worked off, and if not, why and what to do.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Messages in the queue, about.
    #[serde(default)]
    pub waiting: i64,
    /// Messages that a worker has in hand, about.
    #[serde(default)]
    pub in_flight: i64,
    /// Seconds from when the last synced message came into the queue until its row was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_synced_time: Option<Time>,
    /// Rows that were written.
    #[serde(default)]
    pub synced: i64,
    /// Messages of entities whose row was as new already, or that another message of the batch spoke of.
    #[serde(default)]
    pub unchanged: i64,
    /// Messages of schemas that are not synced.
    #[serde(default)]
    pub skipped: i64,
    /// Messages in the dead-letter queue's favour, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<String, i64>,
    /// What was last said of one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
}
