//! Change events: calls of the AWS API that CloudTrail recorded, and the objects whose AWS resources they changed. Pure.
//!
//! What an `AwsAccount` creates in AWS to receive them is in `kinds/change_events.rs`.

mod affected;
mod calls;
mod events;
mod iam;
mod own;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use crate::recorded_call::{DETAIL_TYPE_END, RecordedCall};

pub use affected::{ObjectKey, affected};
pub use calls::{canonical, changed};
pub use own::is_own;

/// Returns the event pattern of the rule that receives change events: successful calls that change something, of the services whose
/// resources objects stand for. Read-only calls do not match a rule in state `ENABLED` (docs/aws-facts.md, CT2); `readOnly` excludes
/// those whose names do not show it.
pub fn pattern() -> Value {
    let services = calls::services();
    let sources: Vec<_> = services.iter().map(|service| format!("aws.{service}")).collect();
    let endpoints: Vec<_> = services.iter().map(|service| format!("{service}.amazonaws.com")).collect();
    json!({
        "source": sources,
        "detail-type": [{"suffix": DETAIL_TYPE_END}],
        "detail": {
            "eventSource": endpoints,
            "eventName": [{"anything-but": calls::minor()}],
            "readOnly": [false],
            "managementEvent": [true],
            "errorCode": [{"exists": false}],
        },
    })
}

/// Returns the text of a Kubernetes Event that names who changed a resource.
pub fn description(call: &RecordedCall) -> String {
    let request = call.request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default();
    format!("changed by {} at {}: {}{request}", call.caller, call.time, call.name)
}
