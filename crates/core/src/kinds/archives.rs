//! Archives of a bus: what they are called, what has to be written, what status says of them. Pure.
//!
//! AWS cannot tag an archive, so its name carries a hash of the owner: what has the name is ours. Each archive makes a rule on its bus
//! (`Events-Archive-<name>`, kept by AWS), which keeps the bus from being deleted before it.

use serde::Serialize;

use tributary_api::{ArchiveStatus, DeletionPolicy, EventBus, Identity, ResourceStatus};

use crate::{
    error::{Reason, ReconcileError, RetryClass},
    kinds::BusInAws,
    names::{events_character, short_hash},
    object::key_of,
    ownership,
    plan::PlanContext,
    steps::{ArchiveSettings, EventsStep, Step},
};

/// The longest name that AWS takes (API reference, `CreateArchive`).
const LONGEST: usize = 48;
const HASH: usize = 8;
/// How the rule is called that AWS makes for an archive.
const RULE: &str = "Events-Archive-";

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DesiredArchive {
    pub name: String,
    pub aws_name: String,
    pub settings: ArchiveSettings,
    pub deletion_policy: DeletionPolicy,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ObservedArchive {
    pub aws_name: String,
    pub arn: String,
    pub state: String,
    /// AWS's words on a state that is an error.
    pub state_reason: Option<String>,
    pub settings: ArchiveSettings,
    pub event_count: i64,
    pub size_bytes: i64,
    /// Not AWS's word, but that of spec or, for one that has left it, of status.
    pub retained: bool,
}

/// Known before the archive exists. Where the bus is another one, so is the archive: AWS cannot move it.
pub fn aws_name(installation: &str, bus: &EventBus, bus_name: &str, archive: &str) -> String {
    let owner = ownership::owner(installation, <EventBus as crate::managed::Managed>::KIND, &key_of(bus));
    let meta = &bus.metadata;
    let plain = format!("{}-{}-{archive}", meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
    let cut: String = plain.chars().map(|c| if events_character(c) { c } else { '-' }).take(LONGEST - HASH - 1).collect();
    format!("{cut}-{}", short_hash(&format!("{owner}/{bus_name}/{archive}"), HASH))
}

pub fn arn(place: &Identity, aws_name: &str) -> String {
    format!("arn:{}:events:{}:{}:archive/{aws_name}", place.partition, place.region, place.account_id)
}

pub fn desired(bus: &EventBus, installation: &str, place: &Identity) -> Vec<DesiredArchive> {
    let one = |archive: &tributary_api::Archive| DesiredArchive {
        name: archive.name.clone(),
        aws_name: aws_name(installation, bus, &place.name, &archive.name),
        settings: ArchiveSettings {
            description: archive.description.clone(),
            retention_days: archive.retention_days.unwrap_or_default(),
            pattern: archive.event_pattern.clone().map(Into::into),
        }
        .canonical(),
        deletion_policy: archive.deletion_policy.unwrap_or(DeletionPolicy::Retain),
    };
    bus.spec.archives.iter().map(one).collect()
}

/// Names in AWS of all archives that may be the bus's, and whether each is retained: those of spec, and those that only status knows. A row
/// of status counts only with the name that it must have: whoever may write status does not get at the archives of others by it.
pub fn known(bus: &EventBus, installation: &str, place: &Identity) -> Vec<(String, bool)> {
    let mut all: Vec<_> = bus.spec.archives.iter().map(|a| (aws_name(installation, bus, &place.name, &a.name), a.retained())).collect();
    for row in bus.status.iter().flat_map(|status| &status.archives) {
        let ours = row.aws_name == aws_name(installation, bus, &place.name, &row.name);
        if ours && !all.iter().any(|(name, _)| *name == row.aws_name) {
            all.push((row.aws_name.clone(), row.deletion_policy == DeletionPolicy::Retain));
        }
    }
    all
}

/// Brings the archives of a bus that is there, or is made in the same plan, to what is wanted.
pub fn steps(want: &[DesiredArchive], have: &[ObservedArchive], bus_arn: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for archive in want {
        let (name, settings) = (archive.aws_name.clone(), archive.settings.clone());
        match have.iter().find(|have| have.aws_name == archive.aws_name) {
            None => steps.push(EventsStep::CreateArchive { name, bus_arn: bus_arn.to_owned(), settings }.into()),
            Some(have) if have.settings != archive.settings => steps.push(EventsStep::UpdateArchive { name, settings }.into()),
            Some(_) => {}
        }
    }
    let gone = have.iter().filter(|have| !have.retained && !want.iter().any(|want| want.aws_name == have.aws_name));
    steps.extend(gone.map(|archive| EventsStep::DeleteArchive { name: archive.aws_name.clone() }.into()));
    steps
}

/// Takes away the archives that may go, and says what keeps the bus from going after them: `bus` is what is left of it then.
pub fn removal(have: &[ObservedArchive], bus: &mut BusInAws, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    let steps = steps(&[], have, "");
    let going: Vec<_> = have.iter().filter(|archive| !archive.retained).map(|archive| format!("{RULE}{}", archive.aws_name)).collect();
    bus.rules.retain(|rule| !going.contains(rule));
    let (archives, rules): (Vec<_>, Vec<_>) = std::mem::take(&mut bus.rules).into_iter().partition(|rule| rule.starts_with(RULE));
    bus.rules = rules;
    if archives.is_empty() || context.retain {
        return Ok(steps);
    }
    let names: Vec<_> = archives.iter().filter_map(|rule| rule.strip_prefix(RULE)).collect();
    Err(ReconcileError::blocked(
        Reason::InUse,
        format!(
            "event bus {} still has archives, and AWS deletes no bus before them: {}. Set deletionPolicy: Delete on those of spec.archives, delete others in AWS, or keep bus and archives with deletionPolicy: Retain on this object",
            bus.name,
            names.join(", ")
        ),
    ))
}

/// What AWS says behind its own answer to `CreateArchive` and `UpdateArchive`.
pub fn waiting(have: &[ObservedArchive]) -> Option<ReconcileError> {
    let failed = have.iter().find(|archive| archive.state.ends_with("_FAILED"))?;
    let why = failed.state_reason.as_deref().unwrap_or("AWS gives no reason");
    let what = format!(
        "archive {} is {}: {why}. Correct it in spec.archives, or delete it in AWS; it is then made anew",
        failed.aws_name, failed.state
    );
    Some(ReconcileError::new(RetryClass::Refused, Reason::Rejected, what))
}

/// Rows of status before the first write: all that may come to exist, besides what was there.
pub fn announced(before: &[ArchiveStatus], want: &[DesiredArchive]) -> Vec<ArchiveStatus> {
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

/// Rows of status after a pass. `have`: `None` where the archives were not looked at. One that left the list stays until it is dealt with.
pub fn rows(
    before: &[ArchiveStatus],
    want: &[DesiredArchive],
    have: Option<&[ObservedArchive]>,
    applied: &[Step],
    complete: bool,
    place: &Identity,
) -> Vec<ArchiveStatus> {
    let made =
        |name: &str| applied.iter().any(|step| matches!(step, Step::Events(EventsStep::CreateArchive { name: made, .. }) if made == name));
    let mut rows = announced(if complete { &[] } else { before }, want);
    for row in &mut rows {
        let old = before.iter().find(|old| old.aws_name == row.aws_name);
        match have.and_then(|have| have.iter().find(|archive| archive.aws_name == row.aws_name)) {
            Some(archive) => {
                row.state = Some(archive.state.clone());
                row.event_count = Some(archive.event_count);
                row.size_bytes = Some(archive.size_bytes);
            }
            // As AWS answers, and as it is until the next look.
            None if made(&row.aws_name) => (row.state, row.event_count, row.size_bytes) = (Some("ENABLED".into()), Some(0), Some(0)),
            None if have.is_some() => (row.state, row.event_count, row.size_bytes) = (None, None, None),
            None => {
                row.state = old.and_then(|old| old.state.clone());
                (row.event_count, row.size_bytes) = (old.and_then(|old| old.event_count), old.and_then(|old| old.size_bytes));
            }
        }
        row.arn = row.state.is_some().then(|| arn(place, &row.aws_name));
    }
    rows
}

pub fn resources(rows: &[ArchiveStatus]) -> impl Iterator<Item = ResourceStatus> {
    rows.iter().filter_map(|row| Some(ResourceStatus { type_: "AWS::Events::Archive".into(), arn: row.arn.clone()? }))
}

/// The ARN of the archive of this name, once it is there.
pub fn of(bus: &EventBus, name: &str) -> Option<String> {
    bus.status.iter().flat_map(|status| &status.archives).find(|row| row.name == name)?.arn.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bus(namespace: &str, name: &str) -> EventBus {
        let mut bus = EventBus::new(name, serde_json::from_value(serde_json::json!({})).expect("every field may be left out"));
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
        assert_eq!((long("a").len(), long("a") == long("b")), (LONGEST, false));
    }

    fn observed(name: &str, retained: bool) -> ObservedArchive {
        ObservedArchive {
            aws_name: name.into(),
            arn: name.into(),
            state: "ENABLED".into(),
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
        let context = |retain| PlanContext { identity: &identity, owner: "me", adopt: None, tag_keys: &[], retain, orphan: false };
        let have = [observed("kept", true), observed("goes", false)];
        let rules = || vec!["Events-Archive-kept".to_owned(), "Events-Archive-goes".to_owned()];
        let in_aws = |rules| BusInAws { name: "b".into(), rules, ..BusInAws::default() };
        let halt = removal(&have, &mut in_aws(rules()), &context(false)).err().map(|halt| (halt.reason, halt.message));
        assert!(halt.is_some_and(|(reason, text)| reason == Reason::InUse && text.contains(": kept.")));
        let said = |steps: Vec<Step>| steps.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(removal(&have, &mut in_aws(rules()), &context(true)).map(said), Ok(vec!["DeleteArchive goes".to_owned()]));
        let mut left = in_aws(vec!["Events-Archive-goes".to_owned()]);
        assert_eq!(removal(&have[1..], &mut left, &context(false)).map(said), Ok(vec!["DeleteArchive goes".to_owned()]));
        assert!(left.rules.is_empty(), "it goes with its archive");
    }
}
