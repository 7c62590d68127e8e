//! Recorded calls of Step Functions: which state machine a call changes.

use crate::{
    names::Scope,
    recorded_call::{RecordedCall, ServiceCalls, nothing_shared},
};

const SERVICE: &str = "states";
const PREFIX: &str = "stateMachine:";

pub(super) const CALLS: ServiceCalls = ServiceCalls {
    service: SERVICE,
    changed,
    canonical: |resource| Some(canonical(resource)),
    shared: nothing_shared,
    minor: &[
        "StartExecution",
        "StartSyncExecution",
        "StopExecution",
        "RedriveExecution",
        "SendTaskSuccess",
        "SendTaskFailure",
        "SendTaskHeartbeat",
    ],
};

fn changed(call: &RecordedCall, scope: Scope<'_>) -> Vec<String> {
    if let Some(arn) = call.parameter("stateMachineArn").or_else(|| call.parameter("resourceArn")) {
        return vec![arn.to_owned()];
    }
    let created = call.parameter("name").filter(|_| call.name == "CreateStateMachine");
    created.map(|name| scope.arn(SERVICE, &format!("{PREFIX}{name}"))).into_iter().collect()
}

/// A version or an alias is part of its state machine.
fn canonical(resource: &str) -> String {
    let Some(name) = resource.strip_prefix(PREFIX) else { return resource.to_owned() };
    format!("{PREFIX}{}", name.split(':').next().unwrap_or_default())
}
