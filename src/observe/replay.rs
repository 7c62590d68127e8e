//! Reads a replay: while it runs, from the list of all that run; what is over is not asked for again.

use tributary_api::{EventReplay, EventReplayStatus, Identity};
use tributary_core::{
    error::Halt,
    kinds::{DesiredReplay, ObservedReplay, ResolveReplay},
    plan::Depth,
};

use crate::observe::{Attention, Cloud, Observe};

impl Observe for EventReplay {
    async fn observe(
        &self,
        cloud: &Cloud<'_>,
        identity: &Identity,
        _: Option<&DesiredReplay>,
        depth: Depth,
    ) -> Result<Option<ObservedReplay>, Halt> {
        // Its name is its only sign of who owns it: one that status has and that is not ours is none of our business.
        if identity.name != self.aws_name(&cloud.view.settings.installation_id) {
            return Ok(None);
        }
        if let Some(status) = self.status.as_ref().filter(|status| status.finished()) {
            return Ok(Some(remembered(identity, status)));
        }
        let session = cloud.session(depth).await?;
        if cloud.attention == Attention::Tick
            && let Some(running) = session.running_replay(&identity.name, cloud.source_age(depth)).await?
        {
            return Ok(Some(running));
        }
        session.replay(&identity.name).await
    }
}

fn remembered(identity: &Identity, status: &EventReplayStatus) -> ObservedReplay {
    ObservedReplay {
        name: identity.name.clone(),
        state: status.state.clone().unwrap_or_default(),
        state_reason: status.state_reason.clone(),
        last_replayed: status.event_last_replayed_time.as_ref().map(|at| at.0),
        started: status.replay_start_time.as_ref().map(|at| at.0),
        ended: status.replay_end_time.as_ref().map(|at| at.0),
    }
}
