//! Recorded calls of SQS: which queue a call changes.
//!
//! Management events only: sends and receives are data events (docs/aws-facts.md, CT8).

use crate::{
    names::Scope,
    recorded_call::{RecordedCall, ServiceCalls, nothing_shared},
};

pub(super) const CALLS: ServiceCalls = ServiceCalls {
    service: "sqs",
    changed,
    canonical: |resource| Some(resource.to_owned()),
    shared: nothing_shared,
    minor: &["PurgeQueue"],
};

fn changed(call: &RecordedCall, scope: Scope<'_>) -> Vec<String> {
    if let Some(arn) = call.parameter("queueUrl").and_then(|url| of_url(url, scope)) {
        return vec![arn];
    }
    call.parameter("queueName").map(|name| scope.queue(name)).into_iter().collect()
}

/// Returns the ARN of the queue with this URL, which ends with account and name.
fn of_url(url: &str, scope: Scope<'_>) -> Option<String> {
    let mut parts = url.rsplit('/');
    let (name, account_id) = (parts.next()?, parts.next()?);
    Some(Scope { account_id, ..scope }.queue(name))
}
