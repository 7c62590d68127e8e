//! A model of AWS to which plans are applied, and what a plan may not touch.

use serde_json::{Value, json};
use tributary_api::{DeletionPolicy, Identity, OWNER_TAG, Tags};

use super::{policy::statement, *};
use crate::{
    destinations::logs::{DesiredLogGroup, ObservedLogGroup},
    error::Reason,
    ownership,
    plan::PlanContext,
    policy_document::sid_of,
    steps::{LogDeliveryStep, LogsStep, Step},
};

const OWNER: &str = "i/EventBus/ns/b";
const GROUP: &str = "/aws/vendedlogs/events/event-bus/b";

fn identity() -> Identity {
    let text = |text: &str| text.to_owned();
    Identity {
        partition: text("aws"),
        region: text("eu-west-1"),
        account_id: text("111122223333"),
        name: text("b"),
        arn: text("arn:aws:events:eu-west-1:111122223333:event-bus/b"),
        ..Identity::default()
    }
}

fn arn(rest: &str) -> String {
    format!("arn:aws:logs:eu-west-1:111122223333:{rest}")
}

fn tags(owner: &str) -> Tags {
    ownership::tags(&Tags::new(), None, owner)
}

/// The log types, to a managed log group.
fn to_group(types: &[&str], deletion_policy: DeletionPolicy) -> DesiredBusLogs {
    let resource_arn = arn(&format!("log-group:{GROUP}"));
    let settings = DesiredLogGroup { class: None, retention_days: Some(7), kms_key_arn: None, tags: tags(OWNER) };
    DesiredBusLogs {
        group: Some(ManagedGroup { name: GROUP.into(), settings, deletion_policy }),
        statement: Some(statement(&resource_arn, OWNER, &identity())),
        ..to(types, "group", &resource_arn)
    }
}

/// The log types, to an existing resource.
fn to(types: &[&str], destination: &str, resource_arn: &str) -> DesiredBusLogs {
    DesiredBusLogs {
        sources: types.iter().map(|type_| ((*type_).to_owned(), format!("own-{type_}"))).collect(),
        destination: destination.into(),
        destination_arn: arn(&format!("delivery-destination:{destination}")),
        resource_arn: resource_arn.into(),
        group: None,
        statement: None,
        policy: "p".into(),
        tags: tags(OWNER),
        owner: OWNER.into(),
        adopt: None,
    }
}

const ALL: [&str; 3] = ["ERROR_LOGS", "INFO_LOGS", "TRACE_LOGS"];

/// What AWS holds, which refuses what AWS refuses.
#[derive(Clone, Default)]
struct Model(ObservedBusLogs);

impl Model {
    fn plan(&self, want: Option<&DesiredBusLogs>, adopt: Option<&str>) -> Result<Vec<Step>, crate::error::ReconcileError> {
        let mut have = self.0.clone();
        have.known.sources.extend(ALL.iter().map(|type_| format!("own-{type_}")));
        have.known.destinations.extend(["group", "bucket"].map(str::to_owned));
        let identity = identity();
        plan(want, &have, &PlanContext { adopt, ..PlanContext::new(&identity, OWNER) })
    }

    /// Applies the plan, after which nothing is left to plan; returns the names of the steps.
    fn converge(&mut self, want: Option<&DesiredBusLogs>, adopt: Option<&str>) -> Vec<&'static str> {
        let steps = self.plan(want, adopt).expect("a plan");
        for step in &steps {
            self.apply(step);
        }
        assert_eq!(self.plan(want, adopt), Ok(vec![]), "after {steps:?}");
        steps.iter().map(Step::name).collect()
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::LogDelivery(step) => self.delivery(step),
            Step::Logs(step) => self.logs(step),
            other => panic!("{other}"),
        }
    }

    fn delivery(&mut self, step: &LogDeliveryStep) {
        let all = &mut self.0.deliveries;
        match step.clone() {
            LogDeliveryStep::PutDeliverySource { name, resource_arn, log_type, tags } => {
                let taken = all.sources.iter().any(|s| s.name != name && s.resource_arn == resource_arn && s.log_type == log_type);
                assert!(!taken, "another source of {resource_arn} for {log_type}");
                all.sources.retain(|source| source.name != name);
                all.sources.push(DeliverySource {
                    arn: arn(&format!("delivery-source:{name}")),
                    name,
                    resource_arn,
                    log_type,
                    tags: Some(tags),
                });
            }
            LogDeliveryStep::PutDeliveryDestination { name, destination_arn, tags } => {
                all.destinations.retain(|to| to.name != name);
                let arn = arn(&format!("delivery-destination:{name}"));
                all.destinations.push(DeliveryDestination { name, arn, resource_arn: destination_arn, tags: Some(tags) });
            }
            LogDeliveryStep::CreateDelivery { name, destination_arn, tags } => {
                assert!(
                    all.sources.iter().any(|s| s.name == name) && all.destinations.iter().any(|to| to.arn == destination_arn),
                    "{step}"
                );
                assert!(!all.deliveries.iter().any(|delivery| delivery.source == name), "one delivery of {name}");
                let id = format!("id{}{name}", all.deliveries.len());
                all.deliveries.push(Delivery { arn: arn(&format!("delivery:{id}")), id, source: name, destination_arn, tags: Some(tags) });
            }
            LogDeliveryStep::TagDelivery { arn, tags } => {
                let parts =
                    all.sources.iter_mut().map(|s| (&s.arn, &mut s.tags)).chain(all.deliveries.iter_mut().map(|d| (&d.arn, &mut d.tags)));
                for (_, have) in
                    parts.chain(all.destinations.iter_mut().map(|to| (&to.arn, &mut to.tags))).filter(|(other, _)| **other == arn)
                {
                    have.get_or_insert_default().extend(tags.clone());
                }
            }
            LogDeliveryStep::UntagDelivery { .. } => {}
            LogDeliveryStep::DeleteDelivery { id, .. } => all.deliveries.retain(|delivery| delivery.id != id),
            LogDeliveryStep::DeleteDeliverySource { name } => {
                assert!(!all.deliveries.iter().any(|delivery| delivery.source == name), "{name} has a delivery");
                all.sources.retain(|source| source.name != name);
            }
            LogDeliveryStep::DeleteDeliveryDestination { name } => {
                let to = all.destinations.iter().find(|to| to.name == name).expect("a destination").arn.clone();
                assert!(!all.deliveries.iter().any(|delivery| delivery.destination_arn == to), "{name} has a delivery");
                all.destinations.retain(|to| to.name != name);
            }
        }
    }

    fn logs(&mut self, step: &LogsStep) {
        let groups = self.0.groups.get_or_insert_default();
        let arn = arn(&format!("log-group:{GROUP}"));
        match step.clone() {
            LogsStep::CreateLogGroup { name, tags, .. } => {
                let group = Some(ObservedLogGroup { arn: arn.clone(), tags: Some(tags), ..ObservedLogGroup::default() });
                groups.retain(|row| row.name != name);
                groups.push(ObservedGroup { name, arn, retained: true, group });
            }
            LogsStep::PutRetentionPolicy { days, .. } => groups[0].group.as_mut().expect("a log group").retention_days = Some(days),
            LogsStep::DeleteLogGroup { .. } => groups[0].group = None,
            LogsStep::PutPolicyStatements { instead_of, statements, .. } => {
                self.0.policy.retain(|have| !instead_of.iter().any(|sid| sid_of(have) == Some(sid)));
                self.0.policy.extend(statements);
            }
            LogsStep::RemovePolicyStatements { sids, .. } => self.0.policy.retain(|have| !sids.iter().any(|sid| sid_of(have) == Some(sid))),
            other => panic!("{other}"),
        }
    }
}

fn delivering(want: &DesiredBusLogs) -> Model {
    let mut model = Model(ObservedBusLogs { groups: Some(vec![]), ..ObservedBusLogs::default() });
    model.converge(Some(want), None);
    model
}

#[test]
fn what_receives_the_log_comes_first_and_goes_last() {
    let want = to_group(&ALL[..1], DeletionPolicy::Delete);
    let mut model = Model(ObservedBusLogs { groups: Some(vec![]), ..ObservedBusLogs::default() });
    let created =
        ["CreateLogGroup", "PutRetentionPolicy", "PutPolicyStatements", "PutDeliveryDestination", "PutDeliverySource", "CreateDelivery"];
    assert_eq!(model.converge(Some(&want), None), created);
    model.0.groups.as_mut().expect("read")[0].retained = false;
    let removed = ["DeleteDelivery", "DeleteDeliverySource", "DeleteDeliveryDestination", "RemovePolicyStatements", "DeleteLogGroup"];
    assert_eq!(model.converge(None, None), removed);
    assert_eq!((model.0.deliveries, model.0.policy), (LogDeliveries::default(), vec![]));
}

#[test]
fn a_log_group_that_is_retained_stays() {
    let mut model = delivering(&to_group(&ALL, DeletionPolicy::Retain));
    assert!(!model.converge(None, None).contains(&"DeleteLogGroup"));
}

#[test]
fn the_sources_follow_the_level() {
    let mut model = delivering(&to_group(&ALL[..1], DeletionPolicy::Retain));
    let more = model.converge(Some(&to_group(&ALL, DeletionPolicy::Retain)), None);
    assert_eq!(more, ["PutDeliverySource", "CreateDelivery", "PutDeliverySource", "CreateDelivery"]);
    assert_eq!(model.0.deliveries.deliveries.len(), 3);
    let fewer = model.converge(Some(&to_group(&ALL[..2], DeletionPolicy::Retain)), None);
    assert_eq!(fewer, ["DeleteDelivery", "DeleteDeliverySource"]);
}

#[test]
fn a_log_that_moves_leaves_nothing_behind_and_never_has_two_deliveries() {
    let mut model = delivering(&to_group(&ALL[..1], DeletionPolicy::Retain));
    let moved = model.converge(Some(&to(&ALL[..1], "bucket", "arn:aws:s3:::logs")), None);
    let steps = ["PutDeliveryDestination", "DeleteDelivery", "CreateDelivery", "DeleteDeliveryDestination", "RemovePolicyStatements"];
    assert_eq!(moved, steps);
}

#[test]
fn a_change_by_hand_is_undone() {
    let want = to_group(&ALL[..2], DeletionPolicy::Retain);
    let model = delivering(&want);
    let undone = |change: &dyn Fn(&mut ObservedBusLogs)| {
        let mut changed = Model(model.0.clone());
        change(&mut changed.0);
        changed.converge(Some(&want), None)
    };
    assert_eq!(undone(&|have| drop(have.deliveries.deliveries.pop())), ["CreateDelivery"]);
    assert_eq!(undone(&|have| have.deliveries = LogDeliveries::default()).len(), 5);
    assert_eq!(undone(&|have| have.policy.clear()), ["PutPolicyStatements"]);
    assert_eq!(undone(&|have| have.deliveries.destinations[0].resource_arn = "arn:aws:s3:::x".into()), ["PutDeliveryDestination"]);
    let group =
        |have: &mut ObservedBusLogs| have.groups.as_mut().expect("read")[0].group.as_mut().expect("a log group").retention_days = Some(1);
    assert_eq!(undone(&group), ["PutRetentionPolicy"]);
}

/// A model in which a source of somebody else's delivers one log type of the bus.
fn taken(by: Option<&str>) -> Model {
    let mut model = Model(ObservedBusLogs { groups: Some(vec![]), ..ObservedBusLogs::default() });
    let tags = by.map(tags).unwrap_or_default();
    let source = LogDeliveryStep::PutDeliverySource {
        name: "theirs".into(),
        resource_arn: identity().arn,
        log_type: "INFO_LOGS".into(),
        tags: tags.clone(),
    };
    model.delivery(&source);
    model.delivery(&LogDeliveryStep::PutDeliveryDestination {
        name: "their-group".into(),
        destination_arn: "g".into(),
        tags: tags.clone(),
    });
    model.delivery(&LogDeliveryStep::CreateDelivery {
        name: "theirs".into(),
        destination_arn: arn("delivery-destination:their-group"),
        tags,
    });
    model
}

#[test]
fn a_source_of_others_is_named_and_left_alone() {
    let want = to(&ALL, "bucket", "arn:aws:s3:::logs");
    for (by, adopts) in [(None, "=true"), (Some("i/EventBus/x/y"), "=i/EventBus/x/y")] {
        let error = taken(by).plan(Some(&want), None).expect_err("it is theirs");
        assert_eq!(error.reason, Reason::NotOwned);
        for named in ["theirs", "INFO_LOGS", "event bus b", adopts] {
            assert!(error.message.contains(named), "{named}: {}", error.message);
        }
        assert_eq!(taken(by).plan(None, None), Ok(vec![]), "a deletion leaves it");
        let mut alone = taken(by);
        alone.0.deliveries.deliveries.clear();
        assert_eq!(alone.plan(None, None), Ok(vec![]), "also without a delivery");
    }
}

#[test]
fn an_adopted_source_keeps_its_name_and_sends_to_the_spec_only() {
    let want = to(&ALL[..2], "bucket", "arn:aws:s3:::logs");
    let mut model = taken(None);
    let steps = model.converge(Some(&want), Some("true"));
    assert!(
        steps.starts_with(&["PutDeliveryDestination", "PutDeliverySource", "CreateDelivery", "TagDelivery", "DeleteDelivery"]),
        "{steps:?}"
    );
    let source = model.0.deliveries.sources.iter().find(|source| source.name == "theirs").expect("its name");
    assert_eq!(source.tags.as_ref().and_then(|tags| tags.get(OWNER_TAG)).map(String::as_str), Some(OWNER));
    assert!(model.0.deliveries.destinations.iter().any(|to| to.name == "their-group"), "what receives it is theirs");
    // Without the annotation it stays the object's own, and goes with it.
    assert_eq!(model.plan(Some(&want), None), Ok(vec![]));
    model.converge(None, None);
    assert!(model.0.deliveries.sources.is_empty());
}

#[test]
fn a_source_with_a_delivery_of_others_stays() {
    let want = to(&ALL[..1], "bucket", "arn:aws:s3:::logs");
    let mut model = delivering(&want);
    let destination = LogDeliveryStep::PutDeliveryDestination { name: "theirs".into(), destination_arn: "g".into(), tags: Tags::new() };
    model.delivery(&destination);
    let delivery = Delivery {
        id: "x".into(),
        source: "own-ERROR_LOGS".into(),
        destination_arn: arn("delivery-destination:theirs"),
        tags: Some(Tags::new()),
        ..Delivery::default()
    };
    model.0.deliveries.deliveries.push(delivery);
    assert_eq!(model.plan(Some(&want), None), Ok(vec![]), "an additional delivery is no drift");
    assert_eq!(model.converge(None, None), ["DeleteDelivery", "DeleteDeliveryDestination"]);
    assert_eq!(model.0.deliveries.sources.len(), 1);
}

#[test]
fn log_groups_with_the_default_name_share_a_statement() {
    let default = |bus: &str| statement(&arn(&format!("log-group:/aws/vendedlogs/events/event-bus/{bus}")), bus, &identity());
    assert_eq!(default("a"), default("b"));
    let other = |owner: &str| statement(&arn("log-group:/logs/x"), owner, &identity());
    assert_ne!(sid_of(&other("a")), sid_of(&other("b")));
    assert!(sid_of(&other("a")).is_some_and(|sid| sid.bytes().all(|byte| byte.is_ascii_alphanumeric())));
    // It stays as long as another bus needs it.
    let mut model = delivering(&to_group(&ALL, DeletionPolicy::Retain));
    model.0.others = true;
    assert!(!model.converge(None, None).contains(&"RemovePolicyStatements"));
}

#[test]
fn a_full_policy_is_named_before_a_write() {
    let want = to_group(&ALL, DeletionPolicy::Retain);
    let full: Vec<Value> = vec![json!({"Sid": "Theirs", "Resource": "x".repeat(5_000)})];
    let model = Model(ObservedBusLogs { groups: Some(vec![]), policy: full, ..ObservedBusLogs::default() });
    assert_eq!(model.plan(Some(&want), None).map_err(|error| error.reason), Err(Reason::PolicyFull));
}

#[test]
fn status_lists_what_may_exist_until_all_is_done() {
    let (first, second) = (to_group(&ALL, DeletionPolicy::Delete), to(&ALL[..1], "bucket", "arn:aws:s3:::logs"));
    let planned = intent(None, Some(&first)).expect("a row");
    assert_eq!((planned.sources.len(), planned.destination_arn.clone()), (3, None));
    let done = report(Some(&planned), Some(&first), None, true, &identity()).expect("a row");
    assert_eq!(done.destination_arn.as_ref(), Some(&first.resource_arn));
    assert_eq!(resources(Some(&done), &identity()).len(), 5, "a log group, a destination, three sources");
    let moving = report(Some(&done), Some(&second), None, false, &identity()).expect("a row");
    assert_eq!((moving.destinations.len(), moving.sources.len(), moving.log_groups.len()), (2, 3, 1));
    let moved = report(Some(&moving), Some(&second), None, true, &identity()).expect("a row");
    assert_eq!((moved.destinations, moved.sources.len(), moved.log_groups.len()), (vec!["bucket".to_owned()], 1, 0));
    assert_eq!(report(Some(&moving), None, None, false, &identity()), Some(moving.clone()), "until it is gone");
    assert_eq!(report(Some(&moving), None, None, true, &identity()), None);
}

#[test]
fn only_what_concerns_the_bus_is_looked_at() {
    let source = |name: &str, of: &str| DeliverySource { name: name.into(), resource_arn: of.into(), ..DeliverySource::default() };
    let to = |name: &str| DeliveryDestination { name: name.into(), arn: name.into(), ..DeliveryDestination::default() };
    let delivery = |from: &str, to: &str| Delivery { source: from.into(), destination_arn: to.into(), ..Delivery::default() };
    let all = LogDeliveries {
        sources: vec![source("a", "bus"), source("b", "other"), source("c", "other")],
        destinations: vec![to("x"), to("y"), to("z")],
        deliveries: vec![delivery("a", "x"), delivery("b", "y"), delivery("b", "z")],
    };
    let known = KnownNames { sources: ["c".to_owned()].into(), destinations: ["y".to_owned()].into() };
    let found = all.of("bus", &known);
    let names = |names: Vec<&String>| names.into_iter().cloned().collect::<String>();
    assert_eq!(names(found.sources.iter().map(|source| &source.name).collect()), "ac");
    assert_eq!(names(found.destinations.iter().map(|to| &to.name).collect()), "xy");
    assert_eq!(found.deliveries.len(), 2);
}
