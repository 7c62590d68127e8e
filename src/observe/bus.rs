//! Reads a bus, and the partner event source of a partner event bus.

use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;

use tributary_api::{EventBus, EventSourceStatus, Identity, SourceState};
use tributary_core::{
    error::{Reason, ReconcileError},
    kinds::{
        DesiredBus, ObservedBus,
        archives::{self, ObservedArchive},
        partner::ObservedSource,
    },
    names::{self, DEFAULT_BUS, PARTNER_BUS},
    plan::Depth,
    view::View,
};

use crate::observe::{Cloud, Observe, Trigger, bus_logs};

impl Observe for EventBus {
    async fn observe(
        &self,
        cloud: &Cloud<'_>,
        identity: &Identity,
        desired: Option<&DesiredBus>,
        depth: Depth,
    ) -> Result<Option<ObservedBus>, ReconcileError> {
        if self.spec.existing.is_some() {
            return existing(cloud, identity, depth).await.map(Some);
        }
        let session = cloud.session(depth).await?;
        let mut source = match &self.spec.event_source_name {
            Some(name) if desired.is_some() => Some(source(self, cloud, name, depth).await?),
            _ => None,
        };
        if source.as_ref().is_some_and(|source| source.unchanged) {
            return Ok(Some(ObservedBus { source, ..ObservedBus::default() }));
        }
        // Neither a source nor a known bus. A bus of an earlier object is found when the spec changes.
        let nothing = source.as_ref().is_some_and(|source| source.state == SourceState::Missing && !source.has_bus);
        let mut bus = if nothing && cloud.trigger != Trigger::Change { None } else { session.bus(&identity.name).await? };
        if let Some(source) = &mut source {
            source.has_bus = bus.is_some();
            if source.state == SourceState::Missing {
                source.elsewhere = Box::pin(elsewhere(self, cloud, identity)).await;
            }
        }
        if let Some(bus) = &mut bus {
            if depth >= Depth::Owner && identity.name != DEFAULT_BUS {
                bus.tags = Some(session.event_tags(&bus.arn).await?);
            }
            if depth >= Depth::Delete {
                bus.rules = session.rule_names(&identity.name).await?;
                if let Some(dry_run) = cloud.dry_run {
                    bus.rules.retain(|rule| !dry_run.deletes(&names::rule_on(identity, rule)));
                }
            }
        }
        let archives = if depth >= Depth::Full && bus.is_some() { Some(archives_of(self, cloud, identity, depth).await?) } else { None };
        let logs = bus_logs::read(self, cloud, identity, desired, depth).await?;
        let found = bus.is_some() || source.is_some() || logs.is_some();
        Ok(found.then_some(ObservedBus { bus, source, archives, logs, denied: None }))
    }
}

/// Reads a bus that another tool manages, and the event source of a partner event bus of this account. AWS may deny the read of a bus
/// of another account although its policy allows rules.
async fn existing(cloud: &Cloud<'_>, identity: &Identity, depth: Depth) -> Result<ObservedBus, ReconcileError> {
    match read_existing(cloud, identity, depth).await {
        Err(error) if error.reason == Reason::AccessDenied => Ok(ObservedBus { denied: Some(error), ..ObservedBus::default() }),
        answer => answer,
    }
}

async fn read_existing(cloud: &Cloud<'_>, identity: &Identity, depth: Depth) -> Result<ObservedBus, ReconcileError> {
    let session = cloud.session(depth).await?;
    let reference = names::bus_reference(identity);
    let bus = session.bus(reference).await?;
    let has_source = bus.is_some() && reference.starts_with(PARTNER_BUS);
    let source = if has_source {
        let listed = session.event_source(&identity.name, cloud.source_age(depth)).await?;
        let source = listed.unwrap_or_else(|| ObservedSource { name: identity.name.clone(), ..ObservedSource::default() });
        Some(ObservedSource { has_bus: true, ..source })
    } else {
        None
    };
    Ok(ObservedBus { bus, source, ..ObservedBus::default() })
}

/// Returns the object's archives that exist. A list has neither pattern nor description (docs/aws-facts.md, S14).
async fn archives_of(bus: &EventBus, cloud: &Cloud<'_>, identity: &Identity, depth: Depth) -> Result<Vec<ObservedArchive>, ReconcileError> {
    let session = cloud.session(depth).await?;
    let mut existing = Vec::new();
    for (name, retained) in archives::known(bus, &cloud.view.settings.installation_id, identity) {
        existing.extend(session.archive(&name, retained).await?);
    }
    Ok(existing)
}

/// Returns the source from the list of the whole account and Region. A poll reads nothing else while the source is unchanged.
async fn source(bus: &EventBus, cloud: &Cloud<'_>, name: &str, depth: Depth) -> Result<ObservedSource, ReconcileError> {
    let session = cloud.session(depth).await?;
    let listed = session.event_source(name, cloud.source_age(depth)).await?;
    let status = bus.status.as_ref();
    let before = status.and_then(|status| status.event_source.clone());
    let mut source = listed.unwrap_or_else(|| ObservedSource { name: name.to_owned(), ..ObservedSource::default() });
    source.has_bus = status.is_some_and(|status| !status.common.resources.is_empty());
    source.unchanged = cloud.trigger == Trigger::Poll && before.as_ref().is_some_and(|before| same(before, &source));
    let over = before.as_ref().and_then(|before| before.expiration_time.as_ref()).is_some_and(|at| at.0 <= Timestamp::now());
    source.expired = over && source.state == SourceState::Missing;
    if source.unchanged {
        // What the last resync found holds until the next one.
        source.elsewhere = before.as_ref().map(|before| before.elsewhere.clone()).unwrap_or_default();
    }
    source.before = before;
    Ok(source)
}

/// Finds the source in the other accounts and Regions that the namespace may use: a tenant admin may have entered a wrong one.
/// Best effort: an account or Region that cannot be read is skipped.
async fn elsewhere(bus: &EventBus, cloud: &Cloud<'_>, identity: &Identity) -> Vec<String> {
    let mut found = Vec::new();
    for (account, region) in permitted(&cloud.view, bus.metadata.namespace.as_deref().unwrap_or_default()) {
        let Some(account) = cloud.view.account(&account) else { continue };
        if (&account.spec.account_id, &region) == (&identity.account_id, &identity.region) {
            continue;
        }
        let name = account.metadata.name.clone().unwrap_or_default();
        let account_id = account.spec.account_id.clone();
        let there = Cloud { account, region: region.clone(), view: cloud.view.clone(), ..*cloud };
        let Ok(session) = there.session(Depth::Quick).await else { continue };
        if let Ok(Some(_)) = session.event_source(&identity.name, cloud.quick_age).await {
            found.push(format!("region {region} of account {account_id} (AwsAccount {name})"));
        }
    }
    found
}

/// Returns the accounts and Regions that the namespace may use, of those that some object uses.
fn permitted(view: &View, namespace: &str) -> BTreeSet<(String, String)> {
    let mut permitted = BTreeSet::new();
    view.objects.accounts.each(&mut |account| {
        if !account.spec.allows_namespace(namespace) {
            return;
        }
        let name = account.metadata.name.clone().unwrap_or_default();
        permitted.insert((name.clone(), account.spec.region.clone()));
        view.each_bus(|bus| {
            let identity = bus.status.as_ref().and_then(|status| status.common.identity.as_ref());
            if let Some(identity) = identity.filter(|identity| identity.account == name) {
                permitted.insert((name.clone(), identity.region.clone()));
            }
        });
    });
    permitted
}

fn same(before: &EventSourceStatus, now: &ObservedSource) -> bool {
    let state = match now.state {
        SourceState::Missing if before.state == SourceState::Deleted => SourceState::Deleted,
        state => state,
    };
    let expires = |at: Option<Timestamp>| at.map(Timestamp::as_second);
    before.state == state
        && (state != SourceState::Pending || expires(before.expiration_time.as_ref().map(|at| at.0)) == expires(now.expiration_time))
}
