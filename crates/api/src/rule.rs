//! `EventRule`: selects events of a bus and sends them to targets.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BenchlingShorthand, CommonStatus, DeletionPolicy, DeliveriesStatus, JsonObject, ManagementPolicy, RuleTest, SinkRef, Tags,
    TargetDeadLetter, TestPolicy,
};

/// Rule of an event bus and its targets. Account and Region are those of the bus. Exactly one of
/// `eventPattern`, `benchling`, and `schedule` is set.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "tributary.dev",
    version = "v1alpha1",
    kind = "EventRule",
    plural = "eventrules",
    doc = "Rule of an event bus and its targets.",
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
    printcolumn(name = "Delivering", type_ = "string", json_path = ".status.conditions[?(@.type==\"Delivering\")].status", priority = 1),
    printcolumn(name = "Delivered", type_ = "date", json_path = ".status.deliveries.lastDeliveredAt", priority = 1),
    printcolumn(name = "Failed", type_ = "integer", json_path = ".status.deliveries.failed", priority = 1),
    printcolumn(name = "Error", type_ = "string", json_path = ".status.deliveries.lastError.code", priority = 1),
    printcolumn(name = "Tests", type_ = "string", json_path = ".status.conditions[?(@.type==\"TestsPassed\")].status", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1)
)]
#[x_kube(
    validation = Rule::new("!has(self.tests) || self.tests.all(test, !has(test.inputs) || test.inputs.all(input, has(self.targets) && self.targets.exists(target, target.name == input.target)))").message("spec.tests[].inputs[].target must be the name of a target in spec.targets."),
    validation = Rule::new("!has(self.eventPattern) || !has(self.benchling)").message("spec must not set both eventPattern and benchling. Remove one of them."),
    validation = Rule::new("has(self.eventPattern) || has(self.benchling) || has(self.schedule)").message("spec must set eventPattern, benchling, or schedule."),
    validation = Rule::new("!has(self.benchling) || !has(self.benchling.schemas) || !has(self.benchling.schemas.configured) || self.busRef.kind == 'BenchlingApp'").message("spec.benchling.schemas.configured requires spec.busRef of kind BenchlingApp, whose configuration is read. Reference the app, or set ids."),
    validation = Rule::new("self.busRef == oldSelf.busRef").message("spec.busRef is immutable: EventBridge cannot move a rule to another bus. Delete and recreate the object."),
    validation = Rule::new("has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)").message("spec.name is immutable. Delete and recreate the object.")
)]
#[serde(rename_all = "camelCase")]
pub struct EventRuleSpec {
    /// Event bus of the rule. Immutable.
    pub bus_ref: BusRef,
    /// Name of the rule in AWS. Defaults to `<namespace>-<name>`, truncated and suffixed with a
    /// hash if it is longer than 64 characters or `<name>` contains a hyphen. Immutable. Maximum 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = r"^[.\-_A-Za-z0-9]+$"))]
    pub name: Option<String>,
    /// Description of the rule in AWS. Defaults to none. Maximum 512 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub description: Option<String>,
    /// Event pattern of EventBridge, as a YAML or JSON object. See "Amazon EventBridge event
    /// patterns" in the EventBridge User Guide. Patterns that EventBridge would refuse are not sent
    /// to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "event_pattern")]
    pub event_pattern: Option<JsonObject>,
    /// Filter for Benchling events by type, schema, and updated field. `status.eventPattern` has
    /// the resulting event pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchling: Option<BenchlingShorthand>,
    /// Schedule expression in UTC, such as `rate(5 minutes)` or `cron(0 12 * * ? *)`. Supported
    /// only on the default bus. With a pattern, the rule also sends an event at these times.
    /// Maximum 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^(rate|cron)\(.+\)$"))]
    pub schedule: Option<String>,
    /// Whether the rule matches events: `Enabled`, `Disabled`, or
    /// `EnabledWithAllCloudTrailManagementEvents`, which includes the read-only management events
    /// of AWS CloudTrail. Defaults to `Enabled`.
    #[serde(default)]
    pub state: RuleState,
    /// AWS tags of the rule. They override `spec.defaultTags` of the `AwsAccount`. Maximum 40 tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 40))]
    pub tags: Option<Tags>,
    /// Targets of the rule. Maximum 5 targets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub targets: Vec<Target>,
    /// Tests of the event pattern and of the input of targets. The operator evaluates them before it
    /// applies a change; the condition `TestsPassed` reports the result. Maximum 50 tests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub tests: Vec<RuleTest>,
    /// What happens to a change while a test fails. `Enforce` keeps the rule and its targets in AWS
    /// as they are, and does not create a new rule. `Warn` applies the change and reports the
    /// failure. Defaults to `Enforce`.
    #[serde(default)]
    pub test_policy: TestPolicy,
    /// What happens to the rule and its targets in AWS when the object is deleted. `Delete` deletes
    /// them. `Retain` keeps them, and the rule continues to match events. Defaults to `Delete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// Whether the operator manages AWS resources (`Manage`) or only reports in `status.plan` the
    /// writes that it would make (`Observe`). Defaults to `Manage`.
    #[serde(default)]
    pub management_policy: ManagementPolicy,
}

/// Whether a rule matches events.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, JsonSchema, strum::Display)]
pub enum RuleState {
    /// The rule matches events.
    #[default]
    Enabled,
    /// The rule matches no events.
    Disabled,
    /// The rule matches events, also the read-only management events of AWS CloudTrail. Not
    /// supported on a partner event bus.
    EnabledWithAllCloudTrailManagementEvents,
}

/// Reference to an event bus. A bus in another namespace must list this namespace in
/// `spec.allowedNamespaces`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusRef {
    /// Kind of the referenced object: `EventBus`, `BenchlingSubscription` (its event bus), or
    /// `BenchlingApp` (its event bus, and only the app's webhooks on it). Defaults to `EventBus`.
    #[serde(default)]
    pub kind: BusKind,
    /// Name of the referenced object. Maximum 253 characters.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the referenced object. Defaults to the namespace of the referring object. A bus
    /// in another namespace must list the referring namespace in `spec.allowedNamespaces`. Maximum
    /// 63 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

/// Kind of an object that has an event bus.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, strum::IntoStaticStr)]
pub enum BusKind {
    /// Event bus.
    #[default]
    EventBus,
    /// Event bus of a `BenchlingSubscription`.
    BenchlingSubscription,
    /// Event bus of a `BenchlingApp` in the same namespace. Rules match only the app's webhooks.
    BenchlingApp,
}

/// Target of a rule. At most one of `input`, `inputPath`, and `inputTransformer` is set.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[x_kube(validation = Rule::new("[has(self.input), has(self.inputPath), has(self.inputTransformer)].filter(x, x).size() <= 1").message("spec.targets[] must set at most one of input, inputPath, and inputTransformer."))]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// ID of the target in AWS, unique within the rule. Maximum 64 characters.
    #[schemars(length(max = 64), regex(pattern = r"^[.\-_A-Za-z0-9]+$"))]
    pub name: String,
    /// `EventSink` that receives the events.
    pub sink_ref: SinkRef,
    /// Constant JSON object that is sent instead of the event. Not supported for an event bus in
    /// another account or Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub input: Option<serde_json::Map<String, serde_json::Value>>,
    /// JSON path of the part of the event to send, such as `$.detail`. Defaults to the whole event.
    /// Not supported for an event bus in another account or Region. Maximum 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^\$($|[.\[])"))]
    pub input_path: Option<String>,
    /// Input transformer, which sends a text with values of the event. Not supported for an event
    /// bus in another account or Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_transformer: Option<InputTransformer>,
    /// Retry policy. Defaults to 24 hours and 185 attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    /// Dead-letter queue for events that EventBridge cannot deliver. Defaults to none: these events
    /// are lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<TargetDeadLetter>,
}

/// Input transformer: a template with values of the event.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InputTransformer {
    /// Variables and their JSON paths in the event, such as `id: $.detail.id`. Defaults to none.
    /// Maximum 100 entries of at most 256 characters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100, "additionalProperties" = {"type": "string", "maxLength": 256, "pattern": r"^\$($|[.\[])"}))]
    pub input_paths_map: BTreeMap<String, String>,
    /// JSON, or text in double quotes, in which `<name>` is replaced with the value of the variable.
    /// Maximum 8192 characters.
    #[schemars(length(min = 1, max = 8192))]
    pub input_template: String,
}

/// Retry policy of a target. Defaults to 24 hours and 185 attempts.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetryPolicy {
    /// Maximum age in seconds at which EventBridge still retries an event, 60 to 86400. Defaults to
    /// 86400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 86400))]
    pub maximum_event_age_seconds: Option<i32>,
    /// Maximum number of retries, 0 to 185. Defaults to 185.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 185))]
    pub maximum_retry_attempts: Option<i32>,
}

/// Observed state of an `EventRule`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventRuleStatus {
    /// Status fields shared by all kinds.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// Number of ready targets and number of targets in the spec, such as `1/2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets_ready: Option<String>,
    /// State of each target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub targets: Vec<TargetStatus>,
    /// Event pattern of the rule in AWS, as JSON. For `benchling`, the pattern generated from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_pattern: Option<String>,
    /// What became of the deliveries to all targets. Set only with `observeDeliveries`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliveries: Option<Box<DeliveriesStatus>>,
    /// Problems of the event pattern that do not block the rule, such as an unknown event type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Observed state of a target.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetStatus {
    /// ID of the target in AWS.
    pub name: String,
    /// ARN of the target. Absent until it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Whether AWS matches the target in the spec.
    pub ready: bool,
    /// Cause and next step if the target is not ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether EventBridge can deliver to the target, evaluated from policies, roles, and keys in
    /// AWS: `Yes`, `No`, or `Unknown` if the operator lacks permission or the result depends on
    /// data that only AWS has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliverable: Option<Deliverable>,
    /// What prevents delivery, with the policy statement to add; or the permission that the
    /// operator lacks for the evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliverable_message: Option<String>,
    /// Content of the target's dead-letter queue at the last inspection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<DeadLettersStatus>,
    /// What became of the deliveries to the target. Set only with `observeDeliveries`. For a rule with
    /// several targets, only failures and retries, and only if the log of the event bus is delivered to
    /// a log group: CloudWatch has no figures per target. Targets with the same ARN have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliveries: Option<Box<DeliveriesStatus>>,
}

/// Content of a dead-letter queue.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLettersStatus {
    /// Approximate number of messages in the queue, from all senders.
    pub messages: i64,
    /// Number of this target's events by `ERROR_CODE`, in a sample of at most ten messages. Set
    /// only with `inspect`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub error_codes: BTreeMap<String, i64>,
    /// Reason why the error codes are not available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Whether EventBridge can deliver matching events to a target.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(transform = super::common::without_description)]
pub enum Deliverable {
    /// EventBridge can deliver.
    Yes,
    /// EventBridge cannot deliver.
    No,
    /// The operator lacks permission to evaluate it, or the result depends on data that only AWS
    /// has.
    Unknown,
}

/// Returns the schema of a JSON object with any fields.
pub(super) fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// Returns the schema of an event pattern, as far as a schema can check one: not empty, lists where
/// every event has a string, and at most one operator in an element. The fields of `detail` and the
/// operators are checked by the operator, because neither a schema nor CEL can see them.
pub(super) fn event_pattern(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let list = |meaning: &str| {
        serde_json::json!({
            "type": "array", "minItems": 1, "maxItems": 2048, "description": format!("List of accepted values: {meaning}."),
            "items": {"x-kubernetes-preserve-unknown-fields": true, "minProperties": 1, "maxProperties": 1},
        })
    };
    let object = serde_json::json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true, "minProperties": 1});
    let mut detail = object.clone();
    detail["description"] = "Fields of the event's own content.".into();
    schemars::json_schema!({
        "type": "object", "x-kubernetes-preserve-unknown-fields": true, "minProperties": 1, "maxProperties": 256,
        "properties": {
            "version": list("version of the envelope, always `0`"),
            "id": list("id of the event"),
            "detail-type": list("type of the event"),
            "source": list("source of the event"),
            "account": list("AWS account id, in quotes"),
            "time": list("time of the event"),
            "region": list("AWS Region"),
            "resources": list("ARNs of resources"),
            "detail": detail,
            "$or": {"type": "array", "minItems": 2, "maxItems": 1000, "items": object, "description": "Alternative parts of the pattern. One of them must match."},
        },
    })
}

impl EventRule {
    /// Every sink that the rule references, as a target or for dead letters.
    pub fn sink_refs(&self) -> impl Iterator<Item = &SinkRef> {
        let targets = self.spec.targets.iter();
        targets.flat_map(|target| std::iter::once(&target.sink_ref).chain(target.dead_letter.as_ref().map(|queue| &queue.sink_ref)))
    }

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
