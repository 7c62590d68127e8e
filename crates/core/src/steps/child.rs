//! Steps on child objects in Kubernetes, for kinds that are composed of other kinds, such as
//! `BenchlingSubscription`. Data only.

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use strum::VariantNames;

use crate::steps::ServiceStep;

/// One write to a child object; the variant is the name of the step.
#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum ChildStep {
    /// Applies the whole manifest with server-side apply.
    ApplyChild {
        /// Kind of the child, such as `EventSink`.
        kind: &'static str,
        /// Namespace of the child.
        namespace: String,
        /// Name of the child.
        name: String,
        /// The whole manifest, without status.
        manifest: Value,
    },
    /// Deletes the child, and is done when the child no longer exists.
    DeleteChild {
        /// Kind of the child, such as `EventSink`.
        kind: &'static str,
        /// Namespace of the child.
        namespace: String,
        /// Name of the child.
        name: String,
        /// Whether the resources in AWS are retained.
        orphan: bool,
    },
}

impl ServiceStep for ChildStep {
    fn names() -> Vec<&'static str> {
        Self::VARIANTS.to_vec()
    }
}

impl fmt::Display for ChildStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::ApplyChild { kind, namespace, name, .. } | Self::DeleteChild { kind, namespace, name, .. }) = self;
        let step: &str = self.into();
        write!(f, "{step} {kind} {namespace}/{name}")
    }
}
