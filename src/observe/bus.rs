//! Reads a bus.

use super::{Cloud, Observe};
use crate::{
    api::{EventBus, Identity},
    resources::{Depth, DesiredBus, ObservedBus, names::DEFAULT_BUS},
    runtime::halt::Halt,
};

impl Observe for EventBus {
    async fn observe(
        &self,
        cloud: &Cloud<'_>,
        identity: &Identity,
        _: Option<&DesiredBus>,
        depth: Depth,
    ) -> Result<Option<ObservedBus>, Halt> {
        let session = cloud.session(depth).await?;
        let Some(mut bus) = session.bus(&identity.name).await? else { return Ok(None) };
        if depth >= Depth::Owner && identity.name != DEFAULT_BUS {
            bus.tags = Some(session.event_tags(&bus.arn).await?);
        }
        if depth >= Depth::Delete {
            bus.rules = session.rule_names(&identity.name).await?;
        }
        Ok(Some(bus))
    }
}
