//! Steps on child objects in Kubernetes, by which a composed kind such as `BenchlingSubscription` works. Data only.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum ChildStep {
    /// Server-side apply of the whole manifest.
    ApplyChild { kind: &'static str, namespace: String, name: String, manifest: Value },
    /// Deletes the child and is done when it is gone. With `orphan` nothing is touched in AWS.
    DeleteChild { kind: &'static str, namespace: String, name: String, orphan: bool },
}

impl fmt::Display for ChildStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::ApplyChild { kind, namespace, name, .. } | Self::DeleteChild { kind, namespace, name, .. }) = self;
        let step: &str = self.into();
        write!(f, "{step} {kind} {namespace}/{name}")
    }
}
