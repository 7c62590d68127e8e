//! `BenchlingSubscription`: the partner event source of a Benchling tenant, with its event bus.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AccountRef, Archive, BusLog, CommonStatus, DeadLetter, DeletionPolicy, EventSinkSpec, EventSourceStatus, LogGroupSink, ManagedLogGroup,
    ManagementPolicy, ObserveDeliveries, Tags,
};

/// Event subscription of a Benchling tenant, as a tenant admin enters it in Benchling.
///
/// The operator creates an `EventBus` with the name of this object. As soon as Benchling creates
/// the partner event source, the operator associates the bus with it. Rules reference the
/// subscription, or its bus, in `busRef`.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "BenchlingSubscription",
    plural = "benchlingsubscriptions",
    doc = "Event subscription of a Benchling tenant, with its event bus.",
    shortname = "bsub",
    category = "tributary",
    namespaced,
    status = "BenchlingSubscriptionStatus",
    derive = "PartialEq",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Tenant", type_ = "string", json_path = ".spec.tenant"),
    printcolumn(name = "App", type_ = "string", json_path = ".spec.appName"),
    printcolumn(name = "Source", type_ = "string", json_path = ".status.eventSource.state"),
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.eventSource.expirationTime"),
    printcolumn(name = "Last-Event", type_ = "date", json_path = ".status.lastEventTime"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Account", type_ = "string", json_path = ".status.identity.accountId", priority = 1),
    printcolumn(name = "Region", type_ = "string", json_path = ".status.identity.region", priority = 1),
    printcolumn(name = "Bus", type_ = "string", json_path = ".status.identity.name", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1)
)]
#[x_kube(
    validation = Rule::new("has(self.accountRef) == has(oldSelf.accountRef) && (!has(self.accountRef) || self.accountRef == oldSelf.accountRef)").message("spec.accountRef is immutable. Delete and recreate the object."),
    validation = Rule::new("has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)").message("spec.region is immutable. Delete and recreate the object."),
    validation = Rule::new("has(self.eventSourceName) == has(oldSelf.eventSourceName) && (!has(self.eventSourceName) || self.eventSourceName == oldSelf.eventSourceName)").message("spec.eventSourceName is immutable. Delete and recreate the object.")
)]
#[serde(rename_all = "camelCase")]
pub struct BenchlingSubscriptionSpec {
    /// `AwsAccount` to use. Defaults to the `AwsAccount` named `default`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_ref: Option<AccountRef>,
    /// AWS Region that the tenant admin enters in Benchling. Defaults to `spec.region` of the
    /// `AwsAccount`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"))]
    pub region: Option<String>,
    /// Name of the tenant, such as `acme` for `acme.benchling.com`. Immutable. Maximum 63
    /// characters.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(
        validation = Rule::new("self == oldSelf").message("spec.tenant is immutable. Delete and recreate the object."),
        validation = Rule::new("self.matches('^[A-Za-z0-9_-]+$')").message("spec.tenant must be the first label of the tenant's host name. For acme.benchling.com, set acme.")
    )]
    pub tenant: String,
    /// App Name that the tenant admin enters in Benchling, such as `sequence-integrations`.
    /// Immutable. Maximum 128 characters.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[.\-_A-Za-z0-9]+$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("spec.appName is immutable. Delete and recreate the object."))]
    pub app_name: String,
    /// Name of the partner event source, from the column Subscription of the Benchling console.
    /// Defaults to `aws.partner/benchling.com/<tenant>/<appName>`. Immutable. Maximum 256
    /// characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^aws\.partner/benchling\.com(/[.\-_A-Za-z0-9]+){2,}$"))]
    pub event_source_name: Option<String>,
    /// Event types that the tenant admin selects in Benchling. Used only for instructions and
    /// warnings; Benchling decides which events it sends. Defaults to none. Maximum 100 entries of
    /// at most 128 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 128)))]
    pub event_types: Vec<String>,
    /// Options of the event bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<SubscriptionBus>,
    /// Creates a rule and a log group that receive all events of the bus. Defaults to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring: Option<Monitoring>,
    /// What happens to the event bus in AWS when the object is deleted. `Delete` deletes it, and
    /// AWS may delete the partner event source, which only Benchling can recreate. `Retain` keeps
    /// it. Defaults to `Retain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// Whether the operator manages AWS resources (`Manage`) or only reports the writes that it
    /// would make (`Observe`). Applies to the child objects. Defaults to `Manage`.
    #[serde(default)]
    pub management_policy: ManagementPolicy,
}

/// Options of the event bus of a subscription.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionBus {
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
    /// AWS tags of the event bus. They override `spec.defaultTags` of the `AwsAccount`. Maximum 40
    /// tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub tags: Option<Tags>,
    /// Archives of the bus, for use by an `EventReplay`. Defaults to none. Maximum 10 archives.
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
}

/// Rule and log group that receive all events of the bus.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Monitoring {
    /// Log group that receives the events. `name` defaults to
    /// `/aws/events/<namespace>-<name>-monitoring-<hash>`.
    pub log_group: ManagedLogGroup,
}

impl Monitoring {
    /// Returns the spec of a sink with the log group as its destination, and nothing else.
    pub fn destination(&self) -> EventSinkSpec {
        EventSinkSpec {
            log_group: Some(Box::new(LogGroupSink { managed: Some(self.log_group.clone()), existing: None })),
            ..EventSinkSpec::default()
        }
    }
}

/// Observed state of a `BenchlingSubscription`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BenchlingSubscriptionStatus {
    /// Status fields shared by all kinds.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// Partner event source of the subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_source: Option<EventSourceStatus>,
    /// Time at which the last event reached the monitoring log group, as reported by CloudWatch
    /// Logs with a delay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_event_time: Option<Time>,
    /// Problems of the spec that do not block the subscription, such as an unknown event type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl BenchlingSubscription {
    /// Name of the partner event source, and of the event bus that is associated with it.
    pub fn source_name(&self) -> String {
        let spec = &self.spec;
        spec.event_source_name.clone().unwrap_or_else(|| format!("aws.partner/benchling.com/{}/{}", spec.tenant, spec.app_name))
    }

    /// Name of the child rule and sink that log every event.
    pub fn monitoring_name(&self) -> String {
        // Names of objects have at most 253 characters.
        let name: String = self.metadata.name.as_deref().unwrap_or_default().chars().take(242).collect();
        format!("{name}-monitoring")
    }
}
