//! Resources of other accounts, to which EventBridge delivers with a role of the rule's account
//! (EventBridge user guide, "Sending events to an AWS service in another account"; docs/aws-facts.md,
//! PM50). Nothing of the resource is read or written: its owner adds a statement to its policy.

use serde_json::{Value, json};

use tributary_api::{EventSink, Identity, Permissions};

use crate::{
    destinations::{
        Desired,
        by_role::{self, DesiredByRole},
        contract::Destination,
        shared::{context::ResolveContext, grants},
    },
    error::{Reason, ReconcileError},
    names::{Arn, is_foreign},
    steps::TargetSettings,
};

/// Returns the identity of a sink's resource. One of another account has to be of a type that
/// EventBridge delivers to across accounts, in the Region of the sink.
///
/// # Errors
/// See [`Destination::identity`]; the resource is in another partition or Region.
pub(super) fn identity<D: Destination>(context: &ResolveContext<'_>) -> Result<Identity, ReconcileError> {
    let Some(existing) = D::existing(context)? else { return D::identity(context) };
    let (field, arn) = (&existing.0, existing.1);
    let Some(parsed) = Arn::parse(arn).filter(|parsed| D::is_delivered_across_accounts(parsed)) else { return D::identity(context) };
    if parsed.account_id == context.account.spec.account_id {
        return D::identity(context);
    }
    let identity = context.foreign_identity(&existing)?;
    if (parsed.partition, parsed.region) == (identity.partition.as_str(), identity.region.as_str()) {
        return Ok(identity);
    }
    Err(ReconcileError::invalid(
        Reason::InvalidSpec,
        format!(
            "{field}: {arn} is not in partition {} and Region {}, which spec.accountRef and spec.region select. EventBridge delivers to another \
             account only in the Region of the rule. Correct the ARN or the fields.",
            identity.partition, identity.region
        ),
    ))
}

/// Returns the desired state of a sink. If its resource belongs to another account, that is a role.
///
/// # Errors
/// See [`Destination::desired`]; the spec has what the operator cannot set up in another account.
pub(super) fn desired<D: Destination>(context: &ResolveContext<'_>, identity: &Identity) -> Result<Desired, ReconcileError>
where
    Desired: From<D::Desired>,
{
    if !is_foreign(identity) {
        return D::desired(context, identity).map(Into::into);
    }
    check::<D>(context.sink, &identity.arn)?;
    let desired = by_role::desired::<D>(context, identity)?;
    let role = context.sink.spec.role_arn.as_ref().or(desired.role.as_ref().map(|role| &role.arn));
    let by_role = role.and_then(|role| statement::<D>(&desired.grants.sid, identity, role));
    // EventBridge sends dead letters itself, not with the role.
    let sources = grants::dead_lettered(context.sink, context.view);
    let dead_letters = sources
        .iter()
        .enumerate()
        .filter_map(|(index, source)| D::policy_statement(&format!("{}DeadLetter{index}", desired.grants.sid), &identity.arn, source));
    let statements_there = by_role.into_iter().chain(dead_letters).collect();
    Ok(DesiredByRole { statements_there, ..desired }.into())
}

fn check<D: Destination>(sink: &EventSink, arn: &str) -> Result<(), ReconcileError> {
    if let Some(field) = D::not_across_accounts(sink) {
        let message = format!("{field}: {arn} belongs to another account, where the operator makes no changes. Remove the field.");
        return Err(ReconcileError::invalid(Reason::InvalidSpec, message));
    }
    if sink.spec.permissions == Permissions::External && sink.spec.role_arn.is_none() {
        let message =
            format!("spec.roleArn: required, because {arn} belongs to another account and spec.permissions is External. Set roleArn.");
        return Err(ReconcileError::invalid(Reason::InvalidSpec, message));
    }
    Ok(())
}

/// Returns the statement that allows the role. A principal of a policy has to exist: the condition
/// names the role, so that the statement can be added before the role exists.
fn statement<D: Destination>(sid: &str, identity: &Identity, role: &str) -> Option<Value> {
    let target = TargetSettings { arn: identity.arn.clone(), ..TargetSettings::default() };
    let action = D::calls(&target).first().map(|(action, _)| *action)?;
    if !D::POLICY_HAS_CONDITIONS {
        return Some(json!({"Sid": sid, "Effect": "Allow", "Principal": {"AWS": role}, "Action": action, "Resource": identity.arn}));
    }
    Some(json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": format!("arn:{}:iam::{}:root", identity.partition, identity.account_id)},
        "Action": action,
        "Resource": identity.arn,
        "Condition": {"ArnEquals": {"aws:PrincipalArn": role}},
    }))
}
