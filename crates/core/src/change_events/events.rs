//! Recorded calls of EventBridge: which rule, bus, archive or replay a call changes.

use crate::{
    names::{self, Arn, DEFAULT_BUS, Scope},
    recorded_call::{RecordedCall, ServiceCalls, nothing_shared},
};

const SERVICE: &str = "events";
/// First parts of the resources in ARNs.
const TYPES: [&str; 4] = ["rule/", "event-bus/", "archive/", "replay/"];

pub(super) const CALLS: ServiceCalls = ServiceCalls {
    service: SERVICE,
    changed,
    canonical: |resource| TYPES.iter().any(|type_| resource.starts_with(type_)).then(|| resource.to_owned()),
    shared: nothing_shared,
    minor: &["PutEvents", "PutPartnerEvents"],
};

fn changed(call: &RecordedCall, scope: Scope<'_>) -> Vec<String> {
    let bus = call.parameter("eventBusName").unwrap_or(DEFAULT_BUS);
    let arn = |type_: &str, parameter: &str| call.parameter(parameter).map(|name| scope.arn(SERVICE, &format!("{type_}/{name}")));
    let found = match call.name.as_str() {
        "TagResource" | "UntagResource" => call.parameter("resourceARN").map(str::to_owned),
        "PutTargets" | "RemoveTargets" => call.parameter("rule").map(|rule| rule_on(bus, rule, scope)),
        "PutPermission" | "RemovePermission" => Some(bus_arn(bus, scope)),
        name if name.ends_with("Rule") => call.parameter("name").map(|rule| rule_on(bus, rule, scope)),
        // The bus of a partner event source has its name.
        name if name.ends_with("EventBus") || name.ends_with("EventSource") => call.parameter("name").map(|bus| bus_arn(bus, scope)),
        name if name.ends_with("Archive") => arn("archive", "archiveName"),
        name if name.ends_with("Replay") => arn("replay", "replayName"),
        _ => None,
    };
    found.into_iter().collect()
}

/// Returns the ARN of the rule on a bus that a call names by name or ARN.
fn rule_on(bus: &str, rule: &str, scope: Scope<'_>) -> String {
    Arn::parse(bus).as_ref().map_or(scope, Scope::of_arn).rule(names::bus_name(bus), rule)
}

fn bus_arn(bus: &str, scope: Scope<'_>) -> String {
    if names::is_bus_arn(bus) { bus.to_owned() } else { scope.bus(bus) }
}
