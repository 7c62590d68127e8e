//! Steps of the deliveries of a bus's log: create, update, move to another destination, remove.

use tributary_api::{OWNER_TAG, Tags, annotation};

use super::{
    policy::{grant, revoke},
    state::{Delivery, DeliveryDestination, DeliverySource, DesiredBusLogs, ManagedGroup, ObservedBusLogs},
};
use crate::{
    destinations::logs::{group_steps, policy_name},
    error::{Reason, ReconcileError, RetryClass},
    ownership,
    plan::PlanContext,
    steps::{LogDeliveryStep, LogsStep, Step, delivery_tag_steps},
};

/// Returns the steps from the observed to the desired deliveries. Without a desired state they are removed: delivery, source,
/// destination, in this order (docs/aws-facts.md, LD6).
///
/// # Errors
/// A source of the bus, or a log group, has another owner; the policy of the log group is full.
pub fn plan(want: Option<&DesiredBusLogs>, have: &ObservedBusLogs, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    let mut steps = Vec::new();
    let mut used = Vec::new();
    if let Some(want) = want {
        steps.extend(destination(want, have, context)?);
        for (log_type, name) in &want.sources {
            let source = have.deliveries.sources.iter().find(|source| is_of(source, log_type, context));
            let source = source.or_else(|| have.deliveries.sources.iter().find(|source| source.name == *name));
            steps.extend(source_steps(want, have, log_type, source.map_or(name, |source| &source.name), context)?);
            used.push(source.map_or(name, |source| &source.name).clone());
        }
    }
    steps.extend(remove_sources(&used, have, context));
    steps.extend(remove_destinations(want, have, context));
    let installation = context.owner.split('/').next().unwrap_or_default();
    steps.extend(revoke(want, have, context.owner, policy_name(installation)));
    steps.extend(remove_groups(want, have, context));
    Ok(steps)
}

fn is_of(source: &DeliverySource, log_type: &str, context: &PlanContext<'_>) -> bool {
    source.resource_arn == context.identity.arn && source.log_type == log_type
}

/// Returns the steps of what receives the log: the log group, its policy, the delivery destination.
fn destination(want: &DesiredBusLogs, have: &ObservedBusLogs, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    let mut steps = Vec::new();
    if let Some(group) = &want.group {
        steps.extend(managed_group(group, want, have, context)?);
    }
    steps.extend(grant(want, have)?);
    let present = have.deliveries.destinations.iter().find(|to| to.name == want.destination);
    if let Some(tags) = present.and_then(|to| to.tags.as_ref()) {
        ownership::check(&format!("delivery destination {}", want.destination), tags, context)?;
    }
    match present {
        Some(to) if to.resource_arn.trim_end_matches(":*") == want.resource_arn => {
            steps.extend(to.tags.iter().flat_map(|tags| delivery_tag_steps(&to.arn, &want.tags, tags, context)));
        }
        _ => {
            let (name, destination_arn, tags) = (want.destination.clone(), want.resource_arn.clone(), want.tags.clone());
            steps.push(LogDeliveryStep::PutDeliveryDestination { name, destination_arn, tags }.into());
        }
    }
    Ok(steps)
}

fn managed_group(
    group: &ManagedGroup,
    want: &DesiredBusLogs,
    have: &ObservedBusLogs,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    // Not read in a quick resync.
    let Some(groups) = &have.groups else { return Ok(vec![]) };
    let present = groups.iter().find(|row| row.name == group.name).and_then(|row| row.group.as_ref());
    group_steps("spec.log.delivery.logGroup.managed", (&group.name, &want.resource_arn), &group.settings, present, context)
}

/// Returns the steps of one delivery source and its delivery. `name` is that of the source that exists, or of the one to create.
///
/// # Errors
/// The source has another owner.
fn source_steps(
    want: &DesiredBusLogs,
    have: &ObservedBusLogs,
    log_type: &str,
    name: &str,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let mut steps: Vec<Step> = Vec::new();
    let present = have.deliveries.sources.iter().find(|source| source.name == name);
    if let Some(tags) = present.and_then(|source| source.tags.as_ref()) {
        check_source(name, log_type, tags, context)?;
    }
    match present {
        Some(source) if is_of(source, log_type, context) => {
            steps.extend(source.tags.iter().flat_map(|tags| delivery_tag_steps(&source.arn, &want.tags, tags, context)));
        }
        _ => {
            let (resource_arn, tags) = (context.identity.arn.clone(), want.tags.clone());
            steps.push(
                LogDeliveryStep::PutDeliverySource { name: name.to_owned(), resource_arn, log_type: log_type.to_owned(), tags }.into(),
            );
        }
    }
    let of_source = || have.deliveries.deliveries.iter().filter(|delivery| delivery.source == name);
    // AWS may allow one delivery for each type of destination: the deliveries of an adopted source make room.
    let adopts = present.and_then(|source| source.tags.as_ref()).is_some_and(|tags| !ownership::is_ours(tags, context));
    let replaced = |delivery: &&Delivery| is_ours(delivery, have, context) || adopts;
    let former = of_source().filter(|delivery| delivery.destination_arn != want.destination_arn).filter(replaced);
    steps.extend(former.map(delete));
    if let Some(delivery) = of_source().find(|delivery| delivery.destination_arn == want.destination_arn) {
        steps.extend(delivery.tags.iter().flat_map(|tags| delivery_tag_steps(&delivery.arn, &want.tags, tags, context)));
    } else {
        let (destination_arn, tags) = (want.destination_arn.clone(), want.tags.clone());
        steps.push(LogDeliveryStep::CreateDelivery { name: name.to_owned(), destination_arn, tags }.into());
    }
    Ok(steps)
}

/// Checks that the operator may use a delivery source. AWS allows one for a bus and log type (docs/aws-facts.md, LD4).
fn check_source(name: &str, log_type: &str, tags: &Tags, context: &PlanContext<'_>) -> Result<(), ReconcileError> {
    ownership::check(name, tags, context).map_err(|_| {
        let (owner, adopt) = tags.get(OWNER_TAG).map_or(("another tool", "true"), |owner| (owner.as_str(), owner.as_str()));
        ReconcileError::new(
            RetryClass::Refused,
            Reason::NotOwned,
            format!(
                "spec.log.delivery: delivery source {name} of {owner} delivers {log_type} of event bus {}, and AWS allows one source for each log type of a \
                 bus. Delete that source with its deliveries, or adopt it with the annotation {}={adopt}.",
                context.identity.name,
                annotation::ADOPT
            ),
        )
    })
}

fn delete(delivery: &Delivery) -> Step {
    LogDeliveryStep::DeleteDelivery { id: delivery.id.clone(), name: delivery.source.clone() }.into()
}

/// Whether tags name the object as owner; where they were not read, whether the name is known.
fn is_owned(tags: Option<&Tags>, is_known: bool, context: &PlanContext<'_>) -> bool {
    tags.map_or(is_known, |tags| ownership::is_ours(tags, context))
}

fn is_our_source(source: &DeliverySource, have: &ObservedBusLogs, context: &PlanContext<'_>) -> bool {
    is_owned(source.tags.as_ref(), have.known.sources.contains(&source.name), context)
}

fn is_our_destination(to: &DeliveryDestination, have: &ObservedBusLogs, context: &PlanContext<'_>) -> bool {
    is_owned(to.tags.as_ref(), have.known.destinations.contains(&to.name), context)
}

fn is_ours(delivery: &Delivery, have: &ObservedBusLogs, context: &PlanContext<'_>) -> bool {
    let to = have.deliveries.destinations.iter().find(|to| to.arn == delivery.destination_arn);
    let from = have.deliveries.sources.iter().find(|source| source.name == delivery.source);
    let between = from.is_some_and(|from| is_our_source(from, have, context)) && to.is_some_and(|to| is_our_destination(to, have, context));
    between || is_owned(delivery.tags.as_ref(), false, context)
}

/// Returns the steps that remove the sources that are not `used`, with their deliveries. A source with a delivery of others stays.
fn remove_sources(used: &[String], have: &ObservedBusLogs, context: &PlanContext<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    let unused = have.deliveries.sources.iter().filter(|source| !used.contains(&source.name) && is_our_source(source, have, context));
    for source in unused {
        let of_source = have.deliveries.deliveries.iter().filter(|delivery| delivery.source == source.name);
        let (ours, others): (Vec<_>, Vec<_>) = of_source.partition(|delivery| is_ours(delivery, have, context));
        steps.extend(ours.into_iter().map(delete));
        match others.first() {
            None => steps.push(LogDeliveryStep::DeleteDeliverySource { name: source.name.clone() }.into()),
            Some(delivery) => context.leave(format!("delivery source {} has delivery {} of another owner", source.name, delivery.id)),
        }
    }
    steps
}

/// Returns the steps that remove destinations other than the wanted one. A destination with a delivery of others stays.
fn remove_destinations(want: Option<&DesiredBusLogs>, have: &ObservedBusLogs, context: &PlanContext<'_>) -> Vec<Step> {
    let wanted = want.map(|want| want.destination.as_str());
    let former = have.deliveries.destinations.iter().filter(|to| Some(to.name.as_str()) != wanted && is_our_destination(to, have, context));
    let mut steps = Vec::new();
    for to in former {
        let mut deliveries = have.deliveries.deliveries.iter().filter(|delivery| delivery.destination_arn == to.arn);
        match deliveries.find(|delivery| !is_ours(delivery, have, context)) {
            None => steps.push(LogDeliveryStep::DeleteDeliveryDestination { name: to.name.clone() }.into()),
            Some(delivery) => context.leave(format!("delivery destination {} has delivery {} of another owner", to.name, delivery.id)),
        }
    }
    steps
}

/// Returns the steps that delete former log groups that are not retained.
fn remove_groups(want: Option<&DesiredBusLogs>, have: &ObservedBusLogs, context: &PlanContext<'_>) -> Vec<Step> {
    let wanted = want.and_then(|want| want.group.as_ref()).map(|group| group.name.as_str());
    let former = have.groups.iter().flatten().filter(|row| Some(row.name.as_str()) != wanted && !row.retained);
    let deletes = |tags: &Tags, name: &str| ownership::may_delete(&format!("log group {name}"), tags, context);
    let exists = former.filter_map(|row| Some((row, row.group.as_ref()?)));
    let owned = exists.filter(|(row, group)| group.tags.as_ref().is_none_or(|tags| deletes(tags, &row.name)));
    owned.map(|(row, _)| LogsStep::DeleteLogGroup { name: row.name.clone() }.into()).collect()
}
