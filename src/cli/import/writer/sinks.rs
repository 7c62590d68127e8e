//! Sinks: one for each destination with the same role and parameters.

use std::collections::{BTreeMap, BTreeSet};

use tributary_api::{EventSink, EventSinkSpec, SinkRef};
use tributary_core::{names::Arn, steps::TargetSettings};

use super::{Object, Writer};
use crate::cli::{
    Error,
    import::{
        destinations,
        model::{Destination, Origin, Remark},
    },
};

/// Destinations by ARN, and the names of the sinks that were written.
#[derive(Debug)]
pub(super) struct Sinks {
    destinations: BTreeMap<String, Destination>,
    manage: Vec<&'static str>,
    /// Names by spec as JSON.
    written: BTreeMap<String, String>,
    used: BTreeSet<String>,
}

/// A sink to write.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    arn: String,
    spec: EventSinkSpec,
}

impl Sinks {
    pub(super) fn new(destinations: Vec<Destination>, manage: &[&'static str]) -> Self {
        let destinations = destinations.into_iter().map(|destination| (key(&destination.arn), destination)).collect();
        Self { destinations, manage: manage.to_vec(), written: BTreeMap::new(), used: BTreeSet::new() }
    }

    fn is_managed(&self, destination: &Destination) -> bool {
        self.manage.contains(&destination.type_)
    }
}

/// ARNs of log groups are written with `:*` and without.
fn key(arn: &str) -> String {
    arn.trim_end_matches(":*").to_owned()
}

/// Returns the sink for a target.
///
/// # Errors
/// No sink has such a destination.
pub(super) fn of_target(target: &TargetSettings) -> Result<Wanted, String> {
    Ok(Wanted { arn: target.arn.clone(), spec: destinations::existing(target)? })
}

/// Returns the sink for a dead-letter queue.
///
/// # Errors
/// The ARN is not that of a queue.
pub(super) fn dead_letter(arn: &str) -> Result<Wanted, String> {
    Ok(Wanted { arn: arn.to_owned(), spec: destinations::dead_letter(arn)? })
}

impl Writer<'_> {
    /// Returns a reference to the sink, and writes it if it is new.
    pub(super) fn sink_ref(&mut self, wanted: Wanted, origin: &Origin) -> Result<SinkRef, Error> {
        let arn = key(&wanted.arn);
        self.sinks.used.insert(arn.clone());
        let found = self.sinks.destinations.get(&arn).filter(|found| self.sinks.is_managed(found)).cloned();
        // Role and parameters of the target are fields of the sink, also of one with an existing destination.
        let name = match found {
            Some(Destination { origin, managed: Ok(managed), .. }) => {
                let spec = destinations::with_target(managed, &wanted.spec);
                self.sink(&wanted.arn, spec, &origin, true)?
            }
            Some(Destination { origin: of, managed: Err(reason), .. }) => {
                let text = format!("{reason}. The EventSink references the destination and does not manage it.");
                self.output.report.notes.push(Remark { origin: of, text });
                self.sink(&wanted.arn, wanted.spec, origin, false)?
            }
            None => self.sink(&wanted.arn, wanted.spec, origin, false)?,
        };
        Ok(SinkRef { name, namespace: None })
    }

    fn sink(&mut self, arn: &str, spec: EventSinkSpec, origin: &Origin, is_adopted: bool) -> Result<String, Error> {
        let spec = EventSinkSpec { account_ref: self.account_ref(), region: self.place.region.clone(), ..spec };
        let same = serde_json::to_string(&spec)?;
        if let Some(name) = self.sinks.written.get(&same) {
            return Ok(name.clone());
        }
        let parsed = Arn::parse(arn);
        let (service, resource) = parsed.as_ref().map_or(("", arn), |parsed| (parsed.service, parsed.resource));
        let last = last_part(resource);
        let name = self.names.unique("EventSink", &[last.to_owned(), format!("{last}-{service}")]);
        let from = Origin { resource: format!("{} of {}", key(arn), origin.resource), place: origin.place.clone() };
        let origin = if is_adopted { origin } else { &from };
        let document = self.document::<EventSink>(&Object { kind: "EventSink", name: &name, origin, is_adopted, spec: &spec })?;
        self.output.sinks.push(document);
        if is_adopted {
            self.grant_arn(&key(arn));
            let text = "its policy stays as it is, and the operator adds its own statement when it adopts the resource.";
            self.output.report.notes.push(Remark { origin: origin.clone(), text: text.into() });
        }
        self.sinks.written.insert(same, name.clone());
        Ok(name)
    }

    /// Writes managed destinations that no rule sends to, and lists the others.
    pub(super) fn unused_destinations(&mut self) -> Result<(), Error> {
        let unused: Vec<_> =
            self.sinks.destinations.iter().filter(|(arn, _)| !self.sinks.used.contains(*arn)).map(|(_, found)| found.clone()).collect();
        for Destination { origin, type_, arn, managed } in unused {
            let managed_here = self.sinks.manage.contains(&type_);
            let reason = match managed {
                Ok(spec) if managed_here => {
                    self.sink(&arn, spec, &origin, true)?;
                    continue;
                }
                Err(reason) if managed_here => format!("{reason}."),
                Ok(_) => format!("no imported rule sends to it. With --manage {type_}, it becomes a sink."),
                Err(_) => "no imported rule sends to it.".into(),
            };
            self.output.report.left_out.push(Remark { origin, text: reason });
        }
        Ok(())
    }
}

/// Returns the part of an ARN's resource that names it best.
fn last_part(resource: &str) -> &str {
    let resource = resource.trim_end_matches(":*");
    // An API destination ends in an id, a version in a number.
    if let Some(rest) = resource.strip_prefix("api-destination/") {
        return rest.split('/').next().unwrap_or(rest);
    }
    if let Some(group) = resource.strip_prefix("log-group:") {
        return group;
    }
    if let Some(function) = resource.strip_prefix("function:") {
        return function.split(':').next().unwrap_or(function);
    }
    let parts = resource.rsplit([':', '/']);
    let is_name = |part: &&str| !part.is_empty() && !part.chars().all(|c| c.is_ascii_digit() || c == '$' || c == '*');
    parts.clone().find(is_name).unwrap_or(resource)
}
