//! The events behind IDs of Benchling (`evt_...`), which are in the detail of an event. EventBridge has another ID for each.

use std::collections::BTreeSet;

use serde_json::Value;
use tributary_core::bus_log::BusLogRecord;

use super::read::{Range, Reader};

/// Beginning of the IDs that Benchling assigns.
pub(super) const PREFIX: &str = "evt_";

/// Returns EventBridge's IDs of the events with this ID of Benchling, from a group that the events themselves are delivered to.
///
/// # Errors
/// Why the group cannot be read, and the next step.
pub(super) async fn in_events(reader: &mut Reader<'_>, id: &str, range: Range) -> Result<BTreeSet<String>, String> {
    let lines = reader.lines(Some(format!("{{ $.detail.id = \"{id}\" }}")), range).await?;
    Ok(lines.iter().filter_map(|line| of_event(&line.message, id)).collect())
}

/// Returns the same from the log of a bus, which contains the detail of events with `includeDetail: FULL`.
///
/// # Errors
/// Why the group cannot be read, and the next step.
pub(super) async fn in_bus_log(reader: &mut Reader<'_>, id: &str, range: Range) -> Result<BTreeSet<String>, String> {
    let lines = reader.lines(Some(format!("\"{id}\"")), range).await?;
    Ok(lines.iter().filter_map(|line| of_record(&line.message, id)).collect())
}

fn of_event(message: &str, id: &str) -> Option<String> {
    let event: Value = serde_json::from_str(message).ok()?;
    let is_wanted = event["detail"]["id"] == id;
    event["id"].as_str().filter(|_| is_wanted).map(str::to_owned)
}

fn of_record(message: &str, id: &str) -> Option<String> {
    let record = BusLogRecord::parse(message).ok()?;
    let detail: Value = serde_json::from_str(record.details.event()?.event_detail.as_deref()?).ok()?;
    record.event_id.clone().filter(|_| detail["id"] == id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_event_is_the_one_with_this_id_in_its_detail() {
        let event = json!({"id": "6f", "detail": {"id": "evt_1", "entity": {"id": "evt_2"}}}).to_string();
        assert_eq!((of_event(&event, "evt_1").as_deref(), of_event(&event, "evt_2")), (Some("6f"), None));
        assert_eq!((of_event("evt_1", "evt_1"), of_event("[]", "evt_1")), (None, None));
        let record =
            |detail: &str| json!({"message_type": "EVENT_RECEIPT", "event_id": "6f", "details": {"event_detail": detail}}).to_string();
        assert_eq!(of_record(&record(r#"{"id":"evt_1"}"#), "evt_1").as_deref(), Some("6f"));
        assert_eq!((of_record(&record(r#"{"id":"evt_3"}"#), "evt_1"), of_record(&record("evt_1"), "evt_1")), (None, None));
    }
}
