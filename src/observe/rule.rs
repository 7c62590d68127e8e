//! Reads a rule: from the page that lists its bus's rules, and only where it is there, its targets and tags.

use super::{Cloud, Observe};
use crate::{
    api::{EventRule, Identity},
    resources::{Depth, DesiredRule, ObservedRule, names::DEFAULT_BUS},
    runtime::halt::Halt,
};

impl Observe for EventRule {
    async fn observe(
        &self,
        cloud: &Cloud<'_>,
        identity: &Identity,
        _: Option<&DesiredRule>,
        depth: Depth,
    ) -> Result<Option<ObservedRule>, Halt> {
        let session = cloud.session(depth).await?;
        let bus = identity.bus.as_deref().unwrap_or(DEFAULT_BUS);
        let Some(mut rule) = session.rule(bus, &identity.name, cloud.list_age(depth)).await? else { return Ok(None) };
        if depth >= Depth::Full {
            rule.targets = Some(session.targets(bus, &identity.name).await?);
        }
        if depth >= Depth::Owner {
            rule.tags = Some(session.event_tags(&identity.arn).await?);
        }
        Ok(Some(rule))
    }
}
