//! Archives of a bus: their names, their steps, their rows in status.
//!
//! AWS cannot tag an archive, so its name contains a hash of the owner: an archive of that name
//! belongs to the bus. Each archive has a managed rule on its bus (`Events-Archive-<name>`), so
//! that AWS does not delete the bus before it.

use serde::Serialize;

use tributary_api::{Archive, ArchiveStatus, AwsAccount, DeletionPolicy, EventBus, Identity, ResourceStatus};

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    kinds::{BusInAws, aws_states::ArchiveState, pattern_check},
    names::{events_character, short_hash},
    object::{ObjectMetaExt, key_of},
    ownership,
    plan::PlanContext,
    steps::{ArchiveSettings, ArchiveStep, EventsStep, Step},
    view::View,
};

/// Longest name of an archive, in characters (API reference, `CreateArchive`).
const MAX_NAME: usize = 48;
/// Length of the hash at the end of a name, in characters.
const HASH: usize = 8;
/// Prefix of the managed rule of an archive.
const RULE_PREFIX: &str = "Events-Archive-";

/// An archive that the spec lists.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DesiredArchive {
    /// Name in the spec.
    pub name: String,
    /// Name in AWS.
    pub aws_name: String,
    /// Settings in AWS.
    pub settings: ArchiveSettings,
    /// What happens in AWS when the archive leaves the spec or its bus is deleted.
    pub deletion_policy: DeletionPolicy,
    /// Whether the account does not allow the key. The archive is then not written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
    /// What AWS would refuse in the event pattern.
    #[serde(skip)]
    pub problem: Option<String>,
}

/// An archive in AWS.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObservedArchive {
    /// Name in AWS.
    pub aws_name: String,
    /// ARN of the archive.
    pub arn: String,
    /// State.
    #[serde(skip)]
    pub state: ArchiveState,
    /// AWS's explanation of a state that is an error.
    pub state_reason: Option<String>,
    /// Settings in AWS.
    pub settings: ArchiveSettings,
    /// Number of archived events.
    pub event_count: i64,
    /// Size in bytes.
    pub size_bytes: i64,
    /// Whether the archive outlives its entry in the spec. From the spec or, for an archive that
    /// has left it, from status.
    pub retained: bool,
}

/// Name of an archive in AWS, known before it exists. Another bus means another archive: AWS cannot
/// move one.
pub fn aws_name(installation: &str, bus: &EventBus, bus_name: &str, archive: &str) -> String {
    let owner = ownership::owner(installation, <EventBus as crate::managed::Managed>::KIND, &key_of(bus));
    let meta = &bus.metadata;
    let plain = format!("{}-{}-{archive}", meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
    let cut: String = plain.chars().map(|c| if events_character(c) { c } else { '-' }).take(MAX_NAME - HASH - 1).collect();
    format!("{cut}-{}", short_hash(&format!("{owner}/{bus_name}/{archive}"), HASH))
}

/// ARN of the archive with this name in AWS.
pub fn arn(identity: &Identity, aws_name: &str) -> String {
    format!("arn:{}:events:{}:{}:archive/{aws_name}", identity.partition, identity.region, identity.account_id)
}

/// The archives that the spec lists. The error tells why the first of those that the account does
/// not allow is not written.
pub fn desired(bus: &EventBus, view: &View, account: &AwsAccount, identity: &Identity) -> (Vec<DesiredArchive>, Option<ReconcileError>) {
    let installation = &view.settings.installation_id;
    let namespace = bus.own_namespace();
    let permit = |(index, archive): (usize, &Archive)| {
        let field = format!("spec.archives[{index}].kmsKeyArn");
        view.permit_arn(account, namespace, &field, archive.kms_key_arn.as_deref()?).err()
    };
    let errors: Vec<_> = bus.spec.archives.iter().enumerate().map(permit).collect();
    let one = |(index, (archive, error)): (usize, (&Archive, &Option<ReconcileError>))| DesiredArchive {
        name: archive.name.clone(),
        aws_name: aws_name(installation, bus, &identity.name, &archive.name),
        settings: ArchiveSettings {
            description: archive.description.clone(),
            retention_days: archive.retention_days.unwrap_or_default(),
            pattern: archive.event_pattern.as_ref().map(|pattern| pattern.parsed().into()),
            kms_key_arn: archive.kms_key_arn.clone(),
        }
        .canonical(),
        deletion_policy: archive.deletion_policy.unwrap_or(DeletionPolicy::Retain),
        problem: archive
            .event_pattern
            .as_ref()
            .and_then(|pattern| pattern_check::problem(&format!("spec.archives[{index}].eventPattern"), &pattern.parsed())),
        refused: error.is_some(),
    };
    let archives = bus.spec.archives.iter().zip(&errors).enumerate().map(one).collect();
    (archives, errors.into_iter().flatten().next())
}

/// Names in AWS of all archives that may belong to the bus, and whether each is retained: those of
/// the spec, and those in status only.
///
/// A row of status counts only if its name is the one derived for it: write access to status must
/// not give access to foreign archives.
pub fn known(bus: &EventBus, installation: &str, identity: &Identity) -> Vec<(String, bool)> {
    let mut all: Vec<_> = bus.spec.archives.iter().map(|a| (aws_name(installation, bus, &identity.name, &a.name), a.retained())).collect();
    for row in bus.status.iter().flat_map(|status| &status.archives) {
        let ours = row.aws_name == aws_name(installation, bus, &identity.name, &row.name);
        if ours && !all.iter().any(|(name, _)| *name == row.aws_name) {
            all.push((row.aws_name.clone(), row.deletion_policy == DeletionPolicy::Retain));
        }
    }
    all
}

/// Steps that bring the archives to the desired ones, for a bus that exists or is created in the
/// same plan.
pub fn steps(want: &[DesiredArchive], have: &[ObservedArchive], bus_arn: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for archive in want.iter().filter(|archive| !archive.refused && archive.problem.is_none()) {
        let (name, settings) = (archive.aws_name.clone(), archive.settings.clone());
        match have.iter().find(|have| have.aws_name == archive.aws_name) {
            None => steps.push(ArchiveStep::CreateArchive { name, bus_arn: bus_arn.to_owned(), settings }.into()),
            Some(have) if have.settings != archive.settings => steps.push(ArchiveStep::UpdateArchive { name, settings }.into()),
            Some(_) => {}
        }
    }
    let gone = have.iter().filter(|have| !have.retained && !want.iter().any(|want| want.aws_name == have.aws_name));
    steps.extend(gone.map(|archive| ArchiveStep::DeleteArchive { name: archive.aws_name.clone() }.into()));
    steps
}

/// Steps that delete the archives that are not retained. `bus` is left with the rules that remain
/// after them.
///
/// # Errors
/// Retained or foreign archives block the deletion of the bus.
pub fn removal(have: &[ObservedArchive], bus: &mut BusInAws, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    let steps = steps(&[], have, "");
    let going: Vec<_> =
        have.iter().filter(|archive| !archive.retained).map(|archive| format!("{RULE_PREFIX}{}", archive.aws_name)).collect();
    bus.rules.retain(|rule| !going.contains(rule));
    let (archives, rules): (Vec<_>, Vec<_>) = std::mem::take(&mut bus.rules).into_iter().partition(|rule| rule.starts_with(RULE_PREFIX));
    bus.rules = rules;
    if archives.is_empty() || context.retain {
        return Ok(steps);
    }
    let names: Vec<_> = archives.iter().filter_map(|rule| rule.strip_prefix(RULE_PREFIX)).collect();
    Err(ReconcileError::blocked(
        Reason::InUse,
        format!(
            "event bus {} cannot be deleted before its archives: {}. Set deletionPolicy: Delete on those in spec.archives and delete others \
             in AWS, or keep bus and archives with deletionPolicy: Retain on this object.",
            bus.name,
            names.join(", ")
        ),
    ))
}

/// The first archive that AWS would refuse. The bus and the other archives do not wait for it, and AWS
/// keeps what it has of it.
pub fn invalid(want: &[DesiredArchive]) -> Option<ReconcileError> {
    let problem = want.iter().find_map(|archive| archive.problem.clone())?;
    Some(ReconcileError::invalid(Reason::InvalidSpec, problem))
}

/// The failure of an archive that AWS reports after `CreateArchive` or `UpdateArchive` succeeded.
pub fn waiting(have: &[ObservedArchive]) -> Option<ReconcileError> {
    let failed = have.iter().find(|archive| matches!(archive.state, ArchiveState::CreateFailed | ArchiveState::UpdateFailed))?;
    let why = failed.state_reason.as_deref().unwrap_or("no reason given by AWS");
    let what = format!(
        "archive {} is {}: {why}. Correct it in spec.archives, or delete it in AWS to have it recreated.",
        failed.aws_name, failed.state
    );
    Some(ReconcileError::new(RetryClass::Refused, Reason::Rejected, what))
}

/// Rows of status before the first write: the archives that may be created, besides those of
/// before.
pub fn planned_rows(before: &[ArchiveStatus], want: &[DesiredArchive]) -> Vec<ArchiveStatus> {
    let mut rows: Vec<_> = want.iter().map(|archive| row(archive, before.iter().find(|row| row.aws_name == archive.aws_name))).collect();
    rows.extend(before.iter().filter(|row| !want.iter().any(|archive| archive.aws_name == row.aws_name)).cloned());
    rows
}

fn row(archive: &DesiredArchive, before: Option<&ArchiveStatus>) -> ArchiveStatus {
    ArchiveStatus {
        name: archive.name.clone(),
        aws_name: archive.aws_name.clone(),
        state: before.and_then(|row| row.state.clone()),
        arn: before.and_then(|row| row.arn.clone()),
        event_count: before.and_then(|row| row.event_count),
        size_bytes: before.and_then(|row| row.size_bytes),
        deletion_policy: archive.deletion_policy,
    }
}

/// Rows of status after a reconcile. `have` is `None` where the archives were not read. The row of
/// an archive that has left the spec stays until the reconcile is complete.
pub fn rows(
    before: &[ArchiveStatus],
    want: &[DesiredArchive],
    have: Option<&[ObservedArchive]>,
    applied: &[Step],
    complete: bool,
    identity: &Identity,
) -> Vec<ArchiveStatus> {
    let created = |name: &str| {
        applied.iter().any(
            |step| matches!(step, Step::Events(EventsStep::Archive(ArchiveStep::CreateArchive { name: created, .. })) if created == name),
        )
    };
    let mut rows = planned_rows(if complete { &[] } else { before }, want);
    for row in &mut rows {
        let old = before.iter().find(|old| old.aws_name == row.aws_name);
        match have.and_then(|have| have.iter().find(|archive| archive.aws_name == row.aws_name)) {
            Some(archive) => {
                row.state = Some(archive.state.to_string());
                row.event_count = Some(archive.event_count);
                row.size_bytes = Some(archive.size_bytes);
            }
            // As AWS answers, until the archive is read next.
            None if created(&row.aws_name) => {
                (row.state, row.event_count, row.size_bytes) = (Some(ArchiveState::Enabled.to_string()), Some(0), Some(0));
            }
            None if have.is_some() => (row.state, row.event_count, row.size_bytes) = (None, None, None),
            None => {
                row.state = old.and_then(|old| old.state.clone());
                (row.event_count, row.size_bytes) = (old.and_then(|old| old.event_count), old.and_then(|old| old.size_bytes));
            }
        }
        row.arn = row.state.is_some().then(|| arn(identity, &row.aws_name));
    }
    rows
}

/// The archives that exist, for `status.resources`.
pub fn resources(rows: &[ArchiveStatus]) -> impl Iterator<Item = ResourceStatus> {
    rows.iter().filter_map(|row| Some(ResourceStatus { type_: "AWS::Events::Archive".into(), arn: row.arn.clone()? }))
}

/// ARN of the archive with this name in the spec, once it exists.
pub fn of(bus: &EventBus, name: &str) -> Option<String> {
    bus.status.iter().flat_map(|status| &status.archives).find(|row| row.name == name)?.arn.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bus(namespace: &str, name: &str) -> EventBus {
        let mut bus = EventBus::new(name, serde_json::from_value(serde_json::json!({})).expect("every field is optional"));
        bus.metadata.namespace = Some(namespace.into());
        bus
    }

    #[test]
    fn a_name_says_whose_it_is_and_fits() {
        let name = |installation: &str, bus_name: &str, archive: &str| aws_name(installation, &bus("prod", "orders"), bus_name, archive);
        let one = name("i", "prod-orders", "all");
        assert!(one.starts_with("prod-orders-all-") && one.len() == "prod-orders-all-".len() + HASH, "{one}");
        assert_ne!(one, name("j", "prod-orders", "all"), "another installation");
        assert_ne!(one, name("i", "other", "all"), "another bus in AWS");
        let long = |end: &str| name("i", "b", &format!("{}{end}", "x".repeat(47)));
        assert_eq!((long("a").len(), long("a") == long("b")), (MAX_NAME, false));
    }

    fn observed(name: &str, retained: bool) -> ObservedArchive {
        ObservedArchive {
            aws_name: name.into(),
            arn: name.into(),
            state: ArchiveState::Enabled,
            state_reason: None,
            settings: ArchiveSettings::default(),
            event_count: 0,
            size_bytes: 0,
            retained,
        }
    }

    #[test]
    fn what_is_retained_stays_and_holds_the_bus() {
        let identity = Identity::default();
        let context = |retain| PlanContext { retain, ..PlanContext::new(&identity, "me") };
        let have = [observed("kept", true), observed("goes", false)];
        let rules = || vec!["Events-Archive-kept".to_owned(), "Events-Archive-goes".to_owned()];
        let in_aws = |rules| BusInAws { name: "b".into(), rules, ..BusInAws::default() };
        let error = removal(&have, &mut in_aws(rules()), &context(false)).err().map(|error| (error.reason, error.message));
        assert!(error.is_some_and(|(reason, text)| reason == Reason::InUse && text.contains(": kept.")));
        let texts = |steps: Vec<Step>| steps.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(removal(&have, &mut in_aws(rules()), &context(true)).map(texts), Ok(vec!["DeleteArchive goes".to_owned()]));
        let mut left = in_aws(vec!["Events-Archive-goes".to_owned()]);
        assert_eq!(removal(&have[1..], &mut left, &context(false)).map(texts), Ok(vec!["DeleteArchive goes".to_owned()]));
        assert!(left.rules.is_empty(), "it goes with its archive");
    }
}
