//! Recorded calls of SNS: which topic a call changes.

use crate::{
    names::Scope,
    recorded_call::{RecordedCall, ServiceCalls, nothing_shared},
};

pub(super) const CALLS: ServiceCalls = ServiceCalls {
    service: "sns",
    changed,
    canonical: |resource| Some(resource.to_owned()),
    shared: nothing_shared,
    minor: &["ConfirmSubscription", "Subscribe", "Unsubscribe"],
};

fn changed(call: &RecordedCall, scope: Scope<'_>) -> Vec<String> {
    if let Some(arn) = call.parameter("topicArn").or_else(|| call.parameter("resourceArn")) {
        return vec![arn.to_owned()];
    }
    let created = call.parameter("name").filter(|_| call.name == "CreateTopic");
    created.map(|name| scope.arn("sns", name)).into_iter().collect()
}
