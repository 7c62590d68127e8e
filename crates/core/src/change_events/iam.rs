//! Recorded calls of IAM: which role a call changes. Requests name a role without its path, so that the path does not count: names
//! are unique in an account.

use crate::{
    names::Scope,
    recorded_call::{RecordedCall, ServiceCalls, nothing_shared},
};

const ROLE: &str = "role/";

pub(super) const CALLS: ServiceCalls = ServiceCalls { service: "iam", changed, canonical, shared: nothing_shared, minor: &[] };

fn changed(call: &RecordedCall, scope: Scope<'_>) -> Vec<String> {
    call.parameter("roleName").map(|name| scope.role("/", name)).into_iter().collect()
}

fn canonical(resource: &str) -> Option<String> {
    let path = resource.strip_prefix(ROLE)?;
    Some(format!("{ROLE}{}", path.rsplit('/').next().unwrap_or_default()))
}
