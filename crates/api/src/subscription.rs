//! `BenchlingSubscription`: one Benchling tenant's app in one account and region, from the source's appearance to the bus.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AccountRef, Archive, BusLog, CommonStatus, DeadLetter, DeletionPolicy, EventSourceStatus, ManagedLogGroup, ManagementPolicy, Tags,
};

/// What a tenant admin subscribes to in Benchling's console. The object waits for the partner event source that Benchling then makes, and
/// an `EventBus` of the same name takes it at once. Rules name the subscription, or that bus, in `busRef`.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "BenchlingSubscription",
    plural = "benchlingsubscriptions",
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
    validation = Rule::new("has(self.accountRef) == has(oldSelf.accountRef) && (!has(self.accountRef) || self.accountRef == oldSelf.accountRef)").message("accountRef is immutable"),
    validation = Rule::new("has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)").message("region is immutable"),
    validation = Rule::new("has(self.eventSourceName) == has(oldSelf.eventSourceName) && (!has(self.eventSourceName) || self.eventSourceName == oldSelf.eventSourceName)").message("eventSourceName is immutable")
)]
#[serde(rename_all = "camelCase")]
pub struct BenchlingSubscriptionSpec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_ref: Option<AccountRef>,
    /// The Region that the tenant admin enters in Benchling. Left out: the account's region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"))]
    pub region: Option<String>,
    /// The tenant's name: `acme` of `acme.benchling.com`.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(
        validation = Rule::new("self == oldSelf").message("tenant is immutable: make another BenchlingSubscription"),
        validation = Rule::new("self.matches('^[A-Za-z0-9_-]+$')").message("tenant is the first part of the tenant's host name alone: acme of acme.benchling.com")
    )]
    pub tenant: String,
    /// The App Name that the tenant admin enters in Benchling, such as `sequence-integrations`.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[.\-_A-Za-z0-9]+$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("appName is immutable: make another BenchlingSubscription"))]
    pub app_name: String,
    /// Name of the partner event source, as Benchling's console shows it in the column Subscription. Left out:
    /// `aws.partner/benchling.com/<tenant>/<appName>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^aws\.partner/benchling\.com(/[.\-_A-Za-z0-9]+){2,}$"))]
    pub event_source_name: Option<String>,
    /// The event types that the tenant admin ticks in Benchling. Only told and checked against; Benchling alone decides what is sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 128)))]
    pub event_types: Vec<String>,
    /// Options of the bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<SubscriptionBus>,
    /// A catch-all rule and a log group, to see every event that arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring: Option<Monitoring>,
    /// What happens to the bus on deletion. Left out: `Retain`, for a deleted bus may cost the source, which only Benchling can make again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// Given to the child objects too.
    #[serde(default)]
    pub management_policy: ManagementPolicy,
}

/// What of an `EventBus` can be said here.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionBus {
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub tags: Option<Tags>,
    /// Keep the bus's events, to be replayed with an `EventReplay`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub archives: Vec<Archive>,
    /// Namespaces, besides its own, whose rules may use the bus; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub allowed_namespaces: Vec<String>,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Monitoring {
    /// The log group that takes every event, called `/aws/events/<namespace>-<name>-monitoring` unless it has a name here.
    pub log_group: ManagedLogGroup,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BenchlingSubscriptionStatus {
    #[serde(flatten)]
    pub common: CommonStatus,
    /// The partner event source, as AWS tells of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_source: Option<EventSourceStatus>,
    /// When the last event reached the monitoring log group, as CloudWatch Logs tells; it may lag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_event_time: Option<Time>,
    /// What is odd about the spec and holds nothing up, such as an event type that nobody knows.
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
