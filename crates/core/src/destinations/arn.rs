//! The `arn` sink: any other target that EventBridge delivers to with a role. The spec lists the
//! actions of the role.

use serde_json::{Value, json};

use tributary_api::{EventSink, Identity};

use crate::{
    destinations::{
        by_role::{self, DesiredByRole},
        contract::{Call, Destination},
        shared::context::ResolveContext,
    },
    error::{Reason, ReconcileError},
    names,
    steps::{HttpSettings, TargetSettings},
};

/// The `arn` type.
pub(crate) struct Arn;

impl Destination for Arn {
    type Desired = DesiredByRole;

    const NAME: &'static str = "arn";
    const RESOURCE_TYPE: &'static str = "target";

    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredByRole, ReconcileError> {
        by_role::desired::<Self>(context, identity)
    }

    /// EventBridge adds HTTP parameters to requests of API Gateway as to those of API destinations.
    fn set_parameters(field: &str, sink: &EventSink, target: &mut TargetSettings) -> Result<(), ReconcileError> {
        let http = sink.spec.arn.as_deref().and_then(|target| target.http.as_ref());
        if http.is_some() && names::Arn::parse(&target.arn).is_none_or(|arn| arn.service != "execute-api") {
            let message = format!("{field}: spec.arn.http of the sink is supported only for an ARN of execute-api, not for {}", target.arn);
            return Err(ReconcileError::invalid(Reason::InvalidSpec, message));
        }
        target.http = http.map(|http| HttpSettings { headers: http.headers.clone(), query: http.query.clone(), path: http.path.clone() });
        Ok(())
    }

    /// Whether the action is known that EventBridge uses on the target.
    fn is_target(arn: &names::Arn<'_>) -> bool {
        action(arn).is_some()
    }

    fn is_delivered_across_accounts(arn: &names::Arn<'_>) -> bool {
        arn.service == "execute-api"
    }

    fn calls(target: &TargetSettings) -> Vec<Call> {
        let action = names::Arn::parse(&target.arn).and_then(|arn| action(&arn));
        action.map(|action| (action, vec![target.arn.clone()])).into_iter().collect()
    }

    fn role_statements(sink: &EventSink, arn: &str) -> Vec<Value> {
        let actions: Vec<_> = sink.spec.arn.as_deref().into_iter().flat_map(|target| target.actions.iter()).collect();
        vec![json!({"Effect": "Allow", "Action": actions, "Resource": arn})]
    }
}

/// Returns the IAM action that EventBridge uses on a target, of services whose action is on the ARN of the target itself
/// (EventBridge user guide, "Permissions for EventBridge to access targets using IAM roles"; docs/aws-facts.md, PM41).
fn action(arn: &names::Arn<'_>) -> Option<&'static str> {
    Some(match (arn.service, arn.resource.split(['/', ':']).next()?) {
        ("codebuild", "project") => "codebuild:StartBuild",
        ("codepipeline", _) => "codepipeline:StartPipelineExecution",
        ("execute-api", _) => "execute-api:Invoke",
        ("glue", "workflow") => "glue:NotifyEvent",
        ("sagemaker", "pipeline") => "sagemaker:StartPipelineExecution",
        _ => return None,
    })
}
