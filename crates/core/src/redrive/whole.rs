//! What an approval of a redrive is of: its spec, because its steps are the letters that are in the queue at each moment.

use tributary_api::{EventRedrive, EventRedriveStatus};

use crate::{object::ObjectMetaExt, plan::Whole};

/// Returns what is approved. Nothing once the redrive ended.
pub(crate) fn whole(redrive: &EventRedrive) -> Option<Whole> {
    if redrive.status.as_ref().is_some_and(EventRedriveStatus::finished) {
        return None;
    }
    let sink = &redrive.spec.sink_ref;
    let namespace = sink.namespace.as_deref().unwrap_or(redrive.own_namespace());
    let line = format!("send the messages in EventSink {namespace}/{} that the spec selects to their targets, and delete them", sink.name);
    Some(Whole { line, content: serde_json::to_string(&redrive.spec).unwrap_or_default() })
}
