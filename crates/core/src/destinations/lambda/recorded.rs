//! Recorded calls of Lambda: which function, event source mapping or queue a call changes.

use crate::{
    names::{Arn, Scope},
    recorded_call::{RecordedCall, ServiceCalls, nothing_shared},
};

pub(super) const CALLS: ServiceCalls = ServiceCalls {
    service: "lambda",
    changed,
    canonical: |resource| Some(canonical(resource)),
    shared: nothing_shared,
    minor: &["PublishVersion", "UpdateFunctionCode"],
};

fn changed(call: &RecordedCall, scope: Scope<'_>) -> Vec<String> {
    if let Some(arn) = call.parameter("resource") {
        return vec![arn.to_owned()];
    }
    if call.name.ends_with("EventSourceMapping") {
        // A mapping belongs to its queue, not to the function.
        let uuid = call.parameter("uuid").or_else(|| call.answer("uuid"));
        let mapping = uuid.map(|uuid| scope.arn("lambda", &format!("event-source-mapping:{uuid}")));
        let source = call.answer("eventSourceArn").or_else(|| call.parameter("eventSourceArn")).map(str::to_owned);
        return mapping.into_iter().chain(source).collect();
    }
    call.parameter("functionName").map(|function| of_function(function, scope)).into_iter().collect()
}

/// Returns the ARN of a function that a call names by its name, the end of its ARN, or its ARN (Lambda API reference, `FunctionName`).
fn of_function(function: &str, scope: Scope<'_>) -> String {
    if Arn::parse(function).is_some() {
        return function.to_owned();
    }
    match function.split_once(":function:") {
        Some((account_id, name)) => Scope { account_id, ..scope }.arn("lambda", &format!("function:{name}")),
        None => scope.arn("lambda", &format!("function:{function}")),
    }
}

/// A version or an alias is part of its function.
fn canonical(resource: &str) -> String {
    let Some(function) = resource.strip_prefix("function:") else { return resource.to_owned() };
    format!("function:{}", function.split(':').next().unwrap_or_default())
}
