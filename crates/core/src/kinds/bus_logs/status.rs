//! The deliveries of a bus's log in status: what may be in AWS is listed until it is known to be gone.

use std::collections::BTreeSet;

use tributary_api::{BusLogDeliveryStatus, BusLogGroupStatus, DeletionPolicy, EventBus, Identity, ResourceStatus};

use super::state::{DesiredBusLogs, ObservedBusLogs};
use crate::names::Scope;

/// Returns status before the first write: what may be created, besides what there was.
pub fn intent(before: Option<&BusLogDeliveryStatus>, want: Option<&DesiredBusLogs>) -> Option<BusLogDeliveryStatus> {
    let Some(want) = want else { return before.cloned() };
    let mut row = before.cloned().unwrap_or_default();
    for (_, name) in &want.sources {
        add(&mut row.sources, name);
    }
    add(&mut row.destinations, &want.destination);
    if let Some(group) = &want.group {
        row.log_groups.retain(|other| other.name != group.name);
        row.log_groups.push(BusLogGroupStatus { name: group.name.clone(), deletion_policy: group.deletion_policy });
    }
    Some(row)
}

fn add(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|other| other == name) {
        names.push(name.to_owned());
    }
}

/// Returns status after a reconcile. What leaves the spec stays until the reconcile is complete.
pub fn report(
    before: Option<&BusLogDeliveryStatus>,
    want: Option<&DesiredBusLogs>,
    have: Option<&ObservedBusLogs>,
    complete: bool,
    bus: &Identity,
) -> Option<BusLogDeliveryStatus> {
    if !complete {
        return intent(before, want);
    }
    let want = want?;
    // An adopted source keeps its name.
    let adopted = |log_type: &str| {
        let sources = have.map(|have| have.deliveries.sources.as_slice()).unwrap_or_default();
        sources.iter().find(|source| source.resource_arn == bus.arn && source.log_type == log_type).map(|source| source.name.clone())
    };
    let mut row = intent(None, Some(want))?;
    row.sources = want.sources.iter().map(|(log_type, name)| adopted(log_type).unwrap_or_else(|| name.clone())).collect();
    row.destination_arn = Some(want.resource_arn.clone());
    Some(row)
}

/// Returns what exists in AWS, for `status.resources`.
pub fn resources(row: Option<&BusLogDeliveryStatus>, bus: &Identity) -> Vec<ResourceStatus> {
    let Some(row) = row.filter(|row| row.destination_arn.is_some()) else { return vec![] };
    let scope = Scope::of(bus);
    let resource = |type_: &str, arn: String| ResourceStatus { type_: type_.to_owned(), arn };
    let groups = row.log_groups.iter().map(|group| resource("AWS::Logs::LogGroup", scope.log_group(&group.name)));
    let to = row
        .destinations
        .iter()
        .map(|name| resource("AWS::Logs::DeliveryDestination", scope.arn("logs", &format!("delivery-destination:{name}"))));
    let from = row.sources.iter().map(|name| resource("AWS::Logs::DeliverySource", scope.arn("logs", &format!("delivery-source:{name}"))));
    groups.chain(to).chain(from).collect()
}

/// Returns the names of managed log groups that may exist, and whether each is retained: that of the spec, and those in status.
pub fn of_group(bus: &EventBus, want: Option<&DesiredBusLogs>) -> Vec<(String, bool)> {
    let wanted = want.and_then(|want| want.group.as_ref());
    let mut groups: Vec<_> =
        wanted.map(|group| (group.name.clone(), group.deletion_policy == DeletionPolicy::Retain)).into_iter().collect();
    for row in bus.status.iter().filter_map(|status| status.log_delivery.as_ref()).flat_map(|row| &row.log_groups) {
        if !groups.iter().any(|(name, _)| *name == row.name) {
            groups.push((row.name.clone(), row.deletion_policy == DeletionPolicy::Retain));
        }
    }
    groups
}

/// Returns the ARNs of resources of other objects that the deliveries lead to.
pub fn uses(want: Option<&DesiredBusLogs>, keeps: bool, have: Option<&ObservedBusLogs>) -> BTreeSet<String> {
    let of_want = want.filter(|want| want.group.is_none()).map(|want| want.resource_arn.clone());
    let known = |have: &ObservedBusLogs| {
        let ours = have.deliveries.destinations.iter().filter(|to| have.known.destinations.contains(&to.name));
        ours.map(|to| to.resource_arn.trim_end_matches(":*").to_owned()).collect::<Vec<_>>()
    };
    let kept = have.filter(|_| keeps).map(known).unwrap_or_default();
    of_want.into_iter().chain(kept).collect()
}
