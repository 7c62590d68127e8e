//! Statements in the policy of a function: one for each rule, or for all rules of a bus.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    destinations::{
        lambda::state::{DesiredLambda, ObservedLambda},
        shared::grants,
    },
    error::{Reason, ReconcileError, RetryClass},
    names::short_hash,
    policy_document::{full, sid_of, single_source},
    steps::{LambdaStep, Step},
};

/// Size of a function's policy that statements can use, in bytes. The rest up to [`LIMIT`] is room
/// for a bus-wide statement, which is added before the statements that it replaces are removed.
const POLICY_BYTES: usize = 19_000;
/// Maximum size of a function's policy, in bytes (Lambda quotas).
const LIMIT: usize = 20_480;

/// Returns the id of the statement for a source.
fn statement_id(sid: &str, source: &str) -> String {
    format!("{sid}-{}", short_hash(source, 12))
}

/// Returns the statement as AWS stores it (docs/aws-facts.md, L1, L2).
pub fn statement(sid: &str, function_arn: &str, source: &str) -> Value {
    json!({
        "Sid": statement_id(sid, source),
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": function_arn,
        "Condition": {"ArnLike": {"AWS:SourceArn": source}},
    })
}

/// Returns the sources of the operator's statements by `Sid`.
pub(super) fn ours(policy: &[Value], sid: &str) -> BTreeMap<String, String> {
    let prefix = format!("{sid}-");
    let ours = policy.iter().filter_map(|statement| Some((sid_of(statement)?, statement))).filter(|(sid, _)| sid.starts_with(&prefix));
    ours.map(|(sid, statement)| {
        let source = single_source(statement, "ArnLike", "AWS:SourceArn").into_iter().next().unwrap_or_default();
        let allows = statement.get("Effect").and_then(Value::as_str) == Some("Allow");
        (sid.to_owned(), if allows { source } else { String::new() })
    })
    .collect()
}

/// Returns the sources that the operator's statements allow.
pub fn granted(observed: &ObservedLambda, sid: &str) -> BTreeSet<String> {
    ours(observed.policy.as_deref().unwrap_or_default(), sid).into_values().filter(|source| !source.is_empty()).collect()
}

/// Returns the sources that the policy allows after all steps, next to the statements of others.
pub(super) fn sources_in_policy(want: &DesiredLambda, observed: Option<&ObservedLambda>) -> BTreeSet<String> {
    let (sid, arn) = (&want.grants.sid, &want.grants.arn);
    let nothing = ObservedLambda::default();
    let have = observed.unwrap_or(&nothing);
    let size = |source: &str| statement(sid, arn, source).to_string().len() + 1;
    grants::collapse(&want.grants.to_hold(&granted(have, sid), &have.live), room(have, sid), size)
}

/// Returns how many bytes of the policy the statements of others leave.
fn room(have: &ObservedLambda, sid: &str) -> usize {
    let prefix = format!("{sid}-");
    let foreign = have.policy.iter().flatten().filter(|statement| !sid_of(statement).is_some_and(|sid| sid.starts_with(&prefix)));
    POLICY_BYTES.saturating_sub(foreign.map(|statement| statement.to_string().len() + 1).sum())
}

/// Returns the steps that update the operator's statements. New statements are added before old
/// ones are removed, so that delivery is not interrupted.
///
/// # Errors
/// The function does not exist, or its policy has no room for the statements.
pub(super) fn policy_steps(want: &DesiredLambda, observed: Option<&ObservedLambda>) -> Result<Vec<Step>, ReconcileError> {
    let function = &want.function;
    let Some(policy) = observed.and_then(|have| have.policy.as_deref()) else {
        return Err(ReconcileError::new(
            RetryClass::Refused,
            Reason::TargetNotFound,
            format!(
                "spec.lambda.existing: AWS has no function {}. Deploy it, or create an EventSink with the correct ARN. A version or an alias must exist too.",
                want.grants.arn
            ),
        ));
    };
    let sid = &want.grants.sid;
    let sources = sources_in_policy(want, observed);
    let size: usize = sources.iter().map(|source| statement(sid, &want.grants.arn, source).to_string().len() + 1).sum();
    if let Some(have) = observed
        && size > room(have, sid)
    {
        return Err(full(&format!("function {function}"), "Lambda allows 20,480 bytes, and other statements use most of them"));
    }
    let present = ours(policy, sid);
    let wanted: BTreeMap<_, _> = sources.iter().map(|source| (statement_id(sid, source), source)).collect();
    let remove = |sid: &String| LambdaStep::RemovePermission { function: function.clone(), sid: sid.clone() }.into();
    let mut add: Vec<Step> = Vec::new();
    for (sid, source) in &wanted {
        match present.get(sid) {
            Some(there) if there == *source => continue,
            // AWS rejects a second statement with the same id, even an equal one
            // (docs/aws-facts.md, L7).
            Some(_) => add.push(remove(sid)),
            None => {}
        }
        add.push(LambdaStep::AddPermission { function: function.clone(), sid: sid.clone(), source: (*source).clone() }.into());
    }
    let stale = present.iter().filter(|(sid, _)| !wanted.contains_key(*sid));
    let bytes = |source: &str| statement(sid, &want.grants.arn, source).to_string().len() + 1;
    let all: usize = policy.iter().map(|s| s.to_string().len() + 1).sum();
    let crowded = all + add.iter().filter_map(added).map(bytes).sum::<usize>() > LIMIT;
    // If old and new statements do not fit together, remove first those that no desired source
    // needs.
    let first = |source: &str| crowded && !sources.iter().any(|wanted| grants::covers(wanted, source));
    let (first, last): (Vec<_>, Vec<_>) = stale.partition(|(_, source)| first(source));
    let gone = |stale: Vec<(&String, &String)>| stale.into_iter().map(|(sid, _)| remove(sid)).collect::<Vec<_>>();
    Ok(gone(first).into_iter().chain(add).chain(gone(last)).collect())
}

/// Returns the source of the statement that the step adds.
fn added(step: &Step) -> Option<&str> {
    match step {
        Step::Lambda(LambdaStep::AddPermission { source, .. }) => Some(source),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{destinations::shared::grants::Grants, steps::FunctionRef};

    const ARN: &str = "arn:aws:lambda:eu-west-1:111122223333:function:handle";

    #[test]
    fn a_hundred_rules_fit_and_foreign_statements_are_not_touched() {
        let sources: BTreeSet<_> = (0..100).map(|n| format!("arn:aws:events:eu-west-1:111122223333:rule/bus/rule-{n:03}")).collect();
        let grants = Grants { arn: ARN.into(), sid: "tributary-0".into(), wanted: sources.clone(), sources, forgotten: false };
        let want = DesiredLambda { function: FunctionRef::from_arn(ARN), grants, on_failure: None, unresolved: None };
        let foreign = json!({"Sid": "theirs", "Effect": "Allow"});
        let have = ObservedLambda { policy: Some(vec![foreign]), ..ObservedLambda::default() };
        let steps = policy_steps(&want, Some(&have)).expect("it fits");
        assert_eq!(steps.len(), 1, "{steps:?}");
        assert!(matches!(&steps[0], Step::Lambda(LambdaStep::AddPermission { source, .. }) if source.ends_with("rule/bus/*")));
        let crowded = ObservedLambda { policy: Some(vec![json!({"Sid": "x".repeat(19_000)})]), ..ObservedLambda::default() };
        assert_eq!(policy_steps(&want, Some(&crowded)).map_err(|error| error.reason), Err(Reason::PolicyFull));
    }
}
