//! Reads the operator's identity in an account, and the rule and queue for change events in each of its Regions.

use std::collections::BTreeSet;

use tributary_api::{AwsAccount, Identity};
use tributary_aws::{Session, TagRead};
use tributary_core::{
    destinations::change_queue::ObservedChangeQueue,
    error::ReconcileError,
    kinds::{
        DesiredAccount, ObservedAccount, ObservedRule,
        change_events::{self, ObservedChangeEvents},
    },
    names::{DEFAULT_BUS, Scope},
    plan::Depth,
};

use crate::observe::{Cloud, Observe};

impl Observe for AwsAccount {
    async fn observe(
        &self,
        cloud: &Cloud<'_>,
        identity: &Identity,
        desired: Option<&DesiredAccount>,
        depth: Depth,
    ) -> Result<Option<ObservedAccount>, ReconcileError> {
        // A session exists only if AWS returned the account id of the spec.
        let caller = cloud.session(depth).await?.caller.as_ref().clone();
        let in_status = self.status.iter().flat_map(|status| &status.change_events).map(|row| row.region.as_str());
        let in_spec = desired.iter().flat_map(|desired| &desired.change_events).map(|want| want.region.as_str());
        let regions: BTreeSet<_> = in_status.chain(in_spec).collect();
        let name = change_events::name(&change_events::owner_of(self, &cloud.view));
        let mut observed = Vec::new();
        for region in regions {
            observed.push(read_region(cloud, identity, region, &name, depth).await);
        }
        Ok(Some(ObservedAccount { caller, change_events: observed }))
    }
}

/// Reads rule and queue of a Region. An error is part of the result, so that a Region does not block others.
async fn read_region(cloud: &Cloud<'_>, identity: &Identity, region: &str, name: &str, depth: Depth) -> ObservedChangeEvents {
    let seen = cloud.change_feeds.seen(&identity.account, region);
    let read = async {
        let session = cloud.session_in(region, depth).await?;
        let rule = read_rule(&session, cloud, Scope { region, ..Scope::of(identity) }, name, depth).await?;
        let queue = session.queue(name, TagRead::when(depth >= Depth::Owner)).await?;
        Ok::<_, ReconcileError>((rule, ObservedChangeQueue::new(queue)))
    };
    let (rule, queue, unread) = match read.await {
        Ok((rule, queue)) => (rule, queue, None),
        Err(error) => (ObservedRule::default(), ObservedChangeQueue::default(), Some(error)),
    };
    ObservedChangeEvents { region: region.to_owned(), rule, queue, unread, first_event: seen.first_event, unconsumed: seen.error }
}

async fn read_rule(
    session: &Session,
    cloud: &Cloud<'_>,
    scope: Scope<'_>,
    name: &str,
    depth: Depth,
) -> Result<ObservedRule, ReconcileError> {
    let listed = session.rule(DEFAULT_BUS, name, cloud.list_age(depth)).await?;
    // A list of several pages can miss a rule. Before it is created or counts as deleted, it is requested by name.
    let found = if listed.is_none() && depth >= Depth::Owner { session.rule_by_name(DEFAULT_BUS, name).await? } else { listed };
    let mut observed = ObservedRule { rule: found, ..ObservedRule::default() };
    if let Some(rule) = &mut observed.rule {
        if depth >= Depth::Full {
            rule.targets = Some(session.targets(DEFAULT_BUS, name).await?);
        }
        if depth >= Depth::Owner {
            rule.tags = Some(session.event_tags(&scope.rule(DEFAULT_BUS, name)).await?);
        }
    }
    Ok(observed)
}
