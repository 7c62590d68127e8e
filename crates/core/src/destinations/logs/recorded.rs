//! Recorded calls of CloudWatch Logs: which log group, resource policy or log delivery a call changes.

use crate::{
    destinations::logs::policy_name,
    names::Scope,
    recorded_call::{RecordedCall, ServiceCalls},
};

const SERVICE: &str = "logs";

/// All deliveries as one resource: a record has the ID that AWS assigned, which no status has. A change of one concerns every object with
/// a delivery source.
const DELIVERIES: &str = "delivery";

pub(super) const CALLS: ServiceCalls = ServiceCalls {
    service: SERVICE,
    changed,
    canonical: |resource| Some(if resource.starts_with("delivery:") { DELIVERIES } else { resource.trim_end_matches(":*") }.to_owned()),
    shared,
    minor: &["CreateLogStream", "DeleteLogStream", "StartQuery", "StopQuery", "CreateExportTask", "CancelExportTask", "StartLiveTail"],
};

fn policy(name: &str) -> String {
    format!("resource-policy:{name}")
}

/// All log groups that EventBridge sends to share one resource policy (ADR 0010).
fn shared(installation: &str, resource: &str) -> Option<String> {
    if resource.starts_with("delivery-source:") {
        return Some(DELIVERIES.to_owned());
    }
    resource.starts_with("log-group:").then(|| policy(&policy_name(installation)))
}

fn changed(call: &RecordedCall, scope: Scope<'_>) -> Vec<String> {
    let arn = |resource: String| scope.arn(SERVICE, &resource);
    let group = |name: &str| if name.starts_with("arn:") { name.to_owned() } else { arn(format!("log-group:{name}")) };
    let names = ["resourceArn", "resourceIdentifier", "logGroupIdentifier", "logGroupName"];
    if let Some(name) = names.iter().find_map(|parameter| call.parameter(parameter)) {
        return vec![group(name)];
    }
    if let Some(name) = call.parameter("policyName").filter(|_| call.name.ends_with("ResourcePolicy")) {
        return vec![arn(policy(name))];
    }
    if let Some(source) = call.parameter("deliverySourceName") {
        return vec![arn(format!("delivery-source:{source}"))];
    }
    if let Some(id) = call.parameter("id").filter(|_| ["DeleteDelivery", "UpdateDeliveryConfiguration"].contains(&call.name.as_str())) {
        return vec![arn(format!("delivery:{id}"))];
    }
    let delivery = [("DeliverySource", "delivery-source"), ("DeliveryDestination", "delivery-destination")];
    let part = delivery.iter().find(|(end, _)| call.name.ends_with(end)).zip(call.parameter("name"));
    part.map(|((_, type_), name)| arn(format!("{type_}:{name}"))).into_iter().collect()
}
