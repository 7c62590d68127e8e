//! The objects of `tributary dev webhook`: of manifests, or of a few flags.

use std::{collections::BTreeSet, path::PathBuf};

use kube::Resource;
use serde_json::{Value, json};

use tributary_api::{BenchlingApp, EventRule};
use tributary_core::{
    kinds::of_manifest,
    object::key_of,
    objects::{Objects, fixed},
    settings::Settings,
    view::View,
};

use crate::{
    cli::{
        Error,
        manifests::{self, Inventory, Problem},
    },
    dev::{DevObjects, DevRule},
};

/// An app without manifests.
#[derive(Clone, Debug)]
pub(super) struct App {
    pub(super) tenant: String,
    pub(super) definition: String,
    pub(super) event_types: Vec<String>,
    pub(super) schemas: Vec<SchemaFlag>,
}

/// A schema, and the field that fills the value column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SchemaFlag {
    id: String,
    field: Option<String>,
}

impl std::str::FromStr for SchemaFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, field) = text.split_once('=').map_or((text, None), |(id, field)| (id, Some(field.to_owned())));
        if id.is_empty() || field.as_ref().is_some_and(String::is_empty) {
            return Err("must be ID or ID=FIELD, such as ts_Pl4smid=Notes".into());
        }
        Ok(Self { id: id.to_owned(), field })
    }
}

/// What cannot be used of the manifests.
pub(super) struct Problems(pub(super) Vec<Problem>);

/// Returns the objects of the manifests.
///
/// # Errors
/// What cannot be read, or does not fit its schema.
pub(super) fn of_files(paths: &[PathBuf]) -> Result<DevObjects, Problems> {
    let mut inventory = Inventory::new(manifests::read(paths));
    let mut objects = DevObjects::default();
    let view = inventory.view(0);
    // Later manifests of one object come first in the view.
    view.each_app(|app| add(&mut objects.apps, app));
    view.each_bus(|bus| add(&mut objects.buses, bus));
    view.each_sink(|sink| add(&mut objects.sinks, sink));
    let mut problems = std::mem::take(&mut inventory.problems);
    for found in &inventory.rules {
        match of_manifest(&found.rule, &inventory.view(found.unit)) {
            Ok(manifest) => objects.rules.push(DevRule { rule: found.rule.clone(), subject: manifest.subject }),
            Err(message) => problems.push(found.problem(message)),
        }
    }
    if objects.apps.is_empty() && problems.is_empty() {
        problems.push(Problem { file: "input".into(), place: None, message: "no BenchlingApp found. Correct the path.".into() });
    }
    if problems.is_empty() { Ok(objects) } else { Err(Problems(problems)) }
}

fn add<K: Resource<DynamicType = ()> + Clone>(all: &mut Vec<K>, object: &K) {
    if !all.iter().any(|other| key_of(other) == key_of(object)) {
        all.push(object.clone());
    }
}

/// Namespace and name of the objects of flags.
const NAME: &str = "dev";

/// Returns an app, a rule and a sink for the flags.
///
/// # Errors
/// A flag has a value that the API does not accept.
pub(super) fn of_flags(app: &App) -> Result<DevObjects, Error> {
    let metadata = json!({"namespace": NAME, "name": NAME});
    let object =
        |kind: &str, spec: Value| json!({"apiVersion": "tributary.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec});
    let spec = json!({"tenants": [app.tenant], "appDefinitionId": app.definition, "busRef": {"name": NAME}});
    let benchling_app: BenchlingApp = serde_json::from_value(object("BenchlingApp", spec))?;
    let types: BTreeSet<&String> = app.event_types.iter().collect();
    let rule: EventRule = serde_json::from_value(object(
        "EventRule",
        json!({"busRef": {"kind": "BenchlingApp", "name": NAME}, "benchling": {"eventTypes": types},
            "targets": [{"name": NAME, "sinkRef": {"name": NAME}}]}),
    ))?;
    let schemas: Vec<_> = app.schemas.iter().map(|schema| json!({"id": schema.id, "field": schema.field})).collect();
    // The database is that of the URL.
    let database = json!({"host": "localhost", "name": NAME, "user": NAME, "passwordSecretRef": {"name": NAME}});
    let postgres = json!({"appRef": {"name": NAME}, "database": database, "schemas": schemas});
    let sink = serde_json::from_value(object("EventSink", json!({"postgres": postgres})))?;
    let objects = Objects { apps: fixed([benchling_app.clone()]), ..Objects::default() };
    let view = View {
        objects,
        settings: std::sync::Arc::new(Settings::default()),
        resolved_arn: None,
        resolved_definition: None,
        now: k8s_openapi::jiff::Timestamp::now(),
    };
    let subject = of_manifest(&rule, &view).map_err(|message| format!("--event-type: {message}"))?.subject;
    Ok(DevObjects { apps: vec![benchling_app], buses: vec![], sinks: vec![sink], rules: vec![DevRule { rule, subject }] })
}
