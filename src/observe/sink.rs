//! Reads a sink: its target, and the policy that allows EventBridge to deliver. With `permissions: External` nothing is read.

use tributary_api::{EventSink, Identity, Permissions};
use tributary_core::{
    error::ReconcileError,
    kinds::{DesiredSink, ObservedSink},
    plan::Depth,
};

use crate::observe::{
    Cloud, Observe,
    destinations::{self, inspection::Inspection},
};

impl Observe for EventSink {
    async fn observe(
        &self,
        cloud: &Cloud<'_>,
        identity: &Identity,
        desired: Option<&DesiredSink>,
        depth: Depth,
    ) -> Result<Option<ObservedSink>, ReconcileError> {
        if self.spec.permissions == Permissions::External {
            return Ok(None);
        }
        let target = desired.map(|desired| &desired.target);
        destinations::read(&Inspection { sink: self, cloud, session: cloud.session(depth).await?, identity, target, depth }).await
    }
}
