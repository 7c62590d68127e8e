//! What status notes of the writes for an `EventSink`, so that what was written is removed however the
//! spec has changed since. Only what AWS cannot tag needs a note, and roles, whose path may change.

use tributary_api::{EventSinkStatus, Written, WrittenType};

use crate::{destinations::Desired, steps::Step};

/// Notes what the steps may write, before the first of them. Nothing that is noted is replaced.
pub(super) fn note(status: &mut EventSinkStatus, target: &Desired, steps: &[Step]) {
    let roles = [(WrittenType::InvocationRole, target.invocation_role()), (WrittenType::ExecutionRole, target.execution_role())];
    for (type_, role) in roles {
        if let Some(arn) = role {
            status.note(Written { type_, value: arn.clone() });
        }
    }
    for (type_, value) in steps.iter().filter_map(|step| written(step, target)) {
        status.note(Written { type_, value });
    }
}

/// Returns what the step writes, where AWS has no tag for it.
fn written(step: &Step, target: &Desired) -> Option<(WrittenType, String)> {
    if step.puts_statement() {
        return Some((WrittenType::Statement, target.grants().sid.clone()));
    }
    step.untagged().map(|(type_, value)| (type_, value.clone()))
}

/// Drops the notes of what is removed, once AWS matches the spec.
pub(super) fn settle(status: &mut EventSinkStatus, target: &Desired) {
    let needed = |written: &Written| {
        let value = Some(&written.value);
        match written.type_ {
            WrittenType::Statement => true,
            WrittenType::InvocationRole => target.invocation_role() == value,
            WrittenType::ExecutionRole => target.execution_role() == value,
            WrittenType::PermissionsBoundary => target.boundaries().any(|boundary| Some(boundary) == value),
            WrittenType::FailureDestination => target.failure_destination() == value,
        }
    };
    // A version that noted one value only noted it here.
    let former = status.wrote(WrittenType::FailureDestination).cloned().collect::<Vec<_>>();
    for value in former {
        status.note(Written { type_: WrittenType::FailureDestination, value });
    }
    status.written.retain(needed);
    status.invocation_role_arn = status.invocation_role_arn.take().filter(|arn| target.invocation_role() == Some(arn));
    let noted = |arn: &&String| status.written.iter().any(|w| w.type_ == WrittenType::FailureDestination && w.value == **arn);
    status.on_failure_arn = target.failure_destination().filter(noted).cloned();
}

/// Drops all notes, once the operator has removed all that it wrote.
pub(super) fn clear(status: &mut EventSinkStatus) {
    status.grants.clear();
    status.written.clear();
    (status.invocation_role_arn, status.execution_role_arn, status.on_failure_arn) = (None, None, None);
}
