//! Reads what an `EventSink` exports: the URLs of its queue as SQS returns them, and the ConfigMaps.

use std::collections::BTreeSet;

use tributary_api::{EventSink, Identity};
use tributary_core::{destinations::sqs, error::ReconcileError, export::ObservedExport, plan::Depth};

use crate::{cluster::config_maps, observe::Cloud};

/// Reads the export of a sink. SQS is read only for a sink that exports a queue.
pub(super) async fn read(
    sink: &EventSink,
    cloud: &Cloud<'_>,
    identity: &Identity,
    names: &BTreeSet<String>,
) -> Result<ObservedExport, ReconcileError> {
    let namespace = sink.metadata.namespace.as_deref().unwrap_or_default();
    let config_maps = config_maps::read(cloud.client, namespace, names).await?;
    let mut observed = ObservedExport { config_maps, ..ObservedExport::default() };
    let is_queue = sink.spec.sqs.is_some() || sink.spec.postgres.is_some();
    if sink.spec.export_to.is_some() && is_queue {
        let session = cloud.session(Depth::Owner).await?;
        observed.queue_url = Some(session.queue_to_read(&identity.name).await?);
        if sink.managed_queue().is_some_and(|queue| queue.dead_letter.is_some()) {
            observed.dead_letter_url = Some(session.queue_to_read(&sqs::dead_letter_name(&identity.name)).await?);
        }
    }
    Ok(observed)
}
