//! The `lambda` sink: our statements in a function's policy, and the failure destination of its asynchronous invocations. Pure.
//!
//! A statement lets one rule in, or all rules of a bus (Lambda API reference, `AddPermission`; docs/aws-facts.md, L1 to L15).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    destinations::grants::{self, Grants},
    error::{Reason, ReconcileError, RetryClass},
    names::short_hash,
    ownership,
    plan::PlanContext,
    policy_document::{sid_of, single_source},
    steps::{FunctionRef, InvokeSettings, LambdaStep, Step},
};

/// AWS's limit for a function's policy is 20,480 bytes. The rest is room for a bus-wide statement to be added before those go that it
/// stands for.
const POLICY_BYTES: usize = 19_000;
const LIMIT: usize = 20_480;

#[derive(Clone, Debug, Serialize)]
pub struct DesiredLambda {
    pub function: FunctionRef,
    pub grants: Grants,
    /// ARN of the queue that takes what the function failed to work off.
    pub on_failure: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedLambda {
    /// `None`: there is no such function, version or alias.
    pub policy: Option<Vec<Value>>,
    /// Asked for only where the sink has, or had, a failure destination.
    pub invoke: Option<InvokeSettings>,
    /// The failure destination that this sink set before.
    pub on_failure_before: Option<String>,
    /// Rules that no object here stands for any more, and that still send to the function.
    pub live: BTreeSet<String>,
}

/// Function and qualifier of an ARN.
pub fn function_of(arn: &str) -> FunctionRef {
    // arn:partition:lambda:region:account:function:name[:qualifier]
    match arn.match_indices(':').nth(6) {
        Some((at, _)) => FunctionRef { arn: arn[..at].to_owned(), qualifier: Some(arn[at + 1..].to_owned()) },
        None => FunctionRef { arn: arn.to_owned(), qualifier: None },
    }
}

fn statement_id(sid: &str, source: &str) -> String {
    format!("{sid}-{}", short_hash(source, 12))
}

/// The statement as AWS keeps it (docs/aws-facts.md, L1, L2).
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

/// Our statements: `Sid` to source.
fn ours(policy: &[Value], sid: &str) -> BTreeMap<String, String> {
    let prefix = format!("{sid}-");
    let ours = policy.iter().filter_map(|statement| Some((sid_of(statement)?, statement))).filter(|(sid, _)| sid.starts_with(&prefix));
    ours.map(|(sid, statement)| {
        let source = single_source(statement, "ArnLike", "AWS:SourceArn").into_iter().next().unwrap_or_default();
        let allows = statement.get("Effect").and_then(Value::as_str) == Some("Allow");
        (sid.to_owned(), if allows { source } else { String::new() })
    })
    .collect()
}

/// The sources that our statements let in.
pub fn granted(observed: &ObservedLambda, sid: &str) -> BTreeSet<String> {
    ours(observed.policy.as_deref().unwrap_or_default(), sid).into_values().filter(|source| !source.is_empty()).collect()
}

/// The sources as they stand in the policy, next to what others have there.
pub fn sources_in_policy(want: &DesiredLambda, observed: Option<&ObservedLambda>) -> BTreeSet<String> {
    let (sid, arn) = (&want.grants.sid, &want.grants.arn);
    let nothing = ObservedLambda::default();
    let have = observed.unwrap_or(&nothing);
    let size = |source: &str| statement(sid, arn, source).to_string().len() + 1;
    grants::collapse(&want.grants.to_hold(&granted(have, sid), &have.live), room(have, sid), size)
}

/// What others leave us of the policy.
fn room(have: &ObservedLambda, sid: &str) -> usize {
    let prefix = format!("{sid}-");
    let foreign = have.policy.iter().flatten().filter(|statement| !sid_of(statement).is_some_and(|sid| sid.starts_with(&prefix)));
    POLICY_BYTES.saturating_sub(foreign.map(|statement| statement.to_string().len() + 1).sum())
}

pub fn plan(
    desired: Option<&DesiredLambda>,
    observed: Option<&ObservedLambda>,
    context: &PlanContext<'_>,
) -> Result<Vec<Step>, ReconcileError> {
    let nothing = ObservedLambda::default();
    let have = observed.unwrap_or(&nothing);
    let function = desired.map_or_else(|| function_of(&context.identity.arn), |want| want.function.clone());
    if let Some(want) = desired {
        let mut steps = policy_steps(want, observed)?;
        steps.extend(invoke_step(function, want.on_failure.as_ref(), have, context)?);
        return Ok(steps);
    }
    let sids = ours(have.policy.as_deref().unwrap_or_default(), &ownership::sid(context.owner)).into_keys();
    let mut steps: Vec<Step> = sids.map(|sid| LambdaStep::RemovePermission { function: function.clone(), sid }.into()).collect();
    steps.extend(invoke_step(function, None, have, context)?);
    Ok(steps)
}

/// What puts our statements in order: new ones first, so that nobody is without one in between.
pub fn policy_steps(want: &DesiredLambda, observed: Option<&ObservedLambda>) -> Result<Vec<Step>, ReconcileError> {
    let function = &want.function;
    let Some(policy) = observed.and_then(|have| have.policy.as_deref()) else {
        return Err(ReconcileError::new(
            RetryClass::Refused,
            Reason::TargetNotFound,
            format!(
                "spec.lambda.existing: AWS has no function {}. Deploy it, or make another EventSink with the right ARN; a version or an alias must exist too",
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
        return Err(crate::policy_document::full(
            &format!("function {function}"),
            "Lambda allows 20,480 bytes, and other statements take nearly all of it",
        ));
    }
    let present = ours(policy, sid);
    let wanted: BTreeMap<_, _> = sources.iter().map(|source| (statement_id(sid, source), source)).collect();
    let remove = |sid: &String| LambdaStep::RemovePermission { function: function.clone(), sid: sid.clone() }.into();
    let mut add: Vec<Step> = Vec::new();
    for (sid, source) in &wanted {
        match present.get(sid) {
            Some(there) if there == *source => continue,
            // AWS refuses a second statement of the same id, even the same one (docs/aws-facts.md, L7).
            Some(_) => add.push(remove(sid)),
            None => {}
        }
        add.push(LambdaStep::AddPermission { function: function.clone(), sid: sid.clone(), source: (*source).clone() }.into());
    }
    let stale = present.iter().filter(|(sid, _)| !wanted.contains_key(*sid));
    let bytes = |source: &str| statement(sid, &want.grants.arn, source).to_string().len() + 1;
    let all: usize = policy.iter().map(|s| s.to_string().len() + 1).sum();
    let crowded = all + add.iter().filter_map(added).map(bytes).sum::<usize>() > LIMIT;
    // Where both do not fit, those go first that no rule is left without by it.
    let first = |source: &str| crowded && !sources.iter().any(|wanted| grants::covers(wanted, source));
    let (first, last): (Vec<_>, Vec<_>) = stale.partition(|(_, source)| first(source));
    let gone = |stale: Vec<(&String, &String)>| stale.into_iter().map(|(sid, _)| remove(sid)).collect::<Vec<_>>();
    Ok(gone(first).into_iter().chain(add).chain(gone(last)).collect())
}

fn added(step: &Step) -> Option<&str> {
    match step {
        Step::Lambda(LambdaStep::AddPermission { source, .. }) => Some(source),
        _ => None,
    }
}

/// The failure destination: put where there is none, and taken away again where it is still ours. Other settings stay.
fn invoke_step(
    function: FunctionRef,
    want: Option<&String>,
    have: &ObservedLambda,
    context: &PlanContext<'_>,
) -> Result<Option<Step>, ReconcileError> {
    let present = have.invoke.clone().unwrap_or_default();
    let is_ours = present.on_failure.is_some() && present.on_failure == have.on_failure_before;
    if present.on_failure.as_ref() == want || (want.is_none() && !is_ours) {
        return Ok(None);
    }
    if let Some(theirs) = present.on_failure.as_ref().filter(|_| !is_ours && context.adopt != Some("true")) {
        return Err(ReconcileError::new(
            RetryClass::Refused,
            Reason::NotOwned,
            format!(
                "spec.lambda.onFailure: function {function} has the failure destination {theirs} already, which somebody else set. Leave onFailure out; or, to replace it, annotate this object with {}=true",
                tributary_api::annotation::ADOPT
            ),
        ));
    }
    let settings = InvokeSettings { on_failure: want.cloned(), ..present };
    Ok(Some(if settings.is_empty() {
        LambdaStep::DeleteFunctionEventInvokeConfig { function }.into()
    } else {
        LambdaStep::PutFunctionEventInvokeConfig { function, settings }.into()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:lambda:eu-west-1:111122223333:function:handle";

    #[test]
    fn a_qualifier_is_a_place_of_its_own() {
        assert_eq!(function_of(ARN), FunctionRef { arn: ARN.into(), qualifier: None });
        assert_eq!(function_of(&format!("{ARN}:live")), FunctionRef { arn: ARN.into(), qualifier: Some("live".into()) });
    }

    #[test]
    fn a_hundred_rules_fit_and_foreign_statements_are_not_touched() {
        let sources: BTreeSet<_> = (0..100).map(|n| format!("arn:aws:events:eu-west-1:111122223333:rule/bus/rule-{n:03}")).collect();
        let grants = Grants { arn: ARN.into(), sid: "tributary-0".into(), wanted: sources.clone(), sources, forgotten: false };
        let want = DesiredLambda { function: function_of(ARN), grants, on_failure: None };
        let foreign = json!({"Sid": "theirs", "Effect": "Allow"});
        let have = ObservedLambda { policy: Some(vec![foreign]), ..ObservedLambda::default() };
        let steps = policy_steps(&want, Some(&have)).expect("it fits");
        assert_eq!(steps.len(), 1, "{steps:?}");
        assert!(matches!(&steps[0], Step::Lambda(LambdaStep::AddPermission { source, .. }) if source.ends_with("rule/bus/*")));
        let crowded = ObservedLambda { policy: Some(vec![json!({"Sid": "x".repeat(19_000)})]), ..ObservedLambda::default() };
        assert_eq!(policy_steps(&want, Some(&crowded)).map_err(|halt| halt.reason), Err(Reason::PolicyFull));
    }
}
