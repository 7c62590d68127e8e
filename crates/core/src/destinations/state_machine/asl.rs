//! Amazon States Language: substitutions, and the rights that a definition's tasks need. Pure.
//!
//! What a task needs is told by its `Resource` (Step Functions developer guide, "IAM policies for integrated services"). Where it cannot be
//! told, because the target is only known when it runs or the service is another one, the user has to name a role.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::names::{self, Scope};

/// What the tasks need: action to the ARNs that it is used on. The states whose needs cannot be told, with the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    pub rights: BTreeMap<&'static str, BTreeSet<String>>,
    pub unknown: Vec<String>,
}

/// Puts values in place of `${Name}`, in every text of the definition; names that nobody gave a value.
pub fn substitute(definition: &Map<String, Value>, values: &BTreeMap<String, String>) -> (Value, Vec<String>) {
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

/// The rights that all tasks of a definition need, those inside `Map` and `Parallel` states too.
pub fn needs(definition: &Value, scope: Scope<'_>) -> Needs {
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
            for entry in entries.ok_or("its Entries are only known when it runs")? {
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
                return Err(format!("QueueUrl {url:?} is no URL of a queue"));
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
    let parameters = state.get("Parameters").or_else(|| state.get("Arguments")).ok_or_else(|| format!("it has no {name}"))?;
    given(parameters, name)?.ok_or_else(|| format!("it has no {name}"))
}

/// A field that is written down; not one that a path or an expression computes.
fn given<'a>(fields: &'a Value, name: &str) -> Result<Option<&'a str>, String> {
    if fields.get(format!("{name}.$")).is_some() {
        return Err(format!("its {name} is only known when it runs"));
    }
    match fields.get(name).and_then(Value::as_str) {
        Some(text) if text.trim_start().starts_with("{%") => Err(format!("its {name} is only known when it runs")),
        text => Ok(text),
    }
}

impl Needs {
    fn add(&mut self, action: &'static str, arn: &str) {
        self.rights.entry(action).or_default().insert(arn.to_owned());
    }

    /// The statements of the role's policy; `logging` and `tracing` have actions that take no resource.
    pub fn statements(&self, logging: bool, tracing: bool) -> Vec<Value> {
        let mut statements: Vec<Value> = self
            .rights
            .iter()
            .map(|(action, arns)| {
                // A function is invoked by any of its versions and aliases, if none is named.
                let any = arns.iter().filter(|arn| *action == "lambda:InvokeFunction" && arn.split(':').count() == 7);
                let resources: BTreeSet<String> = arns.iter().cloned().chain(any.map(|arn| format!("{arn}:*"))).collect();
                json!({"Effect": "Allow", "Action": action, "Resource": resources})
            })
            .collect();
        if logging {
            // Developer guide, "Logging using CloudWatch Logs": these do not take resources.
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
