//! Resolves `spec.log.delivery` of a bus to its desired state. Reads the view only.

use serde_json::Value;
use tributary_api::{
    AwsAccount, BusLogGroup, BusLogLevel, DeletionPolicy, EventBus, Identity, ManagedBusLogGroup, Permissions, SinkRef, Tags, annotation,
};

use super::{
    policy,
    state::{DesiredBusLogs, KnownNames, ManagedGroup},
};
use crate::{
    destinations::logs::{DesiredLogGroup, log_destination, policy_name},
    error::{Reason, ReconcileError},
    managed::Managed,
    names::{Arn, Scope, short_hash},
    object::{ObjectMetaExt, key_of},
    ownership,
    view::View,
};

/// Longest beginning of a name, in characters: names of sources and destinations have at most 60 (docs/aws-facts.md, LD2).
const BEGINNING: usize = 40;
/// Length of the hash at the end of a name, in characters.
const HASH: usize = 8;
/// Log types of a bus, with the word for each in names.
const LOG_TYPES: [(&str, &str); 3] = [("ERROR_LOGS", "error"), ("INFO_LOGS", "info"), ("TRACE_LOGS", "trace")];

/// What receives the log.
struct Target {
    arn: String,
    group: Option<ManagedGroup>,
    statement: Option<Value>,
}

/// Returns the desired state of the log's deliveries; `None` without `spec.log.delivery`. `tags` are those of the bus.
///
/// # Errors
/// A reference cannot be resolved or is not permitted.
pub fn desired(
    bus: &EventBus,
    view: &View,
    account: &AwsAccount,
    identity: &Identity,
    tags: &Tags,
) -> Result<Option<DesiredBusLogs>, ReconcileError> {
    let Some(log) = &bus.spec.log else { return Ok(None) };
    let Some(delivery) = &log.delivery else { return Ok(None) };
    let namespace = bus.own_namespace();
    let permit = |field: &str, arn: &str| {
        view.permit_arn(account, namespace, field, arn)?;
        Ok(Target { arn: arn.to_owned(), group: None, statement: None })
    };
    let owner = ownership::owner(&view.settings.installation_id, EventBus::KIND, &key_of(bus));
    let target = match (&delivery.log_group, &delivery.firehose, &delivery.s3) {
        (Some(group), ..) => of_group(bus, group, view, account, identity, &owner)?,
        (_, Some(stream), _) => {
            let field = "spec.log.delivery.firehose.arn";
            check_local(field, &stream.arn, identity)?;
            permit(field, &stream.arn)?
        }
        (.., Some(bucket)) => permit("spec.log.delivery.s3.arn", &bucket.arn)?,
        // Admission requires one.
        (None, None, None) => return Ok(None),
    };
    let destination = name(bus, &owner, &identity.arn, "to", &target.arn);
    // Adopting refers to the bus whose source it is, and to the log group, as much as their ARNs do.
    let adopted = target.group.as_ref().map(|_| &target.arn).into_iter().chain([&identity.arn]);
    let may_adopt = adopted.into_iter().all(|arn| account.spec.allows_arn(namespace, arn));
    let adopt = bus.metadata.annotations.as_ref().and_then(|annotations| annotations.get(annotation::ADOPT));
    Ok(Some(DesiredBusLogs {
        sources: log_types(log.level)
            .iter()
            .map(|(type_, word)| ((*type_).to_owned(), name(bus, &owner, &identity.arn, word, "")))
            .collect(),
        destination_arn: Scope::of(identity).arn("logs", &format!("delivery-destination:{destination}")),
        destination,
        resource_arn: target.arn,
        group: target.group,
        statement: target.statement,
        policy: policy_name(&view.settings.installation_id),
        tags: tags.clone(),
        adopt: adopt.filter(|_| may_adopt).cloned(),
        owner,
    }))
}

/// Returns the log types that carry the records of a level: a log type has the records of exactly one level (docs/aws-facts.md, BL8).
fn log_types(level: BusLogLevel) -> &'static [(&'static str, &'static str)] {
    match level {
        BusLogLevel::Error => &LOG_TYPES[..1],
        BusLogLevel::Info => &LOG_TYPES[..2],
        BusLogLevel::Trace => &LOG_TYPES,
    }
}

/// Returns the name of a source or destination, known before it exists.
fn name(bus: &EventBus, owner: &str, bus_arn: &str, word: &str, target: &str) -> String {
    let plain = key_of(bus).replace('/', "-");
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let beginning: String = plain.chars().map(|c| if allowed(c) { c } else { '-' }).take(BEGINNING).collect();
    format!("{beginning}-{word}-{}", short_hash(&format!("{owner}/{bus_arn}/{word}/{target}"), HASH))
}

/// Returns the names of what the operator may have created for the bus: those of the spec, and those in status.
///
/// Write access to status gives no access to what others have: tags are checked before a write.
pub fn known(bus: &EventBus, installation: &str, identity: &Identity, desired: Option<&DesiredBusLogs>) -> KnownNames {
    let owner = ownership::owner(installation, EventBus::KIND, &key_of(bus));
    let status = bus.status.iter().filter_map(|status| status.log_delivery.as_ref());
    let mut known = KnownNames::default();
    for row in status {
        known.sources.extend(row.sources.iter().cloned());
        known.destinations.extend(row.destinations.iter().cloned());
    }
    known.sources.extend(LOG_TYPES.iter().map(|(_, word)| name(bus, &owner, &identity.arn, word, "")));
    known.destinations.extend(desired.map(|desired| desired.destination.clone()));
    known
}

fn of_group(
    bus: &EventBus,
    group: &BusLogGroup,
    view: &View,
    account: &AwsAccount,
    identity: &Identity,
    owner: &str,
) -> Result<Target, ReconcileError> {
    if let Some(reference) = &group.sink_ref {
        return of_sink(bus, reference, view, identity, owner);
    }
    let managed = group.managed.clone().unwrap_or_default();
    let name = group_name(&managed, identity);
    let arn = Scope::of(identity).log_group(&name);
    Ok(Target {
        statement: Some(policy::statement(&arn, owner, identity)),
        group: Some(ManagedGroup {
            settings: DesiredLogGroup {
                class: managed.class.map(|class| class.to_string()),
                retention_days: managed.retention_days,
                kms_key_arn: managed.kms_key_arn,
                tags: ownership::tags(&account.spec.default_tags, managed.tags.as_ref(), owner),
            },
            deletion_policy: managed.deletion_policy.unwrap_or(DeletionPolicy::Retain),
            name,
        }),
        arn,
    })
}

/// Returns the name of a managed log group.
fn group_name(managed: &ManagedBusLogGroup, bus: &Identity) -> String {
    managed.name.clone().unwrap_or_else(|| format!("{}{}", policy::PREFIX, bus.name))
}

fn of_sink(bus: &EventBus, reference: &SinkRef, view: &View, identity: &Identity, owner: &str) -> Result<Target, ReconcileError> {
    let field = "spec.log.delivery.logGroup.sinkRef";
    let sink = view.sink_for(bus.own_namespace(), field, reference)?;
    let Some(arn) = log_destination::of_sink(field, &sink)?.log_group_arn else {
        return Err(ReconcileError::blocked(Reason::SinkNotReady, format!("{field}: EventSink {} has no log group yet", key_of(&*sink))));
    };
    check_local(field, &arn, identity)?;
    let external = sink.spec.permissions == Permissions::External;
    Ok(Target { statement: (!external).then(|| policy::statement(&arn, owner, identity)), group: None, arn })
}

/// Checks that a resource is in the account and Region of the bus, as CloudWatch Logs requires of destinations here.
fn check_local(field: &str, arn: &str, bus: &Identity) -> Result<(), ReconcileError> {
    let there = Arn::parse(arn);
    if there.is_some_and(|there| (there.account_id, there.region) == (bus.account_id.as_str(), bus.region.as_str())) {
        return Ok(());
    }
    Err(ReconcileError::blocked(
        Reason::InvalidSpec,
        format!("{field}: {arn} is not in account {} and Region {} of the event bus. Use one that is.", bus.account_id, bus.region),
    ))
}
