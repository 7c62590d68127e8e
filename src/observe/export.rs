//! Reads what an `EventSink` exports: the URLs that only AWS knows, and the ConfigMaps.

use std::collections::BTreeSet;

use tributary_api::{EventSink, Identity};
use tributary_core::{destinations::Type, error::ReconcileError, export::ObservedExport, plan::Depth};

use crate::{cluster::exports, observe::Cloud};

/// Reads the export of a sink. AWS is read only for a sink that exports a URL.
pub(super) async fn read(
    sink: &EventSink,
    cloud: &Cloud<'_>,
    identity: &Identity,
    names: &BTreeSet<String>,
) -> Result<ObservedExport, ReconcileError> {
    let namespace = sink.metadata.namespace.as_deref().unwrap_or_default();
    let config_maps = exports::read(cloud.client, namespace, names).await?;
    let mut observed = ObservedExport { config_maps, ..ObservedExport::default() };
    let consumed = if sink.spec.export_to.is_some() { Type::of(sink)?.consumed(sink, identity) } else { vec![] };
    if !consumed.is_empty() {
        let session = cloud.session(Depth::Owner).await?;
        for resource in consumed {
            let url = session.queue_to_read(&resource.name).await?;
            observed.urls.insert(resource.name, url);
        }
    }
    Ok(observed)
}
