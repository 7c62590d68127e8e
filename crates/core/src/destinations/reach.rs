//! Whether a rule or bus may send to a sink yet, and the target that it then puts. Pure; reads the sink's status, never AWS.

use tributary_api::{EventSink, Identity, Permissions};

use crate::{
    destinations::{Type, grants, sqs, type_of},
    error::{Reason, ReconcileError, RetryClass},
    names,
    object::key_of,
    steps::{HttpSettings, TargetSettings, TaskSettings},
    view::View,
};

/// The target that a rule puts for this sink, once EventBridge may deliver to it. `source` is the ARN of the rule.
pub fn target(field: &str, sink: &EventSink, place: &Identity, source: &str, view: &View) -> Result<TargetSettings, ReconcileError> {
    within_reach(field, sink, place)?;
    let arn = arn(sink).ok_or_else(|| not_ready(field, sink, "is not there yet"))?.clone();
    if sink.spec.role_arn.is_none() {
        permitted(field, sink, source, view)?;
    } else if !exists(sink) {
        return Err(not_ready(field, sink, "is not ready"));
    }
    let message_group_id = sink.spec.sqs.as_ref().and_then(|sqs| sqs.message_group_id.clone());
    if type_of(sink)? == Type::Sqs && sqs::is_fifo(&arn) && message_group_id.is_none() {
        return Err(ReconcileError::blocked(
            Reason::InvalidSpec,
            format!(
                "{field}: EventSink {} is a FIFO queue, to which EventBridge cannot deliver without spec.sqs.messageGroupId. Set it there",
                key_of(sink)
            ),
        ));
    }
    let role_arn = role(sink);
    if type_of(sink)?.needs_role() && role_arn.is_none() {
        return Err(not_ready(field, sink, "has no role yet"));
    }
    Ok(TargetSettings {
        arn,
        role_arn,
        message_group_id,
        partition_key_path: sink.spec.kinesis.as_ref().and_then(|stream| stream.partition_key_path.clone()),
        http: sink.spec.api_destination.as_ref().and_then(|api| api.http.as_ref()).map(|http| HttpSettings {
            headers: http.headers.clone(),
            query: http.query.clone(),
            path: http.path.clone(),
        }),
        task: sink.spec.ecs_task.as_ref().map(|task| TaskSettings {
            definition_arn: task.task_definition_arn.clone(),
            count: task.task_count.unwrap_or(1),
            launch_type: task.launch_type.map(|launch_type| <&str>::from(launch_type).to_owned()),
            subnets: task.network.iter().flat_map(|network| network.subnets.iter().cloned()).collect(),
            security_groups: task.network.iter().flat_map(|network| network.security_groups.iter().cloned()).collect(),
            assign_public_ip: task.network.as_ref().is_some_and(|network| network.assign_public_ip),
        }),
        ..TargetSettings::default()
    })
}

/// What a target or a dead letter names: known before the thing exists, but for an API destination of ours, whose ARN AWS makes up.
pub fn arn(sink: &EventSink) -> Option<&String> {
    let status = sink.status.as_ref()?;
    if sink.managed_api().is_some() {
        return status.api_destination_arn.as_ref();
    }
    status.common.identity.as_ref().map(|identity| &identity.arn)
}

/// The role by which EventBridge gets in: the one that the spec names, or ours where the destination is reached by one.
fn role(sink: &EventSink) -> Option<String> {
    let ours = || sink.status.as_ref().and_then(|status| status.invocation_role_arn.clone());
    sink.spec.role_arn.clone().or_else(ours)
}

/// Whether an event may be changed on its way there: not on the way to a bus of another account or Region (API reference, `Target`).
pub fn takes_changed_events(sink: &EventSink, place: &Identity) -> bool {
    if sink.spec.event_bus.is_none() {
        return true;
    }
    arn(sink)
        .and_then(|arn| names::Arn::parse(arn))
        .is_some_and(|arn| (arn.account_id, arn.region) == (place.account_id.as_str(), place.region.as_str()))
}

/// The ARN of the queue that takes what could not be delivered. `source` is the ARN of the rule or bus. A dead letter comes from the service
/// itself: it needs the queue's policy even where the target has a role.
pub fn dead_letter(field: &str, sink: &EventSink, place: &Identity, source: &str, view: &View) -> Result<String, ReconcileError> {
    let arn = standard_queue(field, sink, place)?;
    permitted(field, sink, source, view)?;
    Ok(arn)
}

/// The ARN of a standard queue in the same account and region that exists.
pub fn standard_queue(field: &str, sink: &EventSink, place: &Identity) -> Result<String, ReconcileError> {
    let identity = within_reach(field, sink, place)?;
    let not_fit = |why: &str| ReconcileError::blocked(Reason::InvalidSpec, format!("{field}: EventSink {} {why}", key_of(sink)));
    if type_of(sink)? != Type::Sqs {
        return Err(not_fit("is no queue; AWS takes only a standard SQS queue here"));
    }
    if sqs::is_fifo(&identity.arn) {
        return Err(not_fit("is a FIFO queue; AWS takes only a standard queue as dead-letter queue"));
    }
    Ok(identity.arn.clone())
}

fn not_ready(field: &str, sink: &EventSink, what: &str) -> ReconcileError {
    ReconcileError::blocked(Reason::SinkNotReady, format!("{field}: EventSink {} {what}; see its conditions", key_of(sink)))
}

/// Whether AWS has it, as far as its status knows.
pub fn exists(sink: &EventSink) -> bool {
    sink.status.as_ref().is_some_and(|status| {
        let arn = arn(sink);
        status.common.is_ready() || status.common.resources.iter().any(|resource| Some(&resource.arn) == arn)
    })
}

fn within_reach<'a>(field: &str, sink: &'a EventSink, place: &Identity) -> Result<&'a Identity, ReconcileError> {
    let identity = sink.status.as_ref().and_then(|status| status.common.identity.as_ref());
    let identity = identity.ok_or_else(|| not_ready(field, sink, "is not ready"))?;
    if (&identity.account_id, &identity.region) == (&place.account_id, &place.region) {
        return Ok(identity);
    }
    Err(ReconcileError::blocked(
        Reason::InvalidSpec,
        format!(
            "{field}: EventSink {} is in account {} and region {}, and what refers to it in {} and {}. AWS delivers within one account and region only; use a sink there",
            key_of(sink),
            identity.account_id,
            identity.region,
            place.account_id,
            place.region
        ),
    ))
}

/// Whether the sink's policy lets `source` send, for long enough that AWS honours it.
fn permitted(field: &str, sink: &EventSink, source: &str, view: &View) -> Result<(), ReconcileError> {
    let status = sink.status.as_ref().ok_or_else(|| not_ready(field, sink, "is not ready"))?;
    if sink.spec.permissions == Permissions::External {
        return if status.common.is_ready() { Ok(()) } else { Err(not_ready(field, sink, "is not ready")) };
    }
    let grant = status
        .grants
        .iter()
        .find(|grant| grants::covers(&grant.source, source))
        .ok_or_else(|| not_ready(field, sink, "does not let this rule send yet"))?;
    if grant.usable_after.0 > view.now {
        return Err(ReconcileError::new(
            RetryClass::Until(grant.usable_after.0),
            Reason::PermissionSettling,
            format!("{field}: EventSink {} has the permission, and AWS may take until {} to honour it", key_of(sink), grant.usable_after.0),
        ));
    }
    Ok(())
}
