//! The `arn` sink: any other target that EventBridge delivers to with a role. The spec lists the
//! actions of the role.

use serde_json::{Value, json};

use tributary_api::{EventSink, Identity};

use crate::{
    destinations::{
        by_role::{self, DesiredByRole},
        contract::Destination,
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
        let http = sink.spec.arn.as_ref().and_then(|target| target.http.as_ref());
        if http.is_some() && names::Arn::parse(&target.arn).is_none_or(|arn| arn.service != "execute-api") {
            let message = format!("{field}: spec.arn.http of the sink is supported only for an ARN of execute-api, not for {}", target.arn);
            return Err(ReconcileError::invalid(Reason::InvalidSpec, message));
        }
        target.http = http.map(|http| HttpSettings { headers: http.headers.clone(), query: http.query.clone(), path: http.path.clone() });
        Ok(())
    }

    fn role_statements(sink: &EventSink, arn: &str) -> Vec<Value> {
        let actions: Vec<_> = sink.spec.arn.iter().flat_map(|target| target.actions.iter()).collect();
        vec![json!({"Effect": "Allow", "Action": actions, "Resource": arn})]
    }
}
