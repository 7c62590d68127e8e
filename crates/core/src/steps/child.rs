//! Steps on objects in Kubernetes: children of kinds that are composed of other kinds, such as
//! `BenchlingSubscription`, and ConfigMaps that an `EventSink` exports to. Data only.

use std::fmt;

use k8s_openapi::api::core::v1::ConfigMap;
use serde::Serialize;
use serde_json::Value;
use strum::VariantNames;

use crate::{object::key_of, steps::ServiceStep};

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
    /// Creates a ConfigMap or, with a resourceVersion, replaces the one that has it.
    ApplyConfigMap {
        /// The whole object.
        config_map: Box<ConfigMap>,
    },
    /// Deletes a ConfigMap, unless it was changed since.
    DeleteConfigMap {
        /// The object as it was read.
        config_map: Box<ConfigMap>,
    },
}

impl ServiceStep for ChildStep {
    fn names() -> Vec<&'static str> {
        Self::VARIANTS.to_vec()
    }
}

impl fmt::Display for ChildStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step: &str = self.into();
        match self {
            Self::ApplyChild { kind, namespace, name, .. } | Self::DeleteChild { kind, namespace, name, .. } => {
                write!(f, "{step} {kind} {namespace}/{name}")
            }
            Self::ApplyConfigMap { config_map } | Self::DeleteConfigMap { config_map } => {
                write!(f, "{step} {}", key_of(config_map.as_ref()))
            }
        }
    }
}
