//! From a recorded call to the ARNs of the resources that it changed. Destinations contribute the calls of their services.

use std::collections::BTreeSet;

use crate::{
    destinations::Type,
    names::{Arn, Scope},
    recorded_call::{RecordedCall, ServiceCalls},
};

use super::{events, iam};

/// The entries of all services. A service can have several.
pub(super) fn all() -> impl Iterator<Item = &'static ServiceCalls> {
    [&events::CALLS, &iam::CALLS].into_iter().chain(Type::ALL.iter().filter_map(|type_| type_.recorded_calls()))
}

/// The services, as ARNs name them.
pub(super) fn services() -> BTreeSet<&'static str> {
    all().map(|entry| entry.service).collect()
}

/// The names of calls that are not of interest.
pub(super) fn minor() -> BTreeSet<&'static str> {
    all().flat_map(|entry| entry.minor).copied().collect()
}

/// Returns the canonical ARNs of the resources that the call changed; none for a call that changes no configuration.
pub fn changed(call: &RecordedCall, partition: &str) -> BTreeSet<String> {
    if call.error_code.is_some() || minor().contains(call.name.as_str()) {
        return BTreeSet::new();
    }
    let entries = all().filter(|entry| entry.service == call.service);
    entries.flat_map(|entry| (entry.changed)(call, call.scope(partition))).map(|arn| canonical(&arn)).collect()
}

/// Returns the ARN without what differs between the ARNs of one resource, such as the path of a role or the version of a function.
pub fn canonical(arn: &str) -> String {
    let Some(parsed) = Arn::parse(arn) else { return arn.to_owned() };
    let mut entries = all().filter(|entry| entry.service == parsed.service);
    let resource = entries.find_map(|entry| (entry.canonical)(parsed.resource));
    resource.map_or_else(|| arn.to_owned(), |resource| Scope::of_arn(&parsed).arn(parsed.service, &resource))
}

/// Returns the canonical ARNs by which calls concern a resource: its own, and that of what it shares with others.
pub(super) fn keys(arn: &str, installation: &str) -> Vec<String> {
    let mut keys = vec![canonical(arn)];
    if let Some(parsed) = Arn::parse(arn) {
        let entries = all().filter(|entry| entry.service == parsed.service);
        let shared = entries.filter_map(|entry| (entry.shared)(installation, parsed.resource));
        keys.extend(shared.map(|resource| Scope::of_arn(&parsed).arn(parsed.service, &resource)));
    }
    keys
}
