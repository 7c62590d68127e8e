//! Reads a replay: from the list of running replays while it runs; a finished one is not read again.

use tributary_api::{EventReplay, EventReplayStatus, Identity};
use tributary_core::{
    error::ReconcileError,
    kinds::{DesiredReplay, ObservedReplay, ResolveReplay},
    plan::Depth,
};

use crate::observe::{Cloud, Observe, Trigger};

impl Observe for EventReplay {
    async fn observe(
        &self,
        cloud: &Cloud<'_>,
        identity: &Identity,
        _: Option<&DesiredReplay>,
        depth: Depth,
    ) -> Result<Option<ObservedReplay>, ReconcileError> {
        // The name is the only mark of ownership. A replay in status with another name belongs to another owner.
        if identity.name != self.aws_name(&cloud.view.settings.installation_id) {
            return Ok(None);
        }
        if let Some(status) = self.status.as_ref().filter(|status| status.finished()) {
            return Ok(Some(state(identity, status)));
        }
        let session = cloud.session(depth).await?;
        if cloud.trigger == Trigger::Poll
            && let Some(running) = session.running_replay(&identity.name, cloud.source_age(depth)).await?
        {
            return Ok(Some(running));
        }
        session.replay(&identity.name).await
    }
}

fn state(identity: &Identity, status: &EventReplayStatus) -> ObservedReplay {
    ObservedReplay {
        name: identity.name.clone(),
        state: status.state.as_deref().unwrap_or_default().into(),
        state_reason: status.state_reason.clone(),
        last_replayed: status.event_last_replayed_time.as_ref().map(|at| at.0),
        started: status.replay_start_time.as_ref().map(|at| at.0),
        ended: status.replay_end_time.as_ref().map(|at| at.0),
    }
}
