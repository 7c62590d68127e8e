//! What an `EventSink` exports to its ConfigMap (`spec.exportTo`): the values that a consumer of the
//! destination needs, named like environment variables.

use std::collections::{BTreeMap, BTreeSet};

use tributary_api::{EventSink, EventSinkStatus, Identity};

use crate::{
    destinations::{sqs::dead_letter_name, target},
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
    let known = status.type_.as_deref().zip(target::arn(&with_status)).zip(status.common.identity.as_ref());
    let desired = config_map(sink).zip(known);
    let desired = desired.map(|(name, ((type_, arn), identity))| (name.as_str(), data(type_, arn, identity, observed)));
    export::plan(sink, desired, observed)
}

/// The data of the ConfigMap.
fn data(type_: &str, arn: &str, identity: &Identity, observed: &ObservedExport) -> BTreeMap<String, String> {
    let all = [
        ("TYPE", Some(type_.to_owned())),
        ("ARN", Some(arn.to_owned())),
        ("NAME", Some(identity.name.clone())),
        ("REGION", Some(identity.region.clone())),
        ("ACCOUNT_ID", Some(identity.account_id.clone())),
        ("URL", observed.queue_url.clone()),
        ("DEAD_LETTER_ARN", observed.dead_letter_url.as_ref().map(|_| dead_letter_name(arn))),
        ("DEAD_LETTER_URL", observed.dead_letter_url.clone()),
    ];
    all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}
