//! Which field of a spec a member of a request comes from.

use crate::steps::{ConnectionStep, Step, target_fields};

/// Returns the field that a member comes from; of a target the part below it. `None` if the
/// operator makes the value itself.
pub(super) fn field(call: &str, member: &str) -> Option<&'static str> {
    let service = call.split('.').next().unwrap_or_default();
    if member.to_ascii_lowercase().starts_with("tag") && !member.starts_with("Targets") {
        return Some("spec.tags");
    }
    let of = |pattern: &str| pattern == call || pattern.strip_suffix(".*") == Some(service);
    target_fields()
        .chain(Step::fields())
        .chain(ConnectionStep::FIELDS)
        .find(|(pattern, prefix, _)| of(pattern) && member.starts_with(prefix))
        .map(|(_, _, field)| *field)
}
