//! Amazon States Language: substitutions, and the permissions that the tasks of a definition need.
//! Pure.
//!
//! The `Resource` of a task determines the permissions (Step Functions developer guide, "IAM
//! policies for integrated services"). If they cannot be determined, because the target is computed
//! at run time or the service is not supported, the user has to set a role.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::names::{self, Scope};

/// Permissions that the tasks of a definition need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// ARNs of the resources by IAM action.
    pub rights: BTreeMap<&'static str, BTreeSet<String>>,
    /// Tasks whose permissions cannot be determined, each with the reason.
    pub unknown: Vec<String>,
}

/// Replaces `${Name}` with its value in every text of the definition.
///
/// Returns the definition, and the names that have no value.
pub(crate) fn substitute(definition: &Map<String, Value>, values: &BTreeMap<String, String>) -> (Value, Vec<String>) {
    let mut missing = BTreeSet::new();
    let result = replace(&Value::Object(definition.clone()), values, &mut missing);
    (result, missing.into_iter().collect())
}

fn replace(value: &Value, values: &BTreeMap<String, String>, missing: &mut BTreeSet<String>) -> Value {
    match value {
        Value::String(text) => Value::String(replace_text(text, values, missing)),
        Value::Array(items) => Value::Array(items.iter().map(|item| replace(item, values, missing)).collect()),
        Value::Object(map) => Value::Object(map.iter().map(|(key, value)| (key.clone(), replace(value, values, missing))).collect()),
        other => other.clone(),
    }
}

fn replace_text(text: &str, values: &BTreeMap<String, String>, missing: &mut BTreeSet<String>) -> String {
    let (mut result, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        result.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            return result + "${" + after;
        };
        match values.get(name) {
            Some(value) => result.push_str(value),
            None => {
                missing.insert(name.to_owned());
            }
        }
        rest = behind;
    }
    result + rest
}

/// Returns the permissions that all tasks of a definition need, including those inside `Map` and
/// `Parallel` states.
pub(crate) fn needs(definition: &Value, scope: Scope<'_>) -> Needs {
    let mut needs = Needs::default();
    walk(definition, scope, &mut needs);
    needs
}

fn walk(machine: &Value, scope: Scope<'_>, needs: &mut Needs) {
    for (name, state) in machine.get("States").and_then(Value::as_object).into_iter().flatten() {
        let inner = ["Iterator", "ItemProcessor"].into_iter().filter_map(|key| state.get(key));
        let branches = state.get("Branches").and_then(Value::as_array).into_iter().flatten();
        inner.chain(branches).for_each(|machine| walk(machine, scope, needs));
        let resource = state.get("Resource").and_then(Value::as_str).filter(|_| state.get("Type").and_then(Value::as_str) == Some("Task"));
        if let Some(resource) = resource
            && let Err(why) = task(resource, state, scope, needs)
        {
            needs.unknown.push(format!("state {name:?}: {why}"));
        }
    }
}

fn task(resource: &str, state: &Value, scope: Scope<'_>, needs: &mut Needs) -> Result<(), String> {
    if resource.contains(":lambda:") && resource.contains(":function:") {
        needs.add("lambda:InvokeFunction", resource);
        return Ok(());
    }
    let integration = resource.split_once(":states:::").map(|(_, integration)| integration).unwrap_or_default();
    let (call, how) = integration.split_once('.').unwrap_or((integration, ""));
    match call {
        "events:putEvents" => {
            let entries =
                state.get("Parameters").or_else(|| state.get("Arguments")).and_then(|p| p.get("Entries")).and_then(Value::as_array);
            for entry in entries.ok_or("Entries is computed at run time")? {
                let bus = match given(entry, "EventBusName")? {
                    Some(bus) if bus.starts_with("arn:") => bus.to_owned(),
                    Some(bus) => scope.bus(bus),
                    None => scope.bus(names::DEFAULT_BUS),
                };
                needs.add("events:PutEvents", &bus);
            }
        }
        "lambda:invoke" => {
            let function = parameter(state, "FunctionName")?;
            let arn = if function.starts_with("arn:") { function.to_owned() } else { scope.function(function) };
            needs.add("lambda:InvokeFunction", &arn);
        }
        "sns:publish" => needs.add("sns:Publish", parameter(state, "TopicArn")?),
        "sqs:sendMessage" => {
            let url = parameter(state, "QueueUrl")?;
            let mut parts = url.rsplit('/');
            let (name, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            if account.len() != 12 {
                return Err(format!("QueueUrl {url:?} is not the URL of a queue"));
            }
            needs.add("sqs:SendMessage", &Scope { account_id: account, ..scope }.queue(name));
        }
        "states:startExecution" if how.is_empty() || how == "waitForTaskToken" => {
            needs.add("states:StartExecution", parameter(state, "StateMachineArn")?);
        }
        _ => return Err(format!("the IAM actions that {resource:?} needs are not known")),
    }
    Ok(())
}

fn parameter<'a>(state: &'a Value, name: &str) -> Result<&'a str, String> {
    let parameters = state.get("Parameters").or_else(|| state.get("Arguments")).ok_or_else(|| format!("{name} is missing"))?;
    given(parameters, name)?.ok_or_else(|| format!("{name} is missing"))
}

/// Returns a field with a constant value.
///
/// # Errors
/// A path or an expression computes the field.
fn given<'a>(fields: &'a Value, name: &str) -> Result<Option<&'a str>, String> {
    if fields.get(format!("{name}.$")).is_some() {
        return Err(format!("{name} is computed at run time"));
    }
    match fields.get(name).and_then(Value::as_str) {
        Some(text) if text.trim_start().starts_with("{%") => Err(format!("{name} is computed at run time")),
        text => Ok(text),
    }
}

impl Needs {
    fn add(&mut self, action: &'static str, arn: &str) {
        self.rights.entry(action).or_default().insert(arn.to_owned());
    }

    /// Returns the statements of the role's policy. `logging` and `tracing` add actions that do not
    /// support resources.
    pub(crate) fn statements(&self, logging: bool, tracing: bool) -> Vec<Value> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: Scope<'static> = Scope { partition: "aws", region: "eu-west-1", account_id: "111122223333" };

    fn put_events(entry: &Value) -> Value {
        json!({"StartAt": "a", "States": {"a": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "b", "States": {"b": {
            "Type": "Task", "Resource": "arn:aws:states:::events:putEvents.waitForTaskToken", "Parameters": {"Entries": [entry]}, "End": true,
        }}}}}})
    }

    #[test]
    fn a_bus_is_known_by_name_by_arn_or_is_the_default_one() {
        let bus = |entry: Value| needs(&put_events(&entry), SCOPE);
        let arn = "arn:aws:events:eu-west-1:111122223333:event-bus/";
        for (entry, want) in [
            (json!({"EventBusName": "central"}), format!("{arn}central")),
            (json!({"EventBusName": format!("{arn}central")}), format!("{arn}central")),
            (json!({}), format!("{arn}default")),
        ] {
            assert_eq!(bus(entry).rights, BTreeMap::from([("events:PutEvents", BTreeSet::from([want]))]));
        }
        let unknown = bus(json!({"EventBusName.$": "$.bus"}));
        assert!(unknown.rights.is_empty() && unknown.unknown[0].contains("state \"b\"") && unknown.unknown[0].contains("EventBusName"));
    }

    #[test]
    fn other_services_need_a_role_that_the_user_names() {
        let task = json!({"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem", "Parameters": {}});
        let needs = needs(&json!({"States": {"save": task}}), SCOPE);
        assert!(needs.unknown[0].contains("dynamodb:putItem"), "{needs:?}");
    }

    #[test]
    fn substitutions_reach_every_text_and_what_has_no_value_is_named() {
        let definition = json!({"a": [{"b": "x-${Bus}-${Other}"}], "c": "${Bus", "d": 1});
        let values = BTreeMap::from([("Bus".to_owned(), "central".to_owned())]);
        let (result, missing) = substitute(definition.as_object().expect("an object"), &values);
        assert_eq!(result, json!({"a": [{"b": "x-central-"}], "c": "${Bus", "d": 1}));
        assert_eq!(missing, ["Other"]);
    }
}
