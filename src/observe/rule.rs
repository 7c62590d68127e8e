//! Reads a rule from the list of its bus's rules; if it exists, also its targets, its tags, and the facts that its delivery
//! depends on.

use tributary_api::{EventRule, Identity, Target};
use tributary_core::{
    error::ReconcileError,
    kinds::{DesiredRule, ObservedRule},
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
    ) -> Result<Option<ObservedRule>, ReconcileError> {
        let session = cloud.session(depth).await?;
        let bus = identity.bus.as_deref().unwrap_or(DEFAULT_BUS);
        let listed = session.rule(bus, &identity.name, cloud.list_age(depth)).await?;
        // A list of several pages misses a rule while others are deleted. Before a rule that was created is created again, or
        // counts as deleted, it is read by name.
        let recreated =
            self.current().is_some_and(|status| Self::common(status).identity.is_some()) && desired.is_some_and(DesiredRule::is_put);
        let doubtful = listed.is_none() && (depth >= Depth::Delete || (depth >= Depth::Owner && recreated));
        let found = if doubtful { session.rule_by_name(bus, &identity.name).await? } else { listed };
        let mut observed = ObservedRule { rule: found, ..ObservedRule::default() };
        if let Some(rule) = &mut observed.rule {
            if depth >= Depth::Full {
                rule.targets = Some(session.targets(bus, &identity.name).await?);
            }
            if depth >= Depth::Owner {
                rule.tags = Some(session.event_tags(&identity.arn).await?);
            }
        }
        // What does not exist yet has no facts, and no step depends on them.
        if let Some(desired) = desired.filter(|_| cloud.dry_run.is_none()) {
            let inspects = |target: &&Target| target.dead_letter.as_ref().is_some_and(|queue| queue.inspect);
            let inspected: Vec<_> = self.spec.targets.iter().filter(inspects).map(|target| target.name.as_str()).collect();
            let rule = delivery::Rule { arn: &identity.arn, targets: &desired.targets, inspected: &inspected };
            observed.deliveries = delivery::evaluate_targets(&session, &rule, cloud.fact_age).await;
            observed.delivering = cloud.observations.of(&identity.arn).filter(|_| desired.observes);
        }
        Ok((observed != ObservedRule::default()).then_some(observed))
    }
}
