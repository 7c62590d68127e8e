//! Turns resources into manifests: sinks first, then buses, then rules. An object is written only if it says all that AWS has of its
//! resource, so that adopting it changes nothing.

mod bus;
mod names;
mod rule;
mod sinks;
mod yaml;

use kube::CustomResourceExt;
use serde::Serialize;
use serde_json::Value;
use tributary_api::AccountRef;
use tributary_core::names::{Arn, Scope};

use super::{
    model::{Origin, Place, Remark, Resources},
    report::{Report, Written},
};
use crate::cli::Error;
use names::Names;
use sinks::Sinks;
use yaml::Manifest;

/// What all manifests have in common, and which destinations they manage.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) namespace: Option<String>,
    /// Name of the `AwsAccount`.
    pub(super) account: Option<String>,
    /// Values of `--manage`.
    pub(super) manage: Vec<&'static str>,
}

/// Documents by kind, and the report.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) sinks: Vec<String>,
    pub(super) buses: Vec<String>,
    pub(super) rules: Vec<String>,
    pub(super) report: Report,
}

/// Returns the manifests of all resources.
///
/// # Errors
/// An object cannot be serialized.
pub(super) fn write(resources: Resources, options: &Options) -> Result<Output, Error> {
    let Resources { place, buses, rules, destinations, left_out, unread, notes } = resources;
    let report = Report { left_out, unread, notes, ..Report::default() };
    let mut writer = Writer {
        sinks: Sinks::new(destinations, &options.manage),
        buses: bus::Buses::default(),
        output: Output { report, ..Output::default() },
        names: Names::default(),
        options,
        place,
    };
    writer.all_buses(buses)?;
    writer.all_rules(rules)?;
    writer.unused_destinations()?;
    let report = &mut writer.output.report;
    report.objects.sort_by_key(|object| ["EventSink", "EventBus"].iter().position(|kind| *kind == object.kind).unwrap_or(2));
    report.left_out.sort_by_cached_key(in_file);
    report.notes.sort_by_cached_key(in_file);
    report.notes.dedup();
    Ok(writer.output)
}

/// Returns the order of remarks: by file, line and column, then by resource.
fn in_file(remark: &Remark) -> (Option<String>, Vec<u64>, Remark) {
    let mut parts = remark.origin.place.as_deref().unwrap_or_default().rsplitn(3, ':').collect::<Vec<_>>();
    parts.reverse();
    let numbers = parts.iter().skip(1).filter_map(|part| part.parse().ok()).collect();
    (parts.first().map(|file| (*file).to_owned()), numbers, remark.clone())
}

struct Writer<'a> {
    options: &'a Options,
    place: Place,
    names: Names,
    sinks: Sinks,
    buses: bus::Buses,
    output: Output,
}

/// An object to write.
struct Object<'a, S> {
    kind: &'static str,
    name: &'a str,
    origin: &'a Origin,
    is_adopted: bool,
    spec: &'a S,
}

impl Writer<'_> {
    fn account_ref(&self) -> Option<AccountRef> {
        self.options.account.as_ref().map(|name| AccountRef { name: name.clone(), ..AccountRef::default() })
    }

    /// Returns the account and Region, if they are known.
    fn scope(&self) -> Option<Scope<'_>> {
        let Place { partition, region, account_id } = &self.place;
        let partition = partition.as_deref().unwrap_or("aws");
        Some(Scope { partition, region: region.as_deref()?, account_id: account_id.as_deref()? })
    }

    /// Returns one document, and enters the object into the report.
    fn document<K: CustomResourceExt>(&mut self, object: &Object<'_, impl Serialize>) -> Result<String, Error> {
        let Object { kind, name, origin, is_adopted, spec } = *object;
        let from = origin.to_string();
        let manifest = Manifest { name, namespace: self.options.namespace.as_deref(), is_adopted, from: &from };
        let text = yaml::document::<K>(&manifest, spec)?;
        self.grant(&serde_json::to_value(spec)?);
        self.output.report.objects.push(Written { kind, name: name.to_owned(), from, is_adopted });
        Ok(text)
    }

    /// Enters all ARNs of a spec into the grants that the account has to give.
    fn grant(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.grant_arn(text),
            Value::Array(items) => items.iter().for_each(|item| self.grant(item)),
            // Patterns name ARNs that the object does not use.
            Value::Object(map) => map.iter().filter(|(name, _)| *name != "eventPattern").for_each(|(_, value)| self.grant(value)),
            _ => {}
        }
    }

    fn grant_arn(&mut self, text: &str) {
        let Some(arn) = Arn::parse(text) else { return };
        let report = &mut self.output.report;
        let all = if arn.service == "iam" && arn.resource.starts_with("role/") { &mut report.roles } else { &mut report.arns };
        all.insert(text.to_owned());
    }
}
