//! `spec.tests` of an `EventRule`: events that the rule must match or not, and the input that its
//! targets must get.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Test of a rule. Exactly one of `event`, `eventFrom`, and `sample` is set.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, KubeSchema)]
#[x_kube(
    validation = Rule::new("[has(self.event), has(self.eventFrom), has(self.sample)].filter(x, x).size() == 1").message("spec.tests[] must set exactly one of event, eventFrom, and sample."),
    validation = Rule::new("!has(self.inputs) || self.inputs.size() == 0 || self.expect == 'Match'").message("spec.tests[].inputs requires expect: Match: targets get no input from an event that does not match.")
)]
#[serde(rename_all = "camelCase")]
pub struct RuleTest {
    /// Name of the test, unique within the rule. Maximum 100 characters.
    #[schemars(length(min = 1, max = 100), regex(pattern = r"^\S(.*\S)?$"))]
    pub name: String,
    /// Event, as a YAML or JSON object. Fields of the envelope that are missing, such as `id` and
    /// `time`, get default values. See "Test your rules" in the documentation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::rule::any_object")]
    pub event: Option<serde_json::Map<String, serde_json::Value>>,
    /// Source of the event. Missing fields get default values, as with `event`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_from: Option<TestEventFrom>,
    /// Type of a sample event, such as `v2.entity.registered`. `tributary sample --list` prints the
    /// types. Maximum 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub sample: Option<String>,
    /// Expected result: `Match` or `NoMatch`.
    pub expect: Expectation,
    /// Input that targets must get from the event. Defaults to none: inputs are not compared.
    /// Maximum 5 inputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["target"]))]
    pub inputs: Vec<ExpectedInput>,
}

/// Source of the event of a test.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestEventFrom {
    /// Key of a `ConfigMap` in the namespace of the rule. Its value is the event as JSON. Requires
    /// that the operator is allowed to read `ConfigMap`s.
    pub config_map_key_ref: ConfigMapKeyRef,
}

/// Reference to a key of a `ConfigMap` in the namespace of the referring object.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapKeyRef {
    /// Name of the `ConfigMap`. Maximum 253 characters.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"))]
    pub name: String,
    /// Key in `data`. Maximum 253 characters.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

/// Expected result of a test.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, JsonSchema, strum::Display)]
pub enum Expectation {
    /// The rule matches the event.
    #[default]
    Match,
    /// The rule does not match the event.
    NoMatch,
}

/// Input that a target must get. Exactly one of `json` and `text` is set.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("oneOf" = [{"required": ["json"]}, {"required": ["text"]}]))]
pub struct ExpectedInput {
    /// Name of a target in `spec.targets`. Maximum 64 characters.
    #[schemars(length(min = 1, max = 64))]
    pub target: String,
    /// Expected input as a JSON value. The order of fields and white space do not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_value")]
    pub json: Option<serde_json::Value>,
    /// Expected input as text, compared character by character. Maximum 262144 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 262_144))]
    pub text: Option<String>,
}

/// What happens to a change of a rule while its tests fail.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, JsonSchema, strum::Display)]
pub enum TestPolicy {
    /// The change is not applied: the rule and its targets in AWS stay as they are.
    #[default]
    Enforce,
    /// The change is applied, and a condition and a Warning Event report the failure.
    Warn,
}

/// Returns the schema of any JSON value.
fn any_value(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

impl RuleTest {
    /// Key of the `ConfigMap` that the event comes from, if it comes from one.
    pub fn config_map_key(&self) -> Option<&ConfigMapKeyRef> {
        self.event_from.as_ref().map(|from| &from.config_map_key_ref)
    }
}
