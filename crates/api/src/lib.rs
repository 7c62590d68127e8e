//! API types of group `tributary.dev/v1alpha1`, one file per kind; destination types are in `sink/`.
//!
//! Contains spec and status types, CEL validation rules, and printer columns. Contains no I/O and
//! does not depend on the AWS SDK. `make generate` writes the CRDs in `crds/` and
//! `docs/reference/api.md` from these types; their doc comments are the descriptions that users read.

// Each `printcolumn` repeats its argument names, which is no duplication.
#![allow(clippy::duplicated_attributes)]
// The lint takes code that `KubeSchema` generates for the types themselves, which are public.
#![allow(unreachable_pub)]
#![warn(missing_docs)]

mod account;
mod admitted;
mod app;
mod approval;
mod archive;
mod backfill;
mod benchling_shorthand;
mod bus;
mod bus_logs;
mod bus_policy;
mod bus_statement;
mod common;
mod deletion_budget;
mod deliveries;
mod existing;
mod existing_bus;
mod export;
mod json_object;
mod permission;
mod redrive;
mod replay;
mod role;
mod rule;
mod rule_test;
mod sink;
mod subscription;
mod written;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, ValidationRule,
};
use kube::CustomResourceExt;

pub use account::*;
pub use admitted::*;
pub use app::*;
pub use approval::*;
pub use archive::*;
pub use backfill::*;
pub use benchling_shorthand::*;
pub use bus::*;
pub use bus_logs::*;
pub use bus_policy::*;
pub use bus_statement::*;
pub use common::*;
pub use deletion_budget::*;
pub use deliveries::*;
pub use existing::*;
pub use existing_bus::*;
pub use export::*;
pub use json_object::*;
pub use permission::*;
pub use redrive::*;
pub use replay::*;
pub use role::*;
pub use rule::*;
pub use rule_test::*;
pub(crate) use sink::OTHER_FIELD;
pub use sink::*;
pub use subscription::*;
pub use written::*;

/// API group of all kinds.
pub const GROUP: &str = "tributary.dev";
/// API version of all kinds.
pub const VERSION: &str = "v1alpha1";

/// Annotations that change how the operator handles an object without a change to its spec.
pub mod annotation {
    /// `"true"` pauses the object: the operator makes no change to it in Kubernetes or AWS.
    pub const PAUSED: &str = "tributary.dev/paused";
    /// `"true"` deletes the object without any change in AWS.
    pub const ORPHAN: &str = "tributary.dev/orphan";
    /// `"true"` adopts an existing AWS resource that has no owner tag. The value of an owner tag
    /// adopts a resource from that owner.
    pub const ADOPT: &str = "tributary.dev/adopt";
    /// The hash of a plan, as in `status.approval.planHash`, approves that plan.
    pub const APPROVED_PLAN: &str = "tributary.dev/approved-plan";
    /// Any new value triggers a full inspection of the object's AWS resources.
    pub const RECONCILE_AT: &str = "tributary.dev/reconcile-at";
    /// Written by the operator, together with the finalizer of a new `EventRule`: the identity that
    /// its status gets after the first writes, as JSON. Once status has an identity, it is not read.
    pub const IDENTITY: &str = "tributary.dev/identity";
}

/// Finalizer of objects that can have AWS resources. It is added before the first AWS write and
/// removed after the last one.
pub const FINALIZER: &str = "tributary.dev/finalizer";

/// AWS tag that identifies the object that owns a resource.
pub const OWNER_TAG: &str = "tributary.dev/owner";

/// Returns the CRDs of the group, in the order in which the documentation lists them.
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut crds = vec![
        AwsAccount::crd(),
        BenchlingSubscription::crd(),
        BenchlingApp::crd(),
        BenchlingBackfill::crd(),
        EventBus::crd(),
        EventRule::crd(),
        EventSink::crd(),
        EventReplay::crd(),
        EventRedrive::crd(),
    ];
    let schemas = crds.iter_mut().flat_map(|crd| &mut crd.spec.versions).filter_map(|version| version.schema.as_mut());
    for schema in schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()) {
        unwrap_descriptions(schema);
        default_status(schema);
        if let Some(spec) = schema.properties.as_mut().and_then(|properties| properties.get_mut("spec")) {
            limit_tags(spec);
        }
    }
    crds
}

/// Sets the status of an object that no controller has processed to `observedGeneration: -1`, so
/// that kstatus does not report it as `Current`.
fn default_status(schema: &mut JSONSchemaProps) {
    if let Some(status) = schema.properties.as_mut().and_then(|properties| properties.get_mut("status")) {
        status.default = Some(JSON(serde_json::json!({"observedGeneration": -1})));
    }
}

/// Adds what AWS requires of tags to each map of tags in a schema (IAM user guide, "Rules for
/// tagging"). The operator checks the characters and the number of tags from all sources.
fn limit_tags(schema: &mut JSONSchemaProps) {
    for (name, field) in schema.properties.iter_mut().flatten() {
        if let (true, Some(JSONSchemaPropsOrBool::Schema(value))) =
            (["tags", "defaultTags"].contains(&name.as_str()), &mut field.additional_properties)
        {
            value.max_length = Some(256);
            field.x_kubernetes_validations.get_or_insert_default().push(ValidationRule {
                rule: "self.all(key, key.size() >= 1 && key.size() <= 128 && !key.startsWith('aws:'))".into(),
                message: Some("a key of a tag has 1 to 128 characters and does not start with aws:, which AWS reserves.".into()),
                ..ValidationRule::default()
            });
        }
        limit_tags(field);
    }
}

/// Joins the wrapped lines of doc comments in a schema, so that clients can wrap descriptions to
/// their own width.
fn unwrap_descriptions(schema: &mut JSONSchemaProps) {
    if let Some(text) = &mut schema.description {
        *text = unwrapped(text);
    }
    schema.properties.iter_mut().flat_map(|properties| properties.values_mut()).for_each(unwrap_descriptions);
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        unwrap_descriptions(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        unwrap_descriptions(values);
    }
}

/// Returns the text with each paragraph and each list item on one line.
fn unwrapped(text: &str) -> String {
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let paragraph = |text: &str| text.split("\n- ").map(line).collect::<Vec<_>>().join("\n- ");
    text.split("\n\n").map(paragraph).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::{crds, unwrapped};

    #[test]
    fn an_object_that_no_controller_has_processed_is_not_current() {
        for crd in crds() {
            for version in &crd.spec.versions {
                let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref()).unwrap();
                let status = &schema.properties.as_ref().unwrap()["status"];
                let default = status.default.as_ref().map(|default| default.0.clone());
                assert_eq!(default, Some(serde_json::json!({"observedGeneration": -1})), "{}", crd.spec.names.kind);
                // The API server rejects a default that lacks a required field.
                assert_eq!(status.required, None, "{}", crd.spec.names.kind);
            }
        }
    }

    #[test]
    fn no_cluster_scoped_kind_is_in_a_category() {
        // `kubectl delete CATEGORY --all -n NAMESPACE` deletes cluster-scoped objects too.
        for crd in crds() {
            let in_category = crd.spec.names.categories.as_ref().is_some_and(|all| all.iter().any(|name| name == "tributary"));
            assert_eq!(in_category, crd.spec.scope == "Namespaced", "{}", crd.spec.names.kind);
        }
    }

    #[test]
    fn a_description_has_one_line_per_paragraph_and_list_item() {
        assert_eq!(unwrapped("One\ntwo.\n\n- `A`: three\n  four.\n- `B`: five."), "One two.\n\n- `A`: three four.\n- `B`: five.");
    }
}
