//! What an `EventSink` exports to its ConfigMap (`spec.exportTo`): the values that a consumer of the
//! destination needs, named like environment variables.

use std::collections::{BTreeMap, BTreeSet};

use tributary_api::{EventSink, EventSinkStatus, Identity};

use crate::{
    destinations::{Type, target},
    error::ReconcileError,
    export::{self, ExportProgress, ObservedExport},
    steps::Step,
};

/// The name of the ConfigMap in the spec.
fn config_map(sink: &EventSink) -> Option<&String> {
    sink.spec.export_to.as_ref().map(|export| &export.config_map.name)
}

/// Returns the ConfigMaps of the spec and of the status.
pub(super) fn names(sink: &EventSink, status: &EventSinkStatus) -> BTreeSet<String> {
    config_map(sink).into_iter().chain(&status.exported_to).cloned().collect()
}

/// Records the ConfigMaps that are, or may be, written.
pub(super) fn record(sink: &EventSink, status: &mut EventSinkStatus, progress: ExportProgress) {
    match progress {
        ExportProgress::Planned => status.exported_to = names(sink, status).into_iter().collect(),
        ExportProgress::Done => status.exported_to = config_map(sink).into_iter().cloned().collect(),
    }
}

/// Returns the steps to what the spec exports. Nothing is exported before AWS has an ARN for the
/// destination.
///
/// # Errors
/// The ConfigMap belongs to another owner.
pub(super) fn plan(sink: &EventSink, status: &EventSinkStatus, observed: &ObservedExport) -> Result<Vec<Step>, ReconcileError> {
    let with_status = EventSink { status: Some(status.clone()), ..sink.clone() };
    let known = target::arn(&with_status).zip(status.common.identity.as_ref());
    let desired = match config_map(sink).zip(known) {
        Some((name, (arn, identity))) => Some((name.as_str(), data(Type::of(sink)?, sink, arn, identity, observed))),
        None => None,
    };
    export::plan(sink, desired, observed)
}

/// The data of the ConfigMap.
fn data(type_: Type, sink: &EventSink, arn: &str, identity: &Identity, observed: &ObservedExport) -> BTreeMap<String, String> {
    let common = [
        ("TYPE", type_.name()),
        ("ARN", arn),
        ("NAME", identity.name.as_str()),
        ("REGION", identity.region.as_str()),
        ("ACCOUNT_ID", identity.account_id.as_str()),
    ];
    let common = common.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
    let consumed = type_.consumed(sink, identity).into_iter().flat_map(|consumed| {
        let url = observed.urls.get(&consumed.name).cloned();
        let values = [("ARN", Some(consumed.arn)), ("URL", url)];
        values.into_iter().filter_map(move |(key, value)| Some((format!("{}{key}", consumed.prefix), value?)))
    });
    common.chain(consumed).collect()
}
