//! `EventRule`: what to pick from a bus and where to send it.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BenchlingShorthand, CommonStatus, DeletionPolicy, ManagementPolicy, SinkRef, Tags};

/// A rule of a bus with its targets. Account and region are those of the bus.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "EventRule",
    plural = "eventrules",
    shortname = "erule",
    category = "tributary",
    namespaced,
    status = "EventRuleStatus",
    derive = "PartialEq",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Bus", type_ = "string", json_path = ".status.identity.bus"),
    printcolumn(name = "State", type_ = "string", json_path = ".spec.state"),
    printcolumn(name = "Targets", type_ = "string", json_path = ".status.targetsReady"),
    printcolumn(name = "Deliverable", type_ = "string", json_path = ".status.conditions[?(@.type==\"Deliverable\")].status"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1)
)]
#[x_kube(
    validation = Rule::new("[has(self.eventPattern), has(self.benchling), has(self.schedule)].filter(x, x).size() == 1").message("set exactly one of eventPattern, benchling and schedule"),
    validation = Rule::new("self.busRef == oldSelf.busRef").message("busRef is immutable: AWS cannot move a rule to another bus"),
    validation = Rule::new("has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)").message("name is immutable")
)]
#[serde(rename_all = "camelCase")]
pub struct EventRuleSpec {
    pub bus_ref: BusRef,
    /// Name in AWS; left out: `<namespace>-<name>`, cut with a hash at 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = r"^[.\-_A-Za-z0-9]+$"))]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub description: Option<String>,
    /// An event pattern in EventBridge's own words, as a YAML or JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub event_pattern: Option<serde_json::Map<String, serde_json::Value>>,
    /// Benchling events by type, schema and updated field. The pattern that it means is in `status.eventPattern`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchling: Option<BenchlingShorthand>,
    /// `rate(5 minutes)` or `cron(0 12 * * ? *)`, in UTC; only on the default bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^(rate|cron)\(.+\)$"))]
    pub schedule: Option<String>,
    #[serde(default)]
    pub state: RuleState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub tags: Option<Tags>,
    /// At most five; `name` is the target's id in AWS.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub targets: Vec<Target>,
    /// Left out: `Delete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    #[serde(default)]
    pub management_policy: ManagementPolicy,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, JsonSchema, strum::Display)]
pub enum RuleState {
    #[default]
    Enabled,
    Disabled,
}

/// The bus of a rule. In another namespace only where the bus's `allowedNamespaces` consent.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusRef {
    #[serde(default)]
    pub kind: BusKind,
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Left out: the namespace of the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, strum::IntoStaticStr)]
pub enum BusKind {
    #[default]
    EventBus,
    BenchlingSubscription,
    /// The bus of a `BenchlingApp` of the same namespace, and of what is on it only the app's webhooks.
    BenchlingApp,
}

/// One destination of a rule.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[x_kube(validation = Rule::new("[has(self.input), has(self.inputPath), has(self.inputTransformer)].filter(x, x).size() <= 1").message("set at most one of input, inputPath and inputTransformer"))]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The target's id in AWS.
    #[schemars(length(max = 64), regex(pattern = r"^[.\-_A-Za-z0-9]+$"))]
    pub name: String,
    pub sink_ref: SinkRef,
    /// Constant JSON object that is sent in place of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub input: Option<serde_json::Map<String, serde_json::Value>>,
    /// JSON path of the part of the event that is sent, such as `$.detail`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^\$"))]
    pub input_path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_transformer: Option<InputTransformer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<TargetDeadLetter>,
}

/// Where events go that could not be delivered: a standard queue, as an `EventSink` of type `sqs`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetDeadLetter {
    /// The sink whose queue takes them. Its policy is kept in the same way as that of a target.
    pub sink_ref: SinkRef,
    /// Look into the queue now and then, and tell the error codes of this target's events in status and as an Event. Messages stay
    /// visible, and each look counts as a receive: not for a queue that has a dead-letter queue itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inspect: bool,
}

/// Takes values out of the event and puts them into a text.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InputTransformer {
    /// Name to JSON path, such as `id: $.detail.id`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub input_paths_map: BTreeMap<String, String>,
    /// Text in which `<name>` stands for the value.
    #[schemars(length(min = 1, max = 8192))]
    pub input_template: String,
}

/// How long EventBridge tries. Left out: 24 hours, 185 attempts.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetryPolicy {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 86400))]
    pub maximum_event_age_seconds: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 185))]
    pub maximum_retry_attempts: Option<i32>,
}

#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventRuleStatus {
    #[serde(flatten)]
    pub common: CommonStatus,
    /// Targets in place, of those in spec, such as `1/2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets_ready: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub targets: Vec<TargetStatus>,
    /// The event pattern as JSON, as AWS holds it: what `benchling` means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_pattern: Option<String>,
    /// What is odd about the pattern and holds nothing up, such as an event type that nobody knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetStatus {
    pub name: String,
    /// ARN of the destination, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Whether AWS holds the target as it is in spec.
    pub ready: bool,
    /// Why not, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether EventBridge may deliver to it, as AWS holds policies, roles and keys now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliverable: Option<Deliverable>,
    /// What is missing, ready to paste where it is a statement; or the right that the operator lacks to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliverable_message: Option<String>,
    /// What lies in its dead-letter queue, as of the last look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<DeadLettersStatus>,
}

/// Events that could not be delivered and wait in a dead-letter queue.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLettersStatus {
    /// Messages in the queue, about, and whoever sent them: a queue may be shared.
    pub messages: i64,
    /// With `inspect`: `ERROR_CODE`s of this target's events among some of them (at most ten), with their numbers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub error_codes: BTreeMap<String, i64>,
    /// Why the codes cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Whether an event that the rule matches reaches a target.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
pub enum Deliverable {
    Yes,
    No,
    /// The operator may not look, or it hangs on something that only AWS knows.
    Unknown,
}

pub(super) fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

impl EventRule {
    /// `namespace/name` of the referenced object, an `EventBus` in most cases. The bus of a subscription has the subscription's name.
    pub fn bus_key(&self) -> String {
        let namespace = self.spec.bus_ref.namespace.as_deref().or(self.metadata.namespace.as_deref()).unwrap_or_default();
        format!("{namespace}/{}", self.spec.bus_ref.name)
    }

    /// `namespace/name` of the `BenchlingApp` that the rule references in place of its bus.
    pub fn app_key(&self) -> Option<String> {
        (self.spec.bus_ref.kind == super::BusKind::BenchlingApp).then(|| self.bus_key())
    }
}
