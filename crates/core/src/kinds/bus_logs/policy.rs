//! The statements of the log resource policy that deliveries of bus logs need.
//!
//! Log groups with the default name share one statement, so that any number of buses fits the 5,120 characters of
//! the policy (ADR 0010). Each other log group has a statement of its own.

use serde_json::{Value, json};

use tributary_api::{EventBus, Identity};

use super::state::{DesiredBusLogs, ObservedBusLogs};
use crate::{
    destinations::logs::{FRAME, POLICY_CHARACTERS, is_wide, plain_sid},
    error::ReconcileError,
    object::key_of,
    ownership,
    policy_document::{canonical, full, our_statement, sid_of},
    steps::{LogsStep, Step},
    view::View,
};

/// Beginning of the default names of log groups for bus logs, as the console has them.
pub(super) const PREFIX: &str = "/aws/vendedlogs/events/event-bus/";
/// `Sid` of the shared statement.
const SHARED: &str = "TributaryBusLogs";

/// Returns the `Sid` of the bus's own statement. CloudWatch Logs requires letters and digits.
fn own_sid(owner: &str) -> String {
    format!("{}BusLogs", plain_sid(&ownership::sid(owner)))
}

fn is_shared(group_arn: &str) -> bool {
    group_arn.contains(&format!(":log-group:{PREFIX}"))
}

/// Returns the statement that lets CloudWatch Logs deliver to the log group (docs/aws-facts.md, LD3).
pub(super) fn statement(group_arn: &str, owner: &str, bus: &Identity) -> Value {
    let Identity { partition, region, account_id, .. } = bus;
    let head = format!("arn:{partition}:logs:{region}:{account_id}");
    let (sid, group) = if is_shared(group_arn) {
        (SHARED.to_owned(), format!("{head}:log-group:{PREFIX}*"))
    } else {
        (own_sid(owner), group_arn.to_owned())
    };
    json!({
        "Sid": sid, "Effect": "Allow", "Principal": {"Service": "delivery.logs.amazonaws.com"},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": format!("{group}:log-stream:*"),
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account_id}, "ArnLike": {"aws:SourceArn": format!("{head}:delivery-source:*")},
        },
    })
}

/// Returns whether other buses of the account and Region need the shared statement.
pub fn needed_by_others(bus: &EventBus, identity: &Identity, view: &View) -> bool {
    let (own, mut needed) = (key_of(bus), false);
    view.each_bus(|other| {
        let Some(there) = other.status.as_ref().and_then(|status| status.common.identity.as_ref()) else { return };
        let same = (&there.account_id, &there.region) == (&identity.account_id, &identity.region);
        let groups = other.status.iter().filter_map(|status| status.log_delivery.as_ref()).flat_map(|row| &row.log_groups);
        needed |= same && key_of(other) != own && groups.clone().any(|group| group.name.starts_with(PREFIX));
    });
    needed
}

/// Returns the step that adds the statement; `None` if the policy has it, or if it is not needed.
///
/// # Errors
/// The policy has no room for the statement.
pub(super) fn grant(want: &DesiredBusLogs, have: &ObservedBusLogs) -> Result<Option<Step>, ReconcileError> {
    let Some((statement, sid)) = want.statement.as_ref().and_then(|statement| Some((statement, sid_of(statement)?))) else {
        return Ok(None);
    };
    let present = our_statement(&have.policy, sid).is_some_and(|present| canonical(present) == canonical(statement));
    if present || is_wide(&have.policy, &want.resource_arn) {
        return Ok(None);
    }
    let kept = have.policy.iter().filter(|other| sid_of(other) != Some(sid));
    let length = FRAME + kept.chain([statement]).map(|statement| statement.to_string().len() + 1).sum::<usize>();
    if length > POLICY_CHARACTERS {
        let why = format!("AWS allows {POLICY_CHARACTERS} characters. Log groups below {PREFIX} share one statement");
        return Err(full(&format!("CloudWatch Logs ({})", want.policy), &why));
    }
    let (instead_of, statements) = (vec![sid.to_owned()], vec![statement.clone()]);
    Ok(Some(LogsStep::PutPolicyStatements { policy: want.policy.clone(), instead_of, statements }.into()))
}

/// Returns the step that removes the statements of the bus that are not wanted any more.
pub(super) fn revoke(want: Option<&DesiredBusLogs>, have: &ObservedBusLogs, owner: &str, policy: String) -> Option<Step> {
    let wanted = want.and_then(|want| sid_of(want.statement.as_ref()?));
    let own = own_sid(owner);
    let ours = |sid: &&str| *sid == own || (*sid == SHARED && !have.others);
    let sids: Vec<_> = have.policy.iter().filter_map(sid_of).filter(ours).filter(|sid| Some(*sid) != wanted).map(str::to_owned).collect();
    (!sids.is_empty()).then(|| LogsStep::RemovePolicyStatements { policy, sids }.into())
}
