//! Reads buses, rules and targets of an account. All calls are reads.

use std::time::Duration;

use futures::{StreamExt, stream};
use tributary_api::{OWNER_TAG, Tags};
use tributary_aws::{RegionalSession, Session};
use tributary_core::{
    delivery::Fact,
    error::{Reason, ReconcileError, RetryClass},
    kinds::{BusInAws, RuleInAws},
    names::{Arn, DEFAULT_BUS, Scope, bus_name},
    steps::TargetSettings,
};

use crate::cli::progress::{Progress, ProgressFlags};

use super::{
    destinations,
    model::{Bus, Destination, Origin, Place, Remark, Resources, Rule},
    values::own_tags,
};

/// Rules that are read at the same time. The rate limit of the session holds in addition.
const AT_ONCE: usize = 16;
/// Tag that CloudFormation sets on the resources of a stack.
const STACK_TAG: &str = "aws:cloudformation:stack-name";
/// Name of the managed rule of an archive (EventBridge user guide, "Archiving events").
const ARCHIVE: &str = "Events-Archive-";

/// Which rules are read.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    /// Names or ARNs of buses; none for all.
    pub(super) buses: Vec<String>,
    pub(super) name_prefix: Option<String>,
    /// Tags that a rule has all of.
    pub(super) tags: Vec<(String, String)>,
    /// Values of `--manage`.
    pub(super) manage: Vec<&'static str>,
    pub(super) progress: ProgressFlags,
}

/// Reads what is selected.
///
/// # Errors
/// The buses cannot be listed, or AWS does not answer.
pub(super) async fn read(regional: &RegionalSession, selection: &Selection) -> Result<Resources, String> {
    let (session, caller) = (&regional.session, &regional.session.caller);
    let partition = Arn::parse(&caller.arn).map_or("aws", |arn| arn.partition).to_owned();
    let place = Place { partition: Some(partition), region: Some(regional.region.clone()), account_id: Some(caller.account_id.clone()) };
    let mut resources = Resources { place, ..Resources::default() };
    let names = match selection.buses.as_slice() {
        [] => session.bus_names().await.map_err(|error| error.message)?,
        named => named.to_vec(),
    };
    let progress = selection.progress.counter("reading rules");
    for name in names {
        if let Err(error) = read_bus(session, &name, selection, &mut resources, &progress).await {
            resources.unread.push(Remark { origin: Origin::aws(format!("event bus {name}")), text: unread(&error) });
        }
    }
    drop(progress);
    if !selection.manage.is_empty() {
        read_destinations(session, selection, &mut resources).await;
    }
    Ok(resources)
}

fn unread(error: &ReconcileError) -> String {
    match error.denied_action {
        Some(action) => format!("the credentials do not allow {action}. Add it to their policy: tributary iam-policy import."),
        None => format!("{}.", error.message.trim_end_matches('.')),
    }
}

async fn read_bus(
    session: &Session,
    reference: &str,
    selection: &Selection,
    resources: &mut Resources,
    progress: &Progress,
) -> Result<(), ReconcileError> {
    let is_foreign = Arn::parse(reference).is_some_and(|arn| arn.account_id != session.caller.account_id);
    let reference = if is_foreign { reference } else { bus_name(reference) };
    let origin = Origin::aws(format!("event bus {reference}"));
    let Some(bus) = session.bus(reference).await? else {
        resources.leave_out(&origin, "not found in this account and Region. Correct --bus or --region.");
        return Ok(());
    };
    let rules = session.rules_with_prefix(reference, selection.name_prefix.as_deref()).await?;
    let mut reads = stream::iter(rules)
        .map(|rule| async move {
            let name = rule.name.clone();
            (name, read_rule(session, rule, selection).await)
        })
        .buffer_unordered(AT_ONCE);
    let mut found = Vec::new();
    while let Some((name, read)) = reads.next().await {
        progress.advance();
        let origin = Origin::aws(format!("rule {reference}/{name}"));
        match read {
            Ok(Read::Rule(rule)) => found.push(*rule),
            Ok(Read::NotSelected) => {}
            Ok(Read::LeftOut(reason)) => resources.leave_out(&origin, reason),
            Err(error) => resources.unread.push(Remark { origin, text: unread(&error) }),
        }
    }
    drop(reads);
    found.sort_by(|a: &(Rule, Option<String>), b| a.0.name.cmp(&b.0.name));
    if !is_foreign && (selection.tags.is_empty() && selection.name_prefix.is_none() || !found.is_empty()) {
        take_bus(session, bus, origin, resources).await?;
    }
    for (rule, stack) in found {
        if let Some(stack) = stack {
            resources.note(&rule.origin, of_stack(&stack));
        }
        resources.rules.push(rule);
    }
    Ok(())
}

fn of_stack(stack: &str) -> String {
    format!(
        "it belongs to the CloudFormation stack {stack}. Before you set managementPolicy: Manage, set DeletionPolicy: Retain there and remove it from the stack."
    )
}

async fn take_bus(session: &Session, bus: BusInAws, origin: Origin, resources: &mut Resources) -> Result<(), ReconcileError> {
    let tags = if bus.name == DEFAULT_BUS { Tags::default() } else { session.event_tags(&bus.arn).await? };
    if let Some(service) = &bus.managed_by {
        resources.leave_out(&origin, format!("managed by {service}, which does not allow changes. Its rules refer to it."));
        return Ok(());
    }
    if let Some(owner) = tags.get(OWNER_TAG) {
        resources.leave_out(&origin, format!("it belongs to {owner} already."));
        return Ok(());
    }
    if let Some(stack) = tags.get(STACK_TAG) {
        resources.note(&origin, of_stack(stack));
    }
    if bus.name != DEFAULT_BUS && !bus.statements.is_empty() {
        let sids = bus.statements.iter().map(|statement| statement["Sid"].as_str().unwrap_or("a statement without Sid").to_owned());
        let sids = sids.collect::<Vec<_>>().join(", ");
        resources.note(&origin, format!("its policy stays as it is, and no manifest has its statements: {sids}. Their IDs cannot be adopted; add spec.grants or spec.policyStatements to create others, then remove these."));
    }
    resources.buses.push(Bus { origin, name: bus.name, settings: bus.settings, tags: own_tags(tags) });
    Ok(())
}

/// What became of one rule.
enum Read {
    /// With the name of its CloudFormation stack.
    Rule(Box<(Rule, Option<String>)>),
    NotSelected,
    LeftOut(String),
}

async fn read_rule(session: &Session, rule: RuleInAws, selection: &Selection) -> Result<Read, ReconcileError> {
    if let Some(service) = &rule.managed_by {
        return Ok(Read::LeftOut(match rule.name.strip_prefix(ARCHIVE) {
            Some(archive) => format!(
                "managed by {service} for the archive {archive}, which continues. Archives of an EventBus have names that the operator generates, so that an existing archive cannot be adopted; add spec.archives to create another one."
            ),
            None => format!("managed by {service}, which does not allow changes."),
        }));
    }
    let tags = session.event_tags(&rule.arn).await?;
    if selection.tags.iter().any(|(key, value)| tags.get(key) != Some(value)) {
        return Ok(Read::NotSelected);
    }
    if let Some(owner) = tags.get(OWNER_TAG) {
        return Ok(Read::LeftOut(format!("it belongs to {owner} already.")));
    }
    let mut targets = session.targets(&rule.bus, &rule.name).await?;
    for target in targets.iter_mut().filter(|target| destinations::lacks_api(target)) {
        if let Err(reason) = complete(session, target).await? {
            return Ok(Read::LeftOut(format!("{reason}. The rule stays as it is.")));
        }
    }
    let stack = tags.get(STACK_TAG).cloned();
    let origin = Origin::aws(format!("rule {}/{}", rule.bus, rule.name));
    let rule = Rule { origin, bus: rule.bus, name: rule.name, settings: rule.settings, targets, tags: own_tags(tags) };
    Ok(Read::Rule(Box::new((rule, stack))))
}

/// Enters what a target does not say itself, and its role does.
async fn complete(session: &Session, target: &mut TargetSettings) -> Result<Result<(), String>, ReconcileError> {
    let Some(role) = target.role_arn.as_deref() else { return Ok(Ok(())) };
    match session.role_facts(role, Duration::ZERO).await {
        Fact::Known(role) => Ok(destinations::api_of(&role.rights.parsed()).map_or(Ok(()), |api| destinations::set_api(target, &api))),
        Fact::Missing => Ok(Ok(())),
        Fact::Denied { action } => {
            Err(ReconcileError::new(RetryClass::Refused, Reason::AccessDenied, format!("{action} denied")).denied(action))
        }
        Fact::Unavailable => Err(ReconcileError::transient(format!("role {role} cannot be read"))),
    }
}

/// Reads the settings of the destinations that sinks are to manage.
async fn read_destinations(session: &Session, selection: &Selection, resources: &mut Resources) {
    let (account, region) = (session.caller.account_id.clone(), resources.place.region.clone().unwrap_or_default());
    let targets = resources.rules.iter().flat_map(|rule| &rule.targets);
    let arns = targets.flat_map(TargetSettings::uses).chain(resources.buses.iter().filter_map(|bus| bus.settings.dead_letter_arn.as_ref()));
    let arns: std::collections::BTreeSet<String> = arns.cloned().collect();
    for arn in arns {
        let Some(parsed) = Arn::parse(&arn).filter(|parsed| parsed.account_id == account && parsed.region == region) else { continue };
        let scope = Scope::of_arn(&parsed);
        let plain = arn.trim_end_matches(":*");
        for (resource, managed) in selection.manage.iter().filter_map(|flag| destinations::managed(flag)) {
            let name = parsed.resource.trim_end_matches(":*").rsplit(':').next().unwrap_or_default();
            if (resource.arn)(scope, name).is_none_or(|of| of.trim_end_matches(":*") != plain) {
                continue;
            }
            let origin = Origin::aws(format!("{} {name}", resource.type_));
            match (managed.read)(session, &arn).await {
                Ok(Some(properties)) => {
                    let sink = (managed.sink)(name, &properties);
                    resources.destinations.push(Destination { origin, type_: managed.flag, arn: arn.clone(), managed: sink });
                }
                Ok(None) => resources.note(&origin, "a rule sends to it, and it does not exist. The EventSink references it."),
                Err(error) => resources.unread.push(Remark { origin, text: unread(&error) }),
            }
        }
    }
}
