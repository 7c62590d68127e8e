//! Reads a rule: from the page that lists its bus's rules, and only where it is there, its targets and tags, and what its
//! delivery hangs on.

use tributary_api::{EventRule, Identity, Target};
use tributary_core::{
    error::ReconcileError,
    kinds::{DesiredRule, SeenRule},
    managed::Managed,
    names::DEFAULT_BUS,
    plan::Depth,
};

use crate::observe::{Cloud, Observe, delivery};

impl Observe for EventRule {
    async fn observe(
        &self,
        cloud: &Cloud<'_>,
        identity: &Identity,
        desired: Option<&DesiredRule>,
        depth: Depth,
    ) -> Result<Option<SeenRule>, ReconcileError> {
        let session = cloud.session(depth).await?;
        let bus = identity.bus.as_deref().unwrap_or(DEFAULT_BUS);
        let listed = session.rule(bus, &identity.name, cloud.list_age(depth)).await?;
        // A list of several pages misses a rule where another one is deleted meanwhile. Before a rule that was made is put anew, or given up as
        // gone: be sure of it.
        let anew = self.current().is_some_and(|status| Self::common(status).identity.is_some()) && desired.is_some_and(DesiredRule::is_put);
        let doubted = listed.is_none() && (depth >= Depth::Delete || (depth >= Depth::Owner && anew));
        let found = if doubted { session.rule_by_name(bus, &identity.name).await? } else { listed };
        let mut seen = SeenRule { rule: found, ..SeenRule::default() };
        if let Some(rule) = &mut seen.rule {
            if depth >= Depth::Full {
                rule.targets = Some(session.targets(bus, &identity.name).await?);
            }
            if depth >= Depth::Owner {
                rule.tags = Some(session.event_tags(&identity.arn).await?);
            }
        }
        if let Some(desired) = desired {
            let inspects = |target: &&Target| target.dead_letter.as_ref().is_some_and(|queue| queue.inspect);
            let inspected: Vec<_> = self.spec.targets.iter().filter(inspects).map(|target| target.name.as_str()).collect();
            seen.looks = delivery::looks(&session, &identity.arn, &desired.targets, &inspected, cloud.fact_age).await;
        }
        Ok((seen != SeenRule::default()).then_some(seen))
    }
}
