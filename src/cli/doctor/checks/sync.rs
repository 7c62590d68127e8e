//! PostgreSQL sinks whose messages are not written.

use crate::cli::doctor::{
    finding::{Finding, Severity},
    object::Object,
    snapshot::Snapshot,
};
use tributary_api::EventSinkStatus;

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    snapshot.of_kind("EventSink").filter(|sink| !sink.is_deleting()).filter_map(of_sink).collect()
}

fn of_sink(sink: &Object) -> Option<Finding> {
    let sync = sink.kind_status::<EventSinkStatus>()?.sync?;
    let condition = sync.conditions.iter().find(|condition| condition.type_ == "Syncing" && condition.status == "False")?;
    let message = format!("{}: {} About {} messages wait in the queue.", condition.reason, condition.message, sync.waiting);
    Some(Finding::new("sync-stopped", Severity::Critical, message, sink.describe()).of(sink.reference()).reason(condition.reason.clone()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::tests::*, *};

    #[test]
    fn a_table_that_is_not_written_is_critical() {
        let sink = |status: &str| {
            let sync = json!({"conditions": [condition("Syncing", status, "DatabaseUnavailable", 9)], "waiting": 7});
            Snapshot { objects: vec![object("EventSink", "table", json!({}), json!({"sync": sync}))], ..healthy() }
        };
        let found = check(&sink("False"));
        assert_eq!(found[0].message, "DatabaseUnavailable: message of DatabaseUnavailable About 7 messages wait in the queue.");
        assert_eq!(ids(found), ["sync-stopped"]);
        assert_eq!(ids(check(&sink("True"))), [""; 0]);
    }
}
