//! What the destination types share. Nothing here names a type of destination.

pub mod by_role;
pub(crate) mod context;
pub mod grants;
pub(crate) mod reference;
pub mod role;

use crate::destinations::contract::State;

/// Returns the roles that the operator creates for a destination, as far as they exist after all steps: CloudFormation type and ARN.
pub(crate) fn roles<S: State>(state: &S, observed: Option<&S::Observed>) -> Vec<(&'static str, String)> {
    let invocation = state.invocation_role().filter(|_| !state.sources_in_policy(observed).is_empty());
    [state.execution_role(), invocation].into_iter().flatten().map(|role| ("AWS::IAM::Role", role.arn.clone())).collect()
}
