//! Benchmark, part 1e: CloudWatch Logs of the stand-in: groups and resource policies, as far as the operator asks.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ACCOUNT, REGION, Refusal, log_deliveries::LogDeliveries};

#[derive(Default)]
pub struct Logs {
    groups: BTreeMap<String, Value>,
    policies: BTreeMap<String, Value>,
    deliveries: LogDeliveries,
}

impl Logs {
    pub fn call(&mut self, op: &str, request: &Value) -> Result<Value, Refusal> {
        let text = |key: &str| request[key].as_str().unwrap_or_default().to_owned();
        if let Some(answer) = self.deliveries.call(op, request) {
            return Ok(answer);
        }
        match op {
            "CreateLogGroup" => drop(self.groups.insert(text("logGroupName"), request["tags"].clone())),
            "DeleteLogGroup" => drop(self.groups.remove(&text("logGroupName"))),
            "PutRetentionPolicy" => {}
            "DescribeLogGroups" => {
                let names = self.groups.keys().filter(|name| name.starts_with(&text("logGroupNamePrefix")));
                let row = |name: &String| json!({"logGroupName": name, "arn": format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*"), "logGroupClass": "STANDARD"});
                return Ok(json!({"logGroups": names.map(row).collect::<Vec<_>>()}));
            }
            // There is always another page, and nothing on this one.
            "FilterLogEvents" => return Ok(json!({"events": [], "nextToken": "next"})),
            "DescribeLogStreams" => return Ok(json!({"logStreams": []})),
            "ListTagsForResource" => {
                let name = text("resourceArn").rsplit(':').next().unwrap_or_default().to_owned();
                return Ok(json!({"tags": self.groups.get(&name).cloned().unwrap_or_else(|| json!({}))}));
            }
            "PutResourcePolicy" => drop(self.policies.insert(text("policyName"), request["policyDocument"].clone())),
            "DeleteResourcePolicy" => drop(self.policies.remove(&text("policyName"))),
            "DescribeResourcePolicies" => {
                let rows = self.policies.iter().map(|(name, document)| json!({"policyName": name, "policyDocument": document}));
                return Ok(json!({"resourcePolicies": rows.collect::<Vec<_>>()}));
            }
            _ => return Err(Refusal::new("UnknownOperationException", format!("the benchmark's stand-in does not know {op}"))),
        }
        Ok(json!({}))
    }
}
