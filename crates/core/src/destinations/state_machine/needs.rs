//! Permissions that the states of a definition need, and the statements of the execution role. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// Permissions that the states of a definition need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// ARNs of the resources by IAM action.
    pub(crate) rights: BTreeMap<&'static str, BTreeSet<String>>,
    /// States whose permissions cannot be determined, each with the reason.
    pub(crate) unknown: Vec<String>,
    /// States that perhaps need more permissions, each with the reason.
    pub(crate) perhaps: Vec<String>,
}

impl Needs {
    pub(super) fn add(&mut self, action: &'static str, arn: &str) {
        self.rights.entry(action).or_default().insert(arn.to_owned());
    }

    /// Returns the statements of the role's policy. `logging` and `tracing` add actions that do not
    /// support resources.
    pub(crate) fn statements(&self, logging: bool, tracing: bool) -> Vec<Value> {
        let mut statements: Vec<Value> =
            self.rights.iter().map(|(action, arns)| json!({"Effect": "Allow", "Action": action, "Resource": arns})).collect();
        if logging {
            // These actions do not support resources (developer guide, "Logging using CloudWatch
            // Logs").
            statements.push(json!({
                "Effect": "Allow",
                "Action": ["logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery"],
                "Resource": "*",
            }));
        }
        if tracing {
            statements.push(json!({
                "Effect": "Allow",
                "Action": ["xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"],
                "Resource": "*",
            }));
        }
        statements
    }
}
