//! Recorded calls about API destinations and their connections. AWS generates the end of their ARNs, which requests do not have.

use crate::{
    names::Scope,
    recorded_call::{RecordedCall, ServiceCalls, nothing_shared},
};

const SERVICE: &str = "events";
/// End of the names of the calls, and first part of the resource in ARNs.
const TYPES: [(&str, &str); 2] = [("ApiDestination", "api-destination"), ("Connection", "connection")];

pub(super) const CALLS: ServiceCalls = ServiceCalls { service: SERVICE, changed, canonical, shared: nothing_shared, minor: &[] };

fn changed(call: &RecordedCall, scope: Scope<'_>) -> Vec<String> {
    let type_ = TYPES.iter().find(|(end, _)| call.name.ends_with(end));
    type_.zip(call.parameter("name")).map(|((_, type_), name)| scope.arn(SERVICE, &format!("{type_}/{name}"))).into_iter().collect()
}

fn canonical(resource: &str) -> Option<String> {
    let (type_, rest) = resource.split_once('/')?;
    TYPES.iter().any(|(_, known)| *known == type_).then(|| format!("{type_}/{}", rest.split('/').next().unwrap_or_default()))
}
