//! The `arn` sink: any other target that a role reaches. The spec lists the actions of the role.

use serde_json::{Value, json};

use tributary_api::{EventSink, Identity};

use crate::{
    destinations::{
        by_role::{self, DesiredByRole},
        contract::Destination,
        shared::context::ResolveContext,
    },
    error::ReconcileError,
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

    fn role_statements(sink: &EventSink, arn: &str) -> Vec<Value> {
        let actions: Vec<_> = sink.spec.arn.iter().flat_map(|target| target.actions.iter()).collect();
        vec![json!({"Effect": "Allow", "Action": actions, "Resource": arn})]
    }
}
