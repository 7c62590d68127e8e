//! `EventBus`: the default bus, a custom bus, or a partner event bus.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AccountRef, Archive, ArchiveStatus, BusGrant, BusLog, BusLogDeliveryStatus, BusLogLevel, BusStatement, CommonStatus, DeadLetter,
    DeletionPolicy, EventSourceStatus, ExistingEventBus, ManagementPolicy, ObserveDeliveries, SinkRef, Tags,
};

/// Event bus: the default bus, a custom bus, or a partner event bus.
///
/// `name: default` references the default bus of the account, which the operator never creates or
/// deletes, and of which it changes only the log, with `log.delivery`. With `eventSourceName` the
/// object is a partner event bus: the operator waits for the partner event source and associates it
/// before it expires. With `existing` the object references a bus that another tool manages.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "EventBus",
    plural = "eventbuses",
    doc = "Event bus: the default bus, a custom bus, or a partner event bus.",
    shortname = "ebus",
    category = "tributary",
    namespaced,
    status = "EventBusStatus",
    derive = "PartialEq",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Bus", type_ = "string", json_path = ".status.identity.name"),
    printcolumn(name = "Source", type_ = "string", json_path = ".status.eventSource.state"),
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.eventSource.expirationTime"),
    printcolumn(name = "Account", type_ = "string", json_path = ".status.identity.accountId"),
    printcolumn(name = "Region", type_ = "string", json_path = ".status.identity.region"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1)
)]
#[x_kube(
    validation = Rule::new("has(self.accountRef) == has(oldSelf.accountRef) && (!has(self.accountRef) || self.accountRef == oldSelf.accountRef)").message("spec.accountRef is immutable. Delete and recreate the object."),
    validation = Rule::new("has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)").message("spec.region is immutable. Delete and recreate the object."),
    validation = Rule::new("has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)").message("spec.name is immutable. Delete and recreate the object."),
    validation = Rule::new("has(self.eventSourceName) == has(oldSelf.eventSourceName) && (!has(self.eventSourceName) || self.eventSourceName == oldSelf.eventSourceName)").message("spec.eventSourceName is immutable. Delete and recreate the object."),
    validation = Rule::new("!(has(self.eventSourceName) && has(self.name))").message("spec.name must not be set with spec.eventSourceName: a partner event bus has the name of its event source. Remove spec.name."),
    validation = Rule::new("!has(self.name) || self.name != 'default' || !(has(self.description) || has(self.kmsKeyId) || has(self.deadLetter) || (has(self.log) && !has(self.log.delivery)) || has(self.tags) || has(self.deletionPolicy))").message("spec.name is default, and of the default bus the operator changes only the log, with log.delivery. Remove description, kmsKeyId, deadLetter, tags, and deletionPolicy from spec, and log unless it has delivery."),
    validation = Rule::new("has(self.existing) == has(oldSelf.existing)").message("spec.existing: the choice between a managed and an existing event bus is immutable. Delete and recreate the object."),
    validation = Rule::new("!has(self.existing) || !(has(self.name) || has(self.eventSourceName) || has(self.description) || has(self.kmsKeyId) || has(self.deadLetter) || has(self.log) || has(self.grants) || has(self.policyStatements) || has(self.tags) || has(self.archives) || has(self.deletionPolicy))").message("spec.existing references an event bus that the operator does not change. Remove name, eventSourceName, description, kmsKeyId, deadLetter, log, grants, policyStatements, tags, archives, and deletionPolicy from spec."),
    validation = Rule::new("!(has(self.eventSourceName) && has(self.policyStatements))").message("spec.policyStatements must not be set with spec.eventSourceName: only the partner can publish to a partner event bus. Remove spec.policyStatements."),
    validation = Rule::new("!has(self.policyStatements) || !has(self.grants) || self.policyStatements.all(s, !self.grants.exists(g, g.name == s.name))").message("spec.policyStatements[].name must differ from the names in spec.grants. Rename the statement."),
    validation = Rule::new("!(has(self.eventSourceName) && has(self.grants))").message("spec.grants must not be set with spec.eventSourceName: only the partner can publish to a partner event bus. Remove spec.grants.")
)]
#[serde(rename_all = "camelCase")]
pub struct EventBusSpec {
    /// `AwsAccount` to use. Defaults to the `AwsAccount` named `default`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_ref: Option<AccountRef>,
    /// AWS Region, such as `eu-west-1`. Defaults to `spec.region` of the `AwsAccount`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"))]
    pub region: Option<String>,
    /// Name of the event bus in AWS. Defaults to `<namespace>-<name>`, suffixed with a hash if
    /// `<name>` contains a hyphen. Required if the object is called `default`. Immutable. Maximum
    /// 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^[.\-_A-Za-z0-9]+$"))]
    pub name: Option<String>,
    /// Name of the partner event source, such as
    /// `aws.partner/benchling.com/acme/sequence-integrations`. The event bus gets the same name.
    /// Immutable. Maximum 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^aws\.partner(/[.\-_A-Za-z0-9]+){2,}$"))]
    pub event_source_name: Option<String>,
    /// Event bus that another tool manages, in this or another account. Not supported with fields
    /// that change a bus. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<ExistingEventBus>,
    /// Description of the event bus in AWS. Defaults to none. Maximum 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub description: Option<String>,
    /// Customer managed KMS key that encrypts events at rest: key ID, ARN, or alias. Defaults to an
    /// AWS owned key. Maximum 2048 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub kms_key_id: Option<String>,
    /// Dead-letter queue for events that the bus cannot encrypt or decrypt. Events that a target
    /// rejects go to the dead-letter queue of the target. Defaults to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<DeadLetter>,
    /// Logging of the event bus. Defaults to no logging. `log.delivery` says where the log goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<BusLog>,
    /// Other AWS accounts and organizations that may publish to the bus. The operator manages only
    /// its own statements in the bus's resource policy and removes them with the object. Defaults
    /// to none. Maximum 40 grants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 40), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub grants: Vec<BusGrant>,
    /// Further statements of the bus's resource policy, for what `grants` cannot express, such as
    /// rules of other accounts, single roles, AWS services, and conditions. The operator manages only
    /// its own statements. AWS allows 10240 characters for the whole policy. Defaults to none.
    /// Maximum 20 statements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub policy_statements: Vec<BusStatement>,
    /// AWS tags of the event bus. They override `spec.defaultTags` of the `AwsAccount`. Maximum 40
    /// tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub tags: Option<Tags>,
    /// Archives of the bus, for use by an `EventReplay`. The operator does not change other
    /// archives of the bus. Defaults to none. Maximum 10 archives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub archives: Vec<Archive>,
    /// Other namespaces whose objects may reference the bus. `*` matches any text. Defaults to
    /// none. Maximum 100 entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub allowed_namespaces: Vec<String>,
    /// Whether the operator reads what became of the deliveries of the bus's rules, for their
    /// condition `Delivering`: `Enabled` or `Disabled`. CloudWatch charges for it. Defaults to
    /// `spec.observeDeliveries` of the `AwsAccount`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observe_deliveries: Option<ObserveDeliveries>,
    /// What happens to the event bus in AWS when the object is deleted. `Delete` deletes it after
    /// its last rule is deleted. `Retain` keeps it. Defaults to `Retain` for a partner event bus,
    /// and for a bus with an archive that is retained; otherwise to `Delete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// Whether the operator manages AWS resources (`Manage`) or only reports in `status.plan` the
    /// writes that it would make (`Observe`). With `Observe`, the bus can have any owner, and rules
    /// on it work. Defaults to `Manage`.
    #[serde(default)]
    pub management_policy: ManagementPolicy,
}

/// Observed state of an `EventBus`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventBusStatus {
    /// Status fields shared by all kinds.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// Partner event source of a partner event bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_source: Option<EventSourceStatus>,
    /// Statements that the resource policy of an existing bus in another account needs, as JSON.
    /// They allow this account to read the bus and to manage its own rules on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_statement: Option<String>,
    /// Statement IDs (`Sid`) that the object has in the bus's resource policy, including those of
    /// writes in progress.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
    /// Archives in the spec, and archives removed from it that are still to be processed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["awsName"]))]
    pub archives: Vec<ArchiveStatus>,
    /// What the operator may have in AWS for `spec.log.delivery`. Absent once all of it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_delivery: Option<BusLogDeliveryStatus>,
}

impl EventBus {
    /// Returns the sinks that the spec refers to.
    pub fn sink_refs(&self) -> impl Iterator<Item = &SinkRef> {
        let dead_letter = self.spec.dead_letter.iter().map(|dead_letter| &dead_letter.sink_ref);
        dead_letter.chain(self.spec.log.iter().filter_map(|log| log.delivery.as_ref()?.sink_ref()))
    }

    /// Returns the name of the log group whose records of the bus can be read; `None` if the log goes
    /// elsewhere, or nowhere yet.
    pub fn readable_log(&self) -> Option<&str> {
        let delivery = self.spec.log.as_ref()?.delivery.as_ref()?;
        let delivered = self.status.as_ref()?.log_delivery.as_ref()?;
        delivered.group().filter(|_| delivery.is_readable())
    }

    /// Returns whether the log has records of deliveries that succeeded.
    pub fn logs_successes(&self) -> bool {
        self.spec.log.as_ref().is_some_and(|log| log.level != BusLogLevel::Error)
    }
}
