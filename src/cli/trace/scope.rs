//! Where the records are: log groups that the logs of buses are delivered to, as the account has them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tributary_aws::{PublishOptions, RegionalSession};
use tributary_core::{kinds::bus_logs::LogDeliveries, names::bus_of};

use super::{
    filter::Filter,
    logging::{Level, Logging},
    names::{Names, label},
    resolve::{EventGroup, Resolved, group_of},
};
use crate::cli::{Error, graph::Node};

/// Calls per second and service. CloudWatch Logs has a limit of its own.
const QUOTA: u32 = 10;

/// Where to read, and what.
pub(super) struct Scope {
    /// By Region.
    sessions: BTreeMap<String, RegionalSession>,
    /// Region and name of each log group with records.
    pub(super) groups: BTreeSet<(String, String)>,
    pub(super) event_groups: Vec<EventGroup>,
    pub(super) names: Names,
    pub(super) filter: Filter,
    /// What is missing, and the next step.
    pub(super) notes: Vec<String>,
}

impl Scope {
    /// The log groups that the user named, in the Region of the options.
    ///
    /// # Errors
    /// There is no Region, or AWS rejects the credentials.
    pub(super) async fn of_groups(
        options: PublishOptions,
        groups: &[String],
        event_groups: &[String],
        filter: Filter,
    ) -> Result<Self, Error> {
        let session = RegionalSession::open(options, QUOTA).await?;
        let region = session.region.clone();
        let event_group = |name: &String| EventGroup { name: name.clone(), region: region.clone() };
        Ok(Self {
            groups: groups.iter().map(|group| (region.clone(), group.clone())).collect(),
            event_groups: event_groups.iter().map(event_group).collect(),
            sessions: BTreeMap::from([(region, session)]),
            names: Names::default(),
            filter,
            notes: vec![],
        })
    }

    /// The log groups of the buses.
    ///
    /// # Errors
    /// There is no Region, AWS rejects the credentials, or none of the buses has a log that can be read.
    pub(super) async fn of_buses(options: &PublishOptions, resolved: Resolved, names: Names) -> Result<Self, Error> {
        let mut scope = Self {
            sessions: BTreeMap::new(),
            groups: BTreeSet::new(),
            event_groups: resolved.event_groups,
            names,
            filter: resolved.filter,
            notes: vec![],
        };
        let mut by_region: BTreeMap<String, Vec<Node>> = BTreeMap::new();
        for bus in resolved.buses {
            match bus.aws.as_ref().filter(|aws| !aws.region.is_empty() && !bus.arns.is_empty()) {
                Some(aws) => by_region.entry(aws.region.clone()).or_default().push(bus),
                None => scope.notes.push(format!("{} does not exist in AWS yet. Run `tributary tree` for the cause.", label(&bus))),
            }
        }
        for (region, buses) in by_region {
            let options = PublishOptions { region: Some(region.clone()), ..options.clone() };
            let session = RegionalSession::open(options, QUOTA).await?;
            match session.session.log_deliveries(Duration::ZERO).await {
                Ok(deliveries) => scope.add_buses(&session, &buses, &deliveries).await,
                Err(error) => scope.notes.push(unread_deliveries(&error)),
            }
            scope.sessions.insert(region, session);
        }
        if scope.groups.is_empty() {
            let none = "there is no EventBus here. Set -n NAMESPACE or -A.".to_owned();
            return Err(if scope.notes.is_empty() { none } else { scope.notes.join("\n") }.into());
        }
        Ok(scope)
    }

    async fn add_buses(&mut self, session: &RegionalSession, buses: &[Node], deliveries: &LogDeliveries) {
        let (account, region) = (&session.session.caller.account_id, &session.region);
        for bus in buses {
            let Some((aws, arn)) = bus.aws.as_ref().zip(bus.arns.first()) else { continue };
            if aws.account_id != *account {
                let (bus, owner) = (label(bus), &aws.account_id);
                self.notes.push(format!(
                    "{bus} is in account {owner}, and the credentials are of {account}. Set --profile, or other credentials."
                ));
                continue;
            }
            let found = destinations(deliveries, arn);
            let groups: Vec<(EventGroup, Option<Level>)> =
                found.iter().filter_map(|(log_type, to)| Some((group_of(to)?, Logging::level_of(log_type)))).collect();
            let level = self.level(session, bus, arn).await;
            if groups.is_empty() {
                self.notes.push(no_delivery(bus, level.as_ref(), found.first().map(|(_, to)| *to)));
                continue;
            }
            let delivered = groups.iter().filter_map(|(_, level)| *level).collect();
            if level.as_deref() == Some("OFF") {
                self.notes.push(format!("{} logs nothing: its log level is OFF. Set spec.log.level.", label(bus)));
            }
            let level = level.and_then(|level| level.parse().ok());
            self.names.set_logging(arn, Logging { level, delivered: Some(delivered) });
            self.groups.extend(groups.into_iter().map(|(group, _)| (region.clone(), group.name)));
            self.filter.buses.push(arn.clone());
        }
    }

    /// Returns the log level of the bus in AWS, `OFF` if it has none; `None` if it cannot be read.
    async fn level(&mut self, session: &RegionalSession, bus: &Node, arn: &str) -> Option<String> {
        match session.session.bus(bus_of(arn).unwrap_or(arn)).await {
            Ok(found) => {
                let level = found?.settings.log.map_or_else(|| "OFF".to_owned(), |log| log.level);
                Some(level)
            }
            Err(error) => {
                let why = error.message.trim_end_matches('.').to_owned();
                self.notes.push(format!("the log level of {} is not known: {why}.", label(bus)));
                None
            }
        }
    }

    /// Returns the session of a Region.
    ///
    /// # Errors
    /// The Region is another one than those of the buses.
    pub(super) fn session(&self, region: &str) -> Result<&RegionalSession, String> {
        self.sessions.get(region).ok_or_else(|| format!("Region {region} is not that of the bus."))
    }
}

/// Returns log type and destination of each delivery of the bus.
fn destinations<'a>(all: &'a LogDeliveries, bus_arn: &str) -> Vec<(&'a str, &'a str)> {
    let of_source = |name: &str| all.sources.iter().find(|source| source.name == name && source.resource_arn == bus_arn);
    let to = |arn: &str| all.destinations.iter().find(|destination| destination.arn == arn);
    let found = all.deliveries.iter().filter_map(|delivery| {
        Some((of_source(&delivery.source)?.log_type.as_str(), to(&delivery.destination_arn)?.resource_arn.as_str()))
    });
    found.collect()
}

/// Says that the log of a bus is not delivered to a log group, and what to do.
fn no_delivery(bus: &Node, level: Option<&String>, other: Option<&str>) -> String {
    let next = "Set spec.log.delivery, or name the group with --log-group.";
    let bus = label(bus);
    match (other, level.map(String::as_str)) {
        (Some(other), _) => format!("the log of {bus} is delivered to {other}, which is not read. {next}"),
        (None, Some("OFF")) => format!("the log of {bus} is not delivered anywhere. Set spec.log.level and spec.log.delivery."),
        (None, _) => format!("the log of {bus} is not delivered anywhere. {next}"),
    }
}

fn unread_deliveries(error: &tributary_core::error::ReconcileError) -> String {
    match error.denied_action {
        Some(action) => format!(
            "where the logs of buses are delivered to is not known: the credentials do not allow {action}. Add it to their policy: tributary iam-policy trace. Or name the group with --log-group."
        ),
        None => format!("where the logs of buses are delivered to is not known: {}.", error.message.trim_end_matches('.')),
    }
}
