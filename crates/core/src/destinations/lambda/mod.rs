//! The `lambda` sink: statements in a function's policy, and the failure destination of its
//! asynchronous invocations.
//!
//! A statement allows one rule, or all rules of a bus (Lambda API reference, `AddPermission`;
//! docs/aws-facts.md, L1 to L15).

mod plan;
mod policy;
mod recorded;
mod rights;
mod state;

pub use plan::claimed_by_others;
pub use policy::{granted, statement};
pub use state::{DesiredLambda, ObservedLambda};

use std::collections::BTreeSet;

use serde_json::Value;

use tributary_api::{EventSink, Identity, Tags};

use crate::{
    destinations::{
        contract::{Destination, State},
        dead_letter_queue,
        shared::{
            context::ResolveContext,
            grants::Grants,
            reference::{exists, not_ready},
            task::{Rights, Task},
        },
    },
    error::ReconcileError,
    feature::{Feature, Use},
    managed::Managed,
    names::{Arn, Scope},
    plan::PlanContext,
    recorded_call::ServiceCalls,
    steps::{FunctionRef, LambdaStep, Redelivery, Step},
};

impl Scope<'_> {
    /// Returns the ARN of a function. `function` is a name, or a name and a qualifier.
    pub fn function(self, function: &str) -> String {
        self.arn("lambda", &format!("function:{function}"))
    }
}

/// The `lambda` type.
pub(crate) struct Lambda;

impl Destination for Lambda {
    type Desired = DesiredLambda;

    /// Lambda API reference, `AddPermission`.
    const POLICY_HAS_CONDITIONS: bool = false;
    const NAME: &'static str = "lambda";
    const RESOURCE_TYPE: &'static str = "AWS::Lambda::Function";
    const NEEDS_ROLE: bool = false;
    const ACTIONS: &'static [&'static str] = &["lambda:InvokeFunction"];
    const USES: &'static [Use<EventSink>] = rights::USES;
    const READS: &'static [&'static str] = &["lambda:GetPolicy", "lambda:GetFunctionConfiguration"];
    const FEATURES: &'static [Feature] = rights::FEATURES;
    const RECORDED_CALLS: Option<&'static ServiceCalls> = Some(&recorded::CALLS);
    /// Another sink of the function may have set its failure destination.
    const DEPENDS_ON_OTHER_SINKS: bool = true;

    fn identity(context: &ResolveContext<'_>) -> Result<Identity, ReconcileError> {
        let existing = Self::existing(context)?.unwrap_or_default();
        context.named_identity(&existing, "function:", |scope, name| scope.function(name))
    }

    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredLambda, ReconcileError> {
        let (on_failure, unresolved) = match on_failure(context, identity) {
            Ok(queue) => (queue, None),
            Err(error) => (kept_on_failure(context, &error), Some(error)),
        };
        let function = FunctionRef::from_arn(&identity.arn);
        Ok(DesiredLambda { function, grants: context.grants(identity), on_failure, unresolved })
    }

    fn redrive(letter: Redelivery) -> Option<Step> {
        Some(LambdaStep::InvokeFunction(letter).into())
    }

    fn is_target(arn: &Arn<'_>) -> bool {
        arn.service == "lambda"
    }

    fn is_delivered_across_accounts(arn: &Arn<'_>) -> bool {
        Self::is_target(arn)
    }

    fn not_across_accounts(sink: &EventSink) -> Option<&'static str> {
        sink.on_failure_ref().map(|_| "spec.lambda.onFailure")
    }

    fn policy_statement(sid: &str, target_arn: &str, source: &str) -> Option<Value> {
        Some(statement(sid, target_arn, source))
    }

    fn task_rights(task: &Task<'_>) -> Result<Option<Vec<Rights>>, String> {
        let function = if task.resource.contains(":lambda:") && task.resource.contains(":function:") {
            task.resource
        } else if task.integration().0 == "lambda:invoke" {
            task.parameter("FunctionName")?
        } else {
            return Ok(None);
        };
        let arn = if function.starts_with("arn:") { function.to_owned() } else { task.scope.function(function) };
        // Without a qualifier, allow all versions and aliases of a function.
        let any = (arn.split(':').count() == 7).then(|| format!("{arn}:*"));
        Ok(Some(vec![("lambda:InvokeFunction", [arn].into_iter().chain(any).collect())]))
    }
}

/// Returns the ARN of the failure destination.
///
/// # Errors
/// The reference is not permitted, or its queue is not ready.
fn on_failure(context: &ResolveContext<'_>, identity: &Identity) -> Result<Option<String>, ReconcileError> {
    let Some(reference) = context.sink.on_failure_ref() else { return Ok(None) };
    let field = "spec.lambda.onFailure.sinkRef";
    let sink = context.sink_for(field, reference)?;
    let arn = dead_letter_queue::own_arn(field, &sink, identity)?;
    if exists(&sink, Some(&arn)) { Ok(Some(arn)) } else { Err(not_ready(field, &sink, "is not ready")) }
}

/// Returns the failure destination that the function keeps while the reference cannot be resolved:
/// the present one, unless its owner no longer permits it.
fn kept_on_failure(context: &ResolveContext<'_>, error: &ReconcileError) -> Option<String> {
    let present = context.sink.current().and_then(|status| status.on_failure_arn.clone());
    let reference = context.sink.on_failure_ref().filter(|_| error.reason.is_refusal());
    let refused = reference.and_then(|sink| context.view.sink(sink.namespace.as_deref().unwrap_or(context.namespace()), &sink.name));
    let refused = refused.and_then(|sink| sink.pinned_identity().map(|identity| identity.arn.clone()));
    present.filter(|arn| refused.as_ref() != Some(arn))
}

impl State for DesiredLambda {
    type Observed = ObservedLambda;

    fn plan(desired: Option<&Self>, observed: Option<&ObservedLambda>, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
        plan::plan(desired, observed, context)
    }

    fn grants(&self) -> &Grants {
        &self.grants
    }

    fn live(observed: &ObservedLambda) -> &BTreeSet<String> {
        &observed.live
    }

    fn tags(&self) -> Option<&Tags> {
        None
    }

    fn resources(&self, _: &EventSink, _: Option<&ObservedLambda>) -> Vec<(&'static str, String)> {
        vec![(Lambda::RESOURCE_TYPE, self.grants.arn.clone())]
    }

    fn sources_in_policy(&self, observed: Option<&ObservedLambda>) -> BTreeSet<String> {
        policy::sources_in_policy(self, observed)
    }

    fn permission_steps(&self, observed: Option<&ObservedLambda>, _: &PlanContext<'_>) -> Result<Option<Vec<Step>>, ReconcileError> {
        policy::policy_steps(self, observed).map(Some)
    }

    fn required_statements(&self) -> Vec<Value> {
        self.grants.sources.iter().map(|source| statement(&self.grants.sid, &self.grants.arn, source)).collect()
    }

    fn waiting(&self, _: Option<&ObservedLambda>) -> Option<ReconcileError> {
        self.unresolved.clone()
    }

    fn failure_destination(&self) -> Option<&String> {
        self.on_failure.as_ref()
    }
}
