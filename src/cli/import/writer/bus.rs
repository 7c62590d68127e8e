//! Event buses: those that are adopted, and those that rules only refer to.

use std::collections::BTreeMap;

use serde_json::Value;
use tributary_api::{BusLog, DeadLetter, EventBus, EventBusSpec, ExistingEventBus};
use tributary_core::{
    names::{Arn, DEFAULT_BUS, PARTNER_BUS, bus_name, bus_of},
    steps::LogSettings,
};

use super::{Object, Writer, sinks::dead_letter};
use crate::cli::{
    Error,
    import::model::{Bus, Origin},
};

/// Names of the objects of buses, by the name or ARN of the bus.
#[derive(Debug, Default)]
pub(super) struct Buses(BTreeMap<String, String>);

impl Writer<'_> {
    pub(super) fn all_buses(&mut self, buses: Vec<Bus>) -> Result<(), Error> {
        for bus in buses {
            if let Err(reason) = self.adopted_bus(&bus)? {
                self.output.report.left_out.push(crate::cli::import::model::Remark { origin: bus.origin, text: reason });
            }
        }
        Ok(())
    }

    /// Writes the object of a bus that exists in this account.
    fn adopted_bus(&mut self, bus: &Bus) -> Result<Result<(), String>, Error> {
        let mut spec = EventBusSpec { account_ref: self.account_ref(), region: self.place.region.clone(), ..EventBusSpec::default() };
        if bus.name == DEFAULT_BUS {
            spec.name = Some(DEFAULT_BUS.into());
            return self.bus_object(&bus.name, &bus.origin, &spec).map(Ok);
        }
        let dead = bus.settings.dead_letter_arn.as_deref().map(dead_letter).transpose();
        let (dead, log) = match (dead, bus.settings.log.as_ref().map(log).transpose()) {
            (Ok(dead), Ok(log)) => (dead, log),
            (Err(reason), _) | (_, Err(reason)) => return Ok(Err(reason)),
        };
        if bus.name.starts_with(PARTNER_BUS) {
            spec.event_source_name = Some(bus.name.clone());
        } else {
            spec.name = Some(bus.name.clone());
        }
        spec.description.clone_from(&bus.settings.description);
        spec.kms_key_id.clone_from(&bus.settings.kms_key_id);
        spec.log = log;
        spec.tags = (!bus.tags.is_empty()).then(|| bus.tags.clone());
        if let Some(dead) = dead {
            spec.dead_letter = Some(DeadLetter { sink_ref: self.sink_ref(dead, &bus.origin)? });
        }
        self.bus_object(&bus.name, &bus.origin, &spec)?;
        if let Some(arn) = self.scope().map(|scope| scope.bus(&bus.name)) {
            self.grant_arn(&arn);
        }
        Ok(Ok(()))
    }

    /// Returns the name of the object of the bus that a rule names. A bus that is not imported is only referred to.
    pub(super) fn bus_object_of(&mut self, reference: &str, origin: &Origin) -> Result<String, Error> {
        let reference = self.short_reference(reference);
        if let Some(name) = self.buses.0.get(&reference) {
            return Ok(name.clone());
        }
        let origin = Origin { resource: format!("event bus {reference} of {}", origin.resource), place: origin.place.clone() };
        let mut spec = EventBusSpec { account_ref: self.account_ref(), region: self.place.region.clone(), ..EventBusSpec::default() };
        match Arn::parse(&reference) {
            Some(arn) => {
                spec.region = Some(arn.region.to_owned());
                spec.existing = Some(ExistingEventBus { arn: Some(reference.clone()), ..ExistingEventBus::default() });
            }
            None if reference == DEFAULT_BUS => spec.name = Some(DEFAULT_BUS.into()),
            None => spec.existing = Some(ExistingEventBus { name: Some(reference.clone()), ..ExistingEventBus::default() }),
        }
        self.bus_object(&reference, &origin, &spec)?;
        if let (None, Some(arn)) = (&spec.name, self.scope().map(|scope| scope.bus(bus_name(&reference)))) {
            self.grant_arn(if bus_of(&reference).is_some() { &reference } else { &arn });
        }
        Ok(self.buses.0.get(&reference).cloned().unwrap_or_default())
    }

    /// Returns the name of a bus of this account and Region, and the ARN of every other one.
    fn short_reference(&self, reference: &str) -> String {
        let is_here = self.scope().is_some_and(|scope| scope.bus(bus_name(reference)) == reference);
        if is_here { bus_name(reference).to_owned() } else { reference.to_owned() }
    }

    fn bus_object(&mut self, reference: &str, origin: &Origin, spec: &EventBusSpec) -> Result<(), Error> {
        let name = self.names.unique("EventBus", &[bus_name(reference).trim_start_matches(PARTNER_BUS).to_owned()]);
        let is_adopted = spec.existing.is_none() && spec.name.as_deref() != Some(DEFAULT_BUS);
        let object = Object { kind: "EventBus", name: &name, origin, is_adopted, spec };
        let document = self.document::<EventBus>(&object)?;
        self.output.buses.push(document);
        self.buses.0.insert(reference.to_owned(), name);
        Ok(())
    }
}

fn log(log: &LogSettings) -> Result<BusLog, String> {
    let of = |text: &str| Value::String(text.to_owned());
    let level = serde_json::from_value(of(&log.level)).map_err(|error| format!("log level: {error}"))?;
    let detail = (log.detail != "NONE").then(|| serde_json::from_value(of(&log.detail)));
    Ok(BusLog { level, include_detail: detail.transpose().map_err(|error| format!("log detail: {error}"))?, delivery: None })
}
