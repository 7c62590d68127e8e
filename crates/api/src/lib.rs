//! What users write: one file per kind. Spec, status, CEL rules, printer columns. No I/O, nothing of AWS's SDK.
//!
//! The wire format of API group `tributary.dev/v1alpha1`; `make generate` turns these types into `crds/`.

// Each `printcolumn` repeats its argument names, which is no duplication.
#![allow(clippy::duplicated_attributes)]

mod account;
mod api_destination;
mod app;
mod archive;
mod backfill;
mod benchling_shorthand;
mod bus;
mod bus_policy;
mod common;
mod existing;
mod lambda;
mod logs;
mod permission;
mod postgres;
mod replay;
mod role;
mod rule;
mod sink;
mod sns;
mod sqs;
mod state_machine;
mod subscription;

pub use account::*;
pub use api_destination::*;
pub use app::*;
pub use archive::*;
pub use backfill::*;
pub use benchling_shorthand::*;
pub use bus::*;
pub use bus_policy::*;
pub use common::*;
pub use existing::*;
pub use lambda::*;
pub use logs::*;
pub use permission::*;
pub use postgres::*;
pub use replay::*;
pub use role::*;
pub use rule::*;
pub use sink::*;
pub use sns::*;
pub use sqs::*;
pub use state_machine::*;
pub use subscription::*;

pub const GROUP: &str = "tributary.dev";
pub const VERSION: &str = "v1alpha1";

/// What a user may ask of one object without touching its spec.
pub mod annotation {
    /// `"true"`: leave this object alone, in Kubernetes and in AWS, until the annotation goes.
    pub const PAUSED: &str = "tributary.dev/paused";
    /// `"true"`: on deletion nothing is touched in AWS.
    pub const ORPHAN: &str = "tributary.dev/orphan";
    /// `"true"`: take over what exists and nobody owns; the present owner's tag value: take it over from that owner.
    pub const ADOPT: &str = "tributary.dev/adopt";
    /// Any new value: look at everything in AWS now.
    pub const RECONCILE_AT: &str = "tributary.dev/reconcile-at";
}

/// Held by every object that may stand for something in AWS, from before the first write until after the last.
pub const FINALIZER: &str = "tributary.dev/finalizer";

/// The AWS tag that says which object owns a resource.
pub const OWNER_TAG: &str = "tributary.dev/owner";

/// Every CRD of the group, in the order in which they are listed to users.
pub fn crds() -> Vec<k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition> {
    use kube::CustomResourceExt;
    vec![
        AwsAccount::crd(),
        BenchlingSubscription::crd(),
        BenchlingApp::crd(),
        BenchlingBackfill::crd(),
        EventBus::crd(),
        EventRule::crd(),
        EventSink::crd(),
        EventReplay::crd(),
    ]
}
