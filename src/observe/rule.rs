//! Reads a rule from the list of its bus's rules; if it exists, also its targets, its tags, and the facts that its delivery
//! depends on.

use std::time::Duration;

use tributary_api::{EventBus, EventRule, Identity, OWNER_TAG, Target};
use tributary_aws::Session;
use tributary_core::{
    claim::Claim,
    error::ReconcileError,
    kinds::{DesiredRule, ObservedRule, rule_described},
    managed::Managed,
    names::DEFAULT_BUS,
    object::key_of,
    ownership,
    plan::Depth,
};

use crate::observe::{Cloud, Observe, Source, delivery};

/// How old the tags of a bus may be that prove the owner of its rules: as old as a list before a write.
const BUS_TAGS_AGE: Duration = Duration::from_secs(5);

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
        let known = self.pinned_identity().is_some() || Claim::read(&self.metadata).is_some();
        let recreated = known && desired.is_some_and(DesiredRule::is_put);
        let doubtful = listed.is_none() && (depth >= Depth::Delete || (depth >= Depth::Owner && recreated));
        let found = if doubtful { session.rule_by_name(bus, &identity.name).await? } else { listed };
        let mut observed = ObservedRule { rule: found, ..ObservedRule::default() };
        if let Some(rule) = &mut observed.rule {
            let described = if cloud.source == Source::Status { rule_described::targets(self, rule) } else { None };
            let owned = described.is_some() && is_of_deleted_bus(self, cloud, &session, identity).await;
            if depth >= Depth::Full {
                rule.targets = Some(match described {
                    Some(targets) => targets,
                    None => session.targets(bus, &identity.name).await?,
                });
            }
            if depth >= Depth::Owner && !owned {
                rule.tags = Some(session.event_tags(&identity.arn).await?);
            }
        }
        // What does not exist yet has no facts, and no step depends on them.
        if let Some(desired) = desired.filter(|_| cloud.dry_run.is_none()) {
            let inspects = |target: &&Target| target.dead_letter.as_ref().is_some_and(|queue| queue.inspect);
            let inspected: Vec<_> = self.spec.targets.iter().filter(inspects).map(|target| target.name.as_str()).collect();
            let rule = delivery::Rule { arn: &identity.arn, targets: &desired.targets, inspected: &inspected };
            observed.deliveries = Box::pin(delivery::evaluate_targets(&session, &rule, cloud.fact_age)).await;
            observed.delivering = cloud.observations.of(&identity.arn).filter(|_| desired.observes);
        }
        Ok((observed != ObservedRule::default()).then_some(observed))
    }
}

/// Whether the bus of the rule is deleted too, and AWS says now that its object owns it: then the rules that objects have put on it go with
/// it, and are not asked for their owner one by one.
async fn is_of_deleted_bus(rule: &EventRule, cloud: &Cloud<'_>, session: &Session, identity: &Identity) -> bool {
    let Some(bus) = rule_described::deleted_bus(rule, identity, &cloud.view) else { return false };
    let Some(pinned) = bus.pinned_identity() else { return false };
    let owner = ownership::owner(&cloud.view.settings.installation_id, EventBus::KIND, &key_of(&*bus));
    session.bus_tags(&pinned.arn, BUS_TAGS_AGE).await.is_ok_and(|tags| tags.get(OWNER_TAG) == Some(&owner))
}
