//! Permissions that the states of a definition need, and the statements of the execution role. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// Permissions that the tasks of a definition need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// ARNs of the resources by IAM action.
    pub rights: BTreeMap<&'static str, BTreeSet<String>>,
    /// States whose permissions cannot be determined, each with the reason.
    pub unknown: Vec<String>,
    /// States that perhaps need more permissions, each with the reason.
    pub perhaps: Vec<String>,
}

/// Returns a parameter with a constant value.
///
/// # Errors
/// It is missing, or a path or an expression computes it.
pub(super) fn parameter<'a>(state: &'a Value, name: &str) -> Result<&'a str, String> {
    let parameters = arguments(state).ok_or_else(|| format!("{name} is missing"))?;
    given(parameters, name)?.ok_or_else(|| format!("{name} is missing"))
}

/// Returns a field with a constant value.
///
/// # Errors
/// A path or an expression computes the field.
pub(super) fn given<'a>(fields: &'a Value, name: &str) -> Result<Option<&'a str>, String> {
    if fields.get(format!("{name}.$")).is_some() {
        return Err(format!("{name} is computed at run time"));
    }
    match fields.get(name).and_then(Value::as_str) {
        Some(text) if text.trim_start().starts_with("{%") => Err(format!("{name} is computed at run time")),
        text => Ok(text),
    }
}

/// Returns the parameters of a state: `Parameters` of `JSONPath`, or `Arguments` of `JSONata`.
pub(super) fn arguments(state: &Value) -> Option<&Value> {
    state.get("Parameters").or_else(|| state.get("Arguments"))
}

impl Needs {
    pub(super) fn add(&mut self, action: &'static str, arn: &str) {
        self.rights.entry(action).or_default().insert(arn.to_owned());
    }

    /// Returns the statements of the role's policy. `logging` and `tracing` add actions that do not
    /// support resources.
    pub fn statements(&self, logging: bool, tracing: bool) -> Vec<Value> {
        let mut statements: Vec<Value> = self
            .rights
            .iter()
            .map(|(action, arns)| {
                // Without a qualifier, allow all versions and aliases of a function.
                let any = arns.iter().filter(|arn| *action == "lambda:InvokeFunction" && arn.split(':').count() == 7);
                let resources: BTreeSet<String> = arns.iter().cloned().chain(any.map(|arn| format!("{arn}:*"))).collect();
                json!({"Effect": "Allow", "Action": action, "Resource": resources})
            })
            .collect();
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
