//! `EventBus`: the default bus, a custom bus, or a partner's bus.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AccountRef, Archive, ArchiveStatus, BusGrant, BusLog, CommonStatus, DeadLetter, DeletionPolicy, EventSourceStatus, ManagementPolicy,
    Tags,
};

/// An event bus. `name: default` stands for the bus that every account has: it is only ever used, never made, changed or deleted.
/// With `eventSourceName` it is a partner's bus: it waits for the partner event source, and takes it before it can expire.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "EventBus",
    plural = "eventbuses",
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
    validation = Rule::new("has(self.accountRef) == has(oldSelf.accountRef) && (!has(self.accountRef) || self.accountRef == oldSelf.accountRef)").message("accountRef is immutable"),
    validation = Rule::new("has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)").message("region is immutable"),
    validation = Rule::new("has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)").message("name is immutable"),
    validation = Rule::new("has(self.eventSourceName) == has(oldSelf.eventSourceName) && (!has(self.eventSourceName) || self.eventSourceName == oldSelf.eventSourceName)").message("eventSourceName is immutable"),
    validation = Rule::new("!(has(self.eventSourceName) && has(self.name))").message("a partner's bus has the name of its source: leave name out"),
    validation = Rule::new("!has(self.name) || self.name != 'default' || !(has(self.description) || has(self.kmsKeyId) || has(self.deadLetter) || has(self.log) || has(self.tags) || has(self.deletionPolicy))").message("the default bus is only used: it takes no description, kmsKeyId, deadLetter, log, tags or deletionPolicy"),
    validation = Rule::new("!(has(self.eventSourceName) && has(self.grants))").message("a partner's bus takes events of its partner only: leave grants out")
)]
#[serde(rename_all = "camelCase")]
pub struct EventBusSpec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_ref: Option<AccountRef>,
    /// Left out: the account's region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"))]
    pub region: Option<String>,
    /// Name in AWS; left out: `<namespace>-<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^[.\-_A-Za-z0-9]+$"))]
    pub name: Option<String>,
    /// Name of a partner event source, such as `aws.partner/benchling.com/acme/sequence-integrations`; the bus gets the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^aws\.partner(/[.\-_A-Za-z0-9]+){2,}$"))]
    pub event_source_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub description: Option<String>,
    /// Id, ARN or alias of the customer key that encrypts events at rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub kms_key_id: Option<String>,
    /// Takes events that the bus could not decrypt or encrypt; not those that a target refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<DeadLetter>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<BusLog>,
    /// Who else may put events on the bus, besides its own account. Other statements of the bus's policy are left alone; these go with the object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 40), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub grants: Vec<BusGrant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub tags: Option<Tags>,
    /// Keep the bus's events, to be replayed with an `EventReplay`. Other archives of the bus are left alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub archives: Vec<Archive>,
    /// Namespaces, besides its own, whose rules may use the bus; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub allowed_namespaces: Vec<String>,
    /// Left out: `Delete`, once the bus has no rules; `Retain` for a partner's bus, for the source may go with it, and for a bus with an
    /// archive that is retained, for AWS deletes no bus before its archives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    #[serde(default)]
    pub management_policy: ManagementPolicy,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventBusStatus {
    #[serde(flatten)]
    pub common: CommonStatus,
    /// The partner event source of a partner's bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_source: Option<EventSourceStatus>,
    /// `Sid`s of the statements that the object has, or may have, in the bus's policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
    /// The archives of spec, and those that left it and are not dealt with yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["awsName"]))]
    pub archives: Vec<ArchiveStatus>,
}
