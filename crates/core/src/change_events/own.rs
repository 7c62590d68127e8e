//! Whether a recorded call is one of the operator's.
//!
//! Both have to match: the principal, which a person can share with the operator, and the user agent, which any client can send.

use crate::{names::Arn, recorded_call::RecordedCall};

/// How the user agents of the operator's SDK begin.
const SDK: &str = "aws-sdk-rust/";
/// How the part of a user agent begins that names the replica. The operator sets it, and other clients of the SDK do not by default.
const APP: &str = "app/";

/// Returns whether the operator made the call, in this process or another one. `caller_arn` is the operator's identity in the account,
/// as `sts:GetCallerIdentity` returns it.
pub fn is_own(call: &RecordedCall, caller_arn: &str) -> bool {
    let agent = &call.user_agent;
    let has_agent = agent.starts_with(SDK) && agent.split_whitespace().any(|part| part.starts_with(APP));
    has_agent && principal(&call.caller) == principal(caller_arn)
}

/// The account and the user or role. Each process has a session of its own for the same role.
fn principal(arn: &str) -> Option<(&str, &str)> {
    let Arn { account_id, resource, .. } = Arn::parse(arn)?;
    let role = resource.strip_prefix("assumed-role/").map(|session| session.split('/').next().unwrap_or_default());
    Some((account_id, role.unwrap_or(resource)))
}
