//! Resolves the triggers of a queue from the spec of its sink.

use tributary_api::{Identity, Tags, Trigger};

use crate::{
    destinations::{
        shared::context::{ResolveContext, in_scope},
        triggers::{DesiredTrigger, filters},
    },
    error::ReconcileError,
    steps::{FunctionRef, MappingSettings},
};

/// Returns the desired triggers of the sink's queue, and why another is not permitted: AWS has no
/// mapping for that one.
///
/// # Errors
/// A function is in another account or Region, or Lambda would reject a filter.
pub(crate) fn resolve(
    context: &ResolveContext<'_>,
    identity: &Identity,
) -> Result<(Vec<DesiredTrigger>, Option<ReconcileError>), ReconcileError> {
    let triggers = context.sink.spec.sqs.as_deref().map(|spec| spec.triggers.as_slice()).unwrap_or_default();
    let (mut permitted, mut refused) = (Vec::new(), None);
    for (index, trigger) in triggers.iter().enumerate() {
        let field = format!("spec.sqs.triggers[{index}]");
        if let Err(error) = permit(&field, trigger, context) {
            refused = refused.or(Some(error));
            continue;
        }
        in_scope(&format!("{field}.functionArn"), &trigger.function_arn, identity)?;
        filters::check(&field, trigger.filter_criteria.as_ref())?;
        permitted.push(desired(trigger, &context.tags(None)));
    }
    Ok((permitted, refused))
}

/// Returns the desired state of a trigger. The batch size defaults to 10, the batching window to 0
/// seconds.
fn desired(trigger: &Trigger, tags: &Tags) -> DesiredTrigger {
    DesiredTrigger {
        function: FunctionRef::from_arn(&trigger.function_arn),
        settings: MappingSettings {
            batch_size: trigger.batch_size.unwrap_or(10),
            maximum_batching_window_seconds: trigger.maximum_batching_window_seconds.unwrap_or(0),
            maximum_concurrency: trigger.maximum_concurrency,
            report_batch_item_failures: trigger.report_batch_item_failures,
            enabled: true,
            filters: filters::patterns(trigger.filter_criteria.as_ref()),
            kms_key_arn: trigger.kms_key_arn.clone(),
        },
        tags: tags.clone(),
    }
}

/// Checks that the account's grants allow the function and the key of a trigger. Events do not
/// depend on them: the queue receives these without the trigger too.
fn permit(field: &str, trigger: &Trigger, context: &ResolveContext<'_>) -> Result<(), ReconcileError> {
    let named = [("functionArn", Some(&trigger.function_arn)), ("kmsKeyArn", trigger.kms_key_arn.as_ref())];
    let mut named = named.into_iter().filter_map(|(name, arn)| Some((name, arn?)));
    named.try_for_each(|(name, arn)| context.view.permit_arn(context.account, context.namespace(), &format!("{field}.{name}"), arn))
}
