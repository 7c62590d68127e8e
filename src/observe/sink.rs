//! Reads a sink: its target, and the policy that allows EventBridge to deliver. With `permissions: External` it
//! reads only what the operator wrote before.

use std::collections::BTreeSet;

use tributary_api::{EventSink, EventSinkStatus, Identity, Permissions};
use tributary_core::{
    error::ReconcileError,
    export::ObservedExport,
    kinds::{DesiredSink, ObservedSink},
    plan::Depth,
};

use crate::observe::{
    Cloud, Observe,
    destinations::{
        self,
        inspection::{Inspection, Purpose},
    },
    export,
};

impl Observe for EventSink {
    async fn observe(
        &self,
        cloud: &Cloud<'_>,
        identity: &Identity,
        desired: Option<&DesiredSink>,
        depth: Depth,
    ) -> Result<Option<ObservedSink>, ReconcileError> {
        let external = self.spec.permissions == Permissions::External;
        // Without a note in status, whatever is in AWS is somebody else's, even an equal statement.
        if external && !self.status.as_ref().is_some_and(EventSinkStatus::has_written) {
            return Ok(None);
        }
        let purpose = match desired {
            Some(desired) if !external => Purpose::Converge(&desired.target),
            Some(_) => Purpose::HandOver,
            None => Purpose::Delete,
        };
        destinations::read(&Inspection { sink: self, cloud, session: cloud.session(depth).await?, identity, purpose, depth }).await
    }

    async fn observe_export(
        &self,
        cloud: &Cloud<'_>,
        identity: &Identity,
        names: &BTreeSet<String>,
    ) -> Result<ObservedExport, ReconcileError> {
        export::read(self, cloud, identity, names).await
    }
}
