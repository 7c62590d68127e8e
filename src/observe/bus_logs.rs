//! Reads what there is for the log of a bus: deliveries, log groups, and the log resource policy of the installation.

use tributary_api::{EventBus, Identity};
use tributary_aws::{Session, TagRead};
use tributary_core::{
    destinations::logs,
    error::ReconcileError,
    kinds::{
        DesiredBus,
        bus_logs::{self, LogDeliveries, ObservedBusLogs, ObservedGroup},
    },
    names::Scope,
    plan::Depth,
};

use crate::observe::Cloud;

/// Reads nothing where neither spec nor status has something of it.
pub(super) async fn read(
    bus: &EventBus,
    cloud: &Cloud<'_>,
    identity: &Identity,
    desired: Option<&DesiredBus>,
    depth: Depth,
) -> Result<Option<ObservedBusLogs>, ReconcileError> {
    let want = desired.and_then(|desired| desired.logs.as_ref());
    let may_exist = bus.status.as_ref().is_some_and(|status| status.log_delivery.is_some());
    if want.is_none() && !may_exist {
        return Ok(None);
    }
    let session = cloud.session(depth).await?;
    let age = cloud.list_age(depth);
    let installation = &cloud.view.settings.installation_id;
    let known = bus_logs::known(bus, installation, identity, want);
    let mut deliveries = session.log_deliveries(age).await?.of(&identity.arn, &known);
    if depth >= Depth::Owner {
        read_tags(&session, &mut deliveries).await?;
    }
    let groups = if depth >= Depth::Full {
        let mut groups = Vec::new();
        for (name, retained) in bus_logs::of_group(bus, want) {
            let arn = Scope::of(identity).log_group(&name);
            let group = session.log_group(&name, &arn, TagRead::when(depth >= Depth::Owner)).await?;
            groups.push(ObservedGroup { name, arn, retained, group });
        }
        Some(groups)
    } else {
        None
    };
    let policy = session.log_policy(&logs::policy_name(installation), age).await?;
    let others = bus_logs::needed_by_others(bus, identity, &cloud.view);
    Ok(Some(ObservedBusLogs { deliveries, groups, policy, others, known }))
}

/// Reads the tags of all parts. Skips what was deleted since it was listed.
async fn read_tags(session: &Session, deliveries: &mut LogDeliveries) -> Result<(), ReconcileError> {
    for source in &mut deliveries.sources {
        source.tags = session.log_delivery_tags(&source.arn).await?;
    }
    for destination in &mut deliveries.destinations {
        destination.tags = session.log_delivery_tags(&destination.arn).await?;
    }
    for delivery in &mut deliveries.deliveries {
        delivery.tags = session.log_delivery_tags(&delivery.arn).await?;
    }
    deliveries.sources.retain(|source| source.tags.is_some());
    deliveries.destinations.retain(|destination| destination.tags.is_some());
    deliveries.deliveries.retain(|delivery| delivery.tags.is_some());
    Ok(())
}
