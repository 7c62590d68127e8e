//! What an `AwsAccount` with `changeEvents` has in AWS: in each Region a rule on the default event bus and the queue that it sends to.
//! What the events mean is in `crate::change_events`.

use std::collections::BTreeSet;

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use serde::Serialize;

use tributary_api::{
    AwsAccount, AwsAccountStatus, BenchlingApp, BenchlingSubscription, ChangeEvents, ChangeEventsStatus, EventBus, EventRedrive,
    EventReplay, EventRule, EventSink, Identity, Partition, ResourceStatus, RuleState, Tags,
};

use crate::{
    change_events, conditions,
    destinations::change_queue::{self, DesiredChangeQueue, ObservedChangeQueue},
    error::ReconcileError,
    for_each_kind,
    kinds::rule_in_aws::{DesiredRule, ObservedRule, Refused},
    links::Link,
    managed::{Managed, Report},
    names::{DEFAULT_BUS, Scope, short_hash},
    object::{ObjectMetaExt, key_of},
    ownership,
    plan::PlanContext,
    steps::{RuleSettings, Step, TargetSettings},
    view::View,
};

/// Type of the condition that reports whether change events arrive.
pub const CHANGE_EVENTS: &str = "ChangeEvents";

/// Begins the names of rules and queues, so that IAM policies can name them.
const PREFIX: &str = "tributary-changes-";
/// Default retention of the queue in seconds, as without the attribute.
const RETENTION_SECONDS: u32 = 345_600;
const RULE_TYPE: &str = "AWS::Events::Rule";
const ROLE_TYPE: &str = "AWS::IAM::Role";
const TARGET_ID: &str = "queue";

/// The reasons of the condition `ChangeEvents` that are not a [`crate::error::Reason`] as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumIter, strum::IntoStaticStr)]
pub enum ChangeEventsReason {
    /// Events have arrived from each Region.
    Receiving,
    /// No event has arrived from a Region yet.
    NoEventsYet,
}

/// Rule and queue of a Region.
#[derive(Debug, Serialize)]
pub struct DesiredChangeEvents {
    /// Region.
    pub region: String,
    /// The rule on the default event bus.
    pub rule: DesiredRule,
    /// The queue that the rule sends to.
    pub queue: DesiredChangeQueue,
    /// ARN of the rule.
    #[serde(skip)]
    pub rule_arn: String,
}

/// Rule and queue of a Region, as AWS has them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ObservedChangeEvents {
    /// Region.
    pub region: String,
    /// The rule on the default event bus.
    pub rule: ObservedRule,
    /// The queue.
    pub queue: ObservedChangeQueue,
    /// Why they could not be read. Nothing is planned then.
    #[serde(skip)]
    pub unread: Option<ReconcileError>,
    /// When the operator received the first event in this leadership term.
    #[serde(skip)]
    pub first_event: Option<Timestamp>,
    /// Why the operator cannot consume the queue.
    #[serde(skip)]
    pub unconsumed: Option<ReconcileError>,
}

/// Returns the name of the rules and queues of the account with this owner tag, which is the same in all Regions.
pub fn name(owner: &str) -> String {
    format!("{PREFIX}{}", short_hash(owner, 16))
}

/// The owner tag of the account's rules and queues.
pub fn owner_of(account: &AwsAccount, view: &View) -> String {
    ownership::owner(&view.settings.installation_id, AwsAccount::KIND, &key_of(account))
}

/// Region in which CloudTrail records the calls of global services such as IAM (docs/aws-facts.md, CT6).
fn global_region(partition: Partition) -> &'static str {
    match partition {
        Partition::Aws => "us-east-1",
        Partition::AwsCn => "cn-north-1",
        Partition::AwsUsGov => "us-gov-west-1",
    }
}

/// Returns the Regions in which change events concern the account's objects. Once in status, a Region stays: its events may concern an
/// object that is applied again.
pub fn regions(account: &AwsAccount, view: &View) -> BTreeSet<String> {
    let mut found = BTreeSet::from([account.spec.region.clone()]);
    let status = account.status.iter().flat_map(|status| &status.change_events);
    found.extend(status.map(|row| row.region.clone()));
    let mut add = |identity: Option<&Identity>, resources: &[ResourceStatus]| {
        let Some(identity) = identity.filter(|identity| identity.account == account.own_name()) else { return };
        if !found.contains(&identity.region) {
            found.insert(identity.region.clone());
        }
        if resources.iter().any(|resource| resource.type_ == ROLE_TYPE) {
            found.insert(global_region(account.spec.partition).to_owned());
        }
    };
    macro_rules! add_all {
        ($($plural:ident $singular:ident: $kind:ident),* $(,)?) => {$(
            view.objects.$plural.each_linked(Link::Account(account.own_name()), &mut |object: &$kind| {
                let resources = object.current().map(|status| <$kind as Managed>::common(status).resources.as_slice());
                add(object.pinned_identity(), resources.unwrap_or_default());
            });
        )*};
    }
    for_each_kind!(add_all);
    found
}

/// Whether objects use a Region of the account that has no rule and queue yet.
pub fn lacks_regions(account: &AwsAccount, view: &View) -> bool {
    let present: BTreeSet<_> = account.status.iter().flat_map(|status| &status.change_events).map(|row| &row.region).collect();
    regions(account, view).iter().any(|region| !present.contains(region))
}

/// Returns rule and queue of each Region; none without `changeEvents`.
pub(super) fn desired(account: &AwsAccount, view: &View, identity: &Identity) -> Vec<DesiredChangeEvents> {
    let Some(spec) = &account.spec.change_events else { return vec![] };
    let owner = owner_of(account, view);
    let tags = ownership::tags(&account.spec.default_tags, None, &owner);
    regions(account, view).into_iter().map(|region| desired_in(region, spec, &owner, &tags, identity)).collect()
}

fn desired_in(region: String, spec: &ChangeEvents, owner: &str, tags: &Tags, identity: &Identity) -> DesiredChangeEvents {
    let scope = Scope { region: &region, ..Scope::of(identity) };
    let name = name(owner);
    let rule_arn = scope.rule(DEFAULT_BUS, &name);
    let retention = spec.message_retention_seconds.unwrap_or(RETENTION_SECONDS);
    let queue = DesiredChangeQueue::new(scope, &name, &rule_arn, retention, owner, tags.clone());
    let target = TargetSettings { id: TARGET_ID.into(), arn: queue.arn().to_owned(), ..TargetSettings::default() };
    let rule = DesiredRule {
        bus: DEFAULT_BUS.into(),
        name,
        settings: RuleSettings {
            description: Some(format!("Change events for AwsAccount {}", identity.account)),
            pattern: Some(change_events::pattern()),
            schedule: None,
            state: RuleState::Enabled,
        },
        tags: tags.clone(),
        targets: vec![target],
        waiting: std::collections::BTreeMap::new(),
        refused: Refused::default(),
        error: None,
        held_back: None,
        warnings: vec![],
        source_problem: None,
        observes: false,
    };
    DesiredChangeEvents { region, rule, queue, rule_arn }
}

/// Returns the steps of all Regions. A Region that could not be read has none, and does not block others.
///
/// # Errors
/// A rule or queue has another owner. For a removal, also that a Region could not be read.
pub(super) fn plan(
    desired: &[DesiredChangeEvents],
    observed: &[ObservedChangeEvents],
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    // The default names of rules and queues have no user: nothing is adopted, and nothing retained.
    let of_region = PlanContext { tag_keys: context.tag_keys, ..PlanContext::new(context.identity, context.owner) };
    let mut steps = Vec::new();
    for have in observed {
        let want = desired.iter().find(|want| want.region == have.region);
        match (&have.unread, want) {
            (Some(_), Some(_)) => continue,
            (Some(unread), None) => return Err(unread.clone()),
            (None, _) => {}
        }
        let queue = change_queue::plan(want.map(|want| &want.queue), &have.queue, &of_region)?;
        let rule = EventRule::plan(want.map(|want| &want.rule), Some(&have.rule), &of_region)?;
        // The queue exists before its rule, and is removed after it.
        let ordered = if want.is_some() { [queue, rule] } else { [rule, queue] };
        steps.extend(ordered.into_iter().flatten().map(|step| step.in_region(&have.region)));
    }
    of_region.left_alone.into_inner().into_iter().for_each(|why| context.leave(why));
    Ok(steps)
}

/// Returns why a Region's rule and queue could not be read.
pub(super) fn unread(observed: &[ObservedChangeEvents]) -> Option<ReconcileError> {
    observed.iter().find_map(|have| have.unread.clone())
}

/// Records rule and queue of each Region before they are created.
pub(super) fn record_intent(status: &mut AwsAccountStatus, desired: &[DesiredChangeEvents]) {
    for want in desired {
        if !status.change_events.iter().any(|row| row.region == want.region) {
            status.change_events.push(row(want));
        }
    }
    record_resources(status);
}

fn row(want: &DesiredChangeEvents) -> ChangeEventsStatus {
    ChangeEventsStatus {
        region: want.region.clone(),
        rule_arn: want.rule_arn.clone(),
        queue_arn: want.queue.arn().to_owned(),
        first_event_time: None,
    }
}

fn record_resources(status: &mut AwsAccountStatus) {
    let of_row = |row: &ChangeEventsStatus| {
        let resource = |type_: &str, arn: &String| ResourceStatus { type_: type_.to_owned(), arn: arn.clone() };
        [resource(RULE_TYPE, &row.rule_arn), resource(change_queue::TYPE, &row.queue_arn)]
    };
    status.common.resources = status.change_events.iter().flat_map(of_row).collect();
}

/// Fills in what status reports of change events.
pub(super) fn report(account: &AwsAccount, status: &mut AwsAccountStatus, report: &Report<'_, AwsAccount>) {
    let desired = report.desired.map(|desired| desired.change_events.as_slice()).unwrap_or_default();
    let observed = report.observed.map(|observed| observed.change_events.as_slice()).unwrap_or_default();
    if report.complete() {
        status.change_events.retain(|row| desired.iter().any(|want| want.region == row.region));
        record_intent(status, desired);
    }
    for row in &mut status.change_events {
        let first = observed.iter().find(|have| have.region == row.region).and_then(|have| have.first_event);
        row.first_event_time = row.first_event_time.take().or(first.map(Time));
    }
    let state = (!desired.is_empty()).then(|| state(status, observed, report.error));
    conditions::set(&mut status.common.conditions, CHANGE_EVENTS, state, account.metadata.generation, report.now);
}

/// Status, reason and message of the condition.
fn state(status: &AwsAccountStatus, observed: &[ObservedChangeEvents], error: Option<&ReconcileError>) -> (&'static str, String, String) {
    let unconsumed = || observed.iter().find_map(|have| have.unconsumed.as_ref());
    if let Some(error) = error.or_else(unconsumed) {
        return ("False", error.reason.to_string(), error.message.clone());
    }
    let list = |rows: Vec<&ChangeEventsStatus>| rows.iter().map(|row| row.region.as_str()).collect::<Vec<_>>().join(", ");
    let (arrived, missing): (Vec<_>, Vec<_>) = status.change_events.iter().partition(|row| row.first_event_time.is_some());
    if missing.is_empty() {
        return ("True", ChangeEventsReason::Receiving.to_string(), format!("receiving change events from {}", list(arrived)));
    }
    let message = format!(
        "no change event has arrived from {} yet. Changes there are repaired by resyncs. Check that a CloudTrail trail with logging \
         enabled records management events of these Regions.",
        list(missing)
    );
    ("Unknown", ChangeEventsReason::NoEventsYet.to_string(), message)
}

#[cfg(test)]
mod tests;
