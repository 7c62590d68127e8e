//! Objects of AWS Controllers for Kubernetes (ACK) and of Crossplane's provider of Upbound, as manifests or as a cluster returns them.

mod ack;
mod crossplane;

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;
use tributary_core::names::{Arn, Scope};

use super::{
    declared::{self, Declared},
    model::{Origin, Place, Resources},
    values::text,
};
use crate::cli::{
    Error,
    manifests::{self, Document},
};

/// The objects, and what they do not say.
#[derive(Args, Clone, Debug)]
pub(super) struct ObjectFlags {
    /// Files and folders with manifests, such as `kubectl get -o yaml` prints them. `-` reads standard input.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// AWS Region. Defaults to that in the objects.
    #[arg(long, env = "AWS_REGION")]
    region: Option<String>,
    /// AWS account ID. Defaults to that in the status of the objects.
    #[arg(long, value_name = "ID")]
    account_id: Option<String>,
}

/// An object of another operator.
struct Object {
    origin: Origin,
    /// Service, such as `eventbridge`.
    service: String,
    kind: String,
    value: Value,
}

impl Object {
    fn name(&self) -> &str {
        self.value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns a text by its JSON pointer.
    fn at(&self, pointer: &str) -> Option<String> {
        self.value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    }
}

/// Reads objects.
///
/// # Errors
/// A file cannot be read.
pub(super) fn read(flags: &ObjectFlags) -> Result<Resources, Error> {
    let input = manifests::read(&flags.paths);
    if let Some(problem) = input.problems.first() {
        return Err(problem.to_string().into());
    }
    let (mut of_ack, mut of_crossplane, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for document in input.units.iter().flatten() {
        for (origin, value) in objects(document) {
            let api = text(&value, "apiVersion").unwrap_or_default();
            let group = api.split('/').next().unwrap_or_default();
            let kind = text(&value, "kind").unwrap_or_default();
            let service = group.split('.').next().unwrap_or_default().to_owned();
            let object = Object { origin, service, kind, value };
            match group {
                _ if group.ends_with(".services.k8s.aws") => of_ack.push(object),
                _ if group.ends_with(".aws.upbound.io") || group.ends_with(".aws.m.upbound.io") => of_crossplane.push(object),
                _ => others.push(object.origin),
            }
        }
    }
    let place = place(flags, of_ack.iter().chain(&of_crossplane));
    let mut all: Vec<Declared> = ack::declared(&of_ack, &place);
    all.extend(crossplane::declared(&of_crossplane, &place));
    let mut resources = declared::collect(all, place);
    others.iter().for_each(|origin| resources.leave_out(origin, "it is no object of ACK or of Crossplane."));
    Ok(resources)
}

/// Returns the objects of a document: one, or the items of a `List`.
fn objects(document: &Document) -> Vec<(Origin, Value)> {
    let list = document.node.get("items").filter(|_| document.node.text("kind").is_some_and(|kind| kind.ends_with("List")));
    let nodes = list.map_or_else(|| vec![&document.node], |items| items.items().iter().collect());
    let object = |node: &manifests::yaml::Node| {
        let value = node.value();
        let (kind, api) = (text(&value, "kind").unwrap_or_default(), text(&value, "apiVersion").unwrap_or_default());
        let name = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let place = format!("{}:{}:{}", document.file, node.place.line, node.place.column);
        (Origin { resource: format!("{kind}.{} {name}", api.split('/').next().unwrap_or_default()), place: Some(place) }, value)
    };
    nodes.into_iter().map(object).collect()
}

/// Returns account and Region, from the flags or from the status of the objects.
fn place<'a>(flags: &ObjectFlags, objects: impl Iterator<Item = &'a Object>) -> Place {
    let mut place = Place { partition: None, region: flags.region.clone(), account_id: flags.account_id.clone() };
    for object in objects {
        let arn = object.at("/status/ackResourceMetadata/arn").or_else(|| object.at("/status/atProvider/arn")).unwrap_or_default();
        if let Some(arn) = Arn::parse(&arn).filter(|arn| !arn.account_id.is_empty() && !arn.region.is_empty()) {
            place.partition.get_or_insert(arn.partition.to_owned());
            place.region.get_or_insert(arn.region.to_owned());
            place.account_id.get_or_insert(arn.account_id.to_owned());
        }
        let region = object.at("/spec/forProvider/region").or_else(|| object.at("/status/ackResourceMetadata/region"));
        place.region = place.region.or(region);
        place.account_id = place.account_id.or_else(|| object.at("/status/ackResourceMetadata/ownerAccountID"));
    }
    place
}

/// Returns the scope of all resources, if it is known.
fn scope(place: &Place) -> Option<Scope<'_>> {
    let partition = place.partition.as_deref().unwrap_or("aws");
    Some(Scope { partition, region: place.region.as_deref()?, account_id: place.account_id.as_deref()? })
}
