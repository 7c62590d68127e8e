//! Parts of the plan of a bus: the default bus, the removal of a bus, its owner, its log.

use tributary_api::Identity;

use crate::{
    error::{Reason, ReconcileError},
    kinds::{
        archives::{self, ObservedArchive},
        bus_in_aws::{BusInAws, DesiredBus, ObservedBus},
        bus_logs, bus_policy,
    },
    ownership,
    plan::PlanContext,
    steps::{BusSettings, BusStep, LogDeliveryStep, LogSettings, Step},
};

/// Returns the steps for what receives the log of the bus; `None` while that is refused or not known, so that AWS keeps what it has.
pub(super) fn logs(desired: Option<&DesiredBus>, observed: Option<&ObservedBus>, context: &PlanContext<'_>) -> Option<Vec<Step>> {
    if desired.is_some_and(|want| want.logs_wait.is_some()) {
        return None;
    }
    let (want, have) = (desired.and_then(|want| want.logs.as_ref()), observed?.logs.as_ref()?);
    // A deletion adopts nothing.
    let adopt = want.and_then(|want| want.adopt.as_deref());
    let own = PlanContext { adopt, tag_keys: context.tag_keys, ..PlanContext::new(context.identity, context.owner) };
    let steps = bus_logs::plan(want, have, &own).ok();
    own.left_alone.into_inner().into_iter().for_each(|why| context.leave(why));
    steps
}

/// Returns why the log of the bus cannot go where the spec says.
pub(super) fn logs_refused(desired: &DesiredBus, observed: Option<&ObservedBus>, identity: &Identity) -> Option<ReconcileError> {
    let (want, have) = (desired.logs.as_ref()?, observed?.logs.as_ref()?);
    let context = PlanContext { adopt: want.adopt.as_deref(), ..PlanContext::new(identity, &want.owner) };
    bus_logs::plan(Some(want), have, &context).err()
}

/// Steps for the default bus, of which only archives, grants and the log are managed.
pub(super) fn default_bus(
    desired: Option<&DesiredBus>,
    have: Option<&BusInAws>,
    kept: Option<&[ObservedArchive]>,
    logs: Option<Vec<Step>>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let (archives, grants) = desired.map_or((&[][..], &[][..]), |want| (&want.archives, &want.grants));
    bus_policy::check_size(grants, have.map_or(&[][..], |have| &have.statements), context)?;
    let mut steps = kept.map_or_else(Vec::new, |kept| archives::steps(archives, kept, &context.identity.arn));
    steps.extend(have.map_or_else(Vec::new, |have| match desired {
        Some(want) => bus_policy::steps(grants, &want.refused.statements(&have.statements, context.identity), context),
        None => bus_policy::steps(grants, &have.statements, context),
    }));
    if let (Some(logs), Some(have)) = (&logs, have) {
        steps.extend(default_bus_level(desired, have, logs));
    }
    steps.extend(logs.into_iter().flatten());
    Ok(steps)
}

/// Returns the step for the log level of the default bus. It is the owner's of the delivery sources, of which AWS allows one for each log type;
/// it is set back with the last of them.
fn default_bus_level(desired: Option<&DesiredBus>, have: &BusInAws, logs: &[Step]) -> Option<Step> {
    let want = desired.filter(|want| want.logs.is_some()).and_then(|want| want.settings.log.clone());
    let removes = || logs.iter().any(|step| matches!(step, Step::LogDelivery(LogDeliveryStep::DeleteDeliverySource { .. })));
    let level = want.or_else(|| removes().then(LogSettings::off))?;
    let present = have.settings.log.clone().unwrap_or_else(LogSettings::off);
    let settings = BusSettings { log: Some(level.clone()), ..have.settings.clone() };
    (present != level).then(|| BusStep::UpdateEventBus { name: have.name.clone(), settings }.into())
}

/// Steps that delete the bus, or with `retain` only its archives, grants and log deliveries.
pub(super) fn removal(
    have: &BusInAws,
    archives: &[ObservedArchive],
    logs: Option<Vec<Step>>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    if let Err(error) = check_owner(have, context) {
        // Archives, statements and deliveries are marked themselves: they are removed from a bus of
        // another owner.
        context.leave(error.message);
        let mut steps = archives::steps(&[], archives, "");
        steps.extend(bus_policy::steps(&[], &have.statements, context));
        steps.extend(logs.into_iter().flatten());
        return Ok(steps);
    }
    let mut remaining = have.clone();
    let mut steps = archives::removal(archives, &mut remaining, context)?;
    steps.extend(logs.into_iter().flatten());
    if context.retain {
        steps.extend(bus_policy::steps(&[], &have.statements, context));
        return Ok(steps);
    }
    if !remaining.rules.is_empty() {
        return Err(ReconcileError::blocked(
            Reason::InUse,
            format!(
                "event bus {} still has rules in AWS that are not managed here: {}. Delete them, or keep the bus with deletionPolicy: Retain.",
                remaining.name,
                remaining.rules.join(", ")
            ),
        ));
    }
    steps.push(BusStep::DeleteEventBus { name: have.name.clone() }.into());
    Ok(steps)
}

pub(super) fn check_owner(have: &BusInAws, context: &PlanContext<'_>) -> Result<(), ReconcileError> {
    let what = format!("event bus {}", have.name);
    if let Some(service) = &have.managed_by {
        return Err(ReconcileError::invalid(
            Reason::NotOwned,
            format!(
                "{what} is managed by {service}, which has associated the partner event source with its own bus until that is deleted. No changes were made."
            ),
        ));
    }
    have.tags.as_ref().map_or(Ok(()), |tags| ownership::check(&what, tags, context))
}
