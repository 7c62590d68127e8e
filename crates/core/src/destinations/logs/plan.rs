//! Steps of a log group: create or update it with its policy, or delete it.

use crate::{
    destinations::logs::{
        policy::{leaving, policy_name, policy_step, sids},
        state::{DesiredLogGroup, DesiredLogs, ObservedLogGroup, ObservedLogs},
    },
    error::{Reason, ReconcileError, RetryClass},
    ownership,
    plan::PlanContext,
    steps::{LogsStep, Step},
};

pub(super) fn plan(
    desired: Option<&DesiredLogs>,
    observed: Option<&ObservedLogs>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let nothing = ObservedLogs::default();
    let have = observed.unwrap_or(&nothing);
    let Some(want) = desired else { return Ok(remove(have, context)) };
    let mut steps = Vec::new();
    match (&want.managed, &have.group) {
        (Some(managed), group) => {
            let names = (want.name.as_str(), want.grants.arn.as_str());
            steps.extend(group_steps("spec.logGroup.managed", names, managed, group.as_ref(), context)?);
        }
        (None, Some(_)) => {}
        (None, None) => {
            return Err(ReconcileError::new(
                RetryClass::Refused,
                Reason::TargetNotFound,
                format!(
                    "spec.logGroup.existing: AWS has no log group {}. Create it, correct the ARN, or set spec.logGroup.managed.",
                    want.name
                ),
            ));
        }
    }
    steps.extend(policy_step(want, have)?);
    Ok(steps)
}

/// Returns the steps of a managed log group with this name and ARN. `field` is that of its settings.
///
/// # Errors
/// The log group has another owner or another class.
pub(crate) fn group_steps(
    field: &str,
    (group, arn): (&str, &str),
    managed: &DesiredLogGroup,
    have: Option<&ObservedLogGroup>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let name = || group.to_owned();
    let mut steps: Vec<Step> = Vec::new();
    let Some(have) = have else {
        let (class, kms_key_arn, tags) = (managed.class.clone(), managed.kms_key_arn.clone(), managed.tags.clone());
        steps.push(LogsStep::CreateLogGroup { name: name(), class, kms_key_arn, tags }.into());
        steps.extend(managed.retention_days.map(|days| LogsStep::PutRetentionPolicy { name: name(), days }.into()));
        return Ok(steps);
    };
    if let Some(tags) = &have.tags {
        ownership::check(&format!("log group {group}"), tags, context)?;
        let (tags, keys) = ownership::tag_changes(&managed.tags, tags, context);
        if !tags.is_empty() {
            steps.push(LogsStep::TagLogGroup { arn: arn.to_owned(), tags }.into());
        }
        if !keys.is_empty() {
            steps.push(LogsStep::UntagLogGroup { arn: arn.to_owned(), keys }.into());
        }
    }
    if managed.class.is_some() && have.class.is_some() && managed.class != have.class {
        return Err(ReconcileError::invalid(
            Reason::InvalidSpec,
            format!("{field}.class: log group {group} exists with another class, which AWS cannot change. Choose another name."),
        ));
    }
    match (managed.retention_days, have.retention_days) {
        (Some(days), present) if present != Some(days) => steps.push(LogsStep::PutRetentionPolicy { name: name(), days }.into()),
        (None, Some(_)) => steps.push(LogsStep::DeleteRetentionPolicy { name: name() }.into()),
        _ => {}
    }
    match (&managed.kms_key_arn, &have.kms_key_arn) {
        (Some(key), present) if present.as_ref() != Some(key) => {
            steps.push(LogsStep::AssociateKmsKey { name: name(), kms_key_arn: key.clone() }.into());
        }
        (None, Some(_)) => steps.push(LogsStep::DisassociateKmsKey { name: name() }.into()),
        _ => {}
    }
    Ok(steps)
}

/// Returns the steps of a deletion: the log group unless it is retained or belongs to another owner,
/// and the operator's statements.
fn remove(have: &ObservedLogs, context: &PlanContext<'_>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let what = format!("log group {}", context.identity.name);
    let deletes =
        |group: &ObservedLogGroup| !context.retain && group.tags.as_ref().is_none_or(|tags| ownership::may_delete(&what, tags, context));
    if have.group.as_ref().is_some_and(deletes) {
        steps.push(LogsStep::DeleteLogGroup { name: context.identity.name.clone() }.into());
    }
    let installation = context.owner.split('/').next().unwrap_or_default();
    let sids = leaving(have, &sids(&ownership::sid(context.owner)), &context.identity.arn);
    // A rule that has no object still sends by the statements.
    if !sids.is_empty() && have.live.is_empty() {
        steps.push(LogsStep::RemovePolicyStatements { policy: policy_name(installation), sids }.into());
    }
    steps
}
