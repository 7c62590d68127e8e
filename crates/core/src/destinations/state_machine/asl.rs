//! Amazon States Language: substitutions, and the permissions that the tasks of a definition need.
//! Pure.
//!
//! The `Resource` of a task determines the permissions (Step Functions developer guide, "IAM
//! policies for integrated services"). If they cannot be determined, because the target is computed
//! at run time or the service is not supported, the user has to set a role.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::{
    destinations::{Type, shared::task::Task},
    names::Scope,
};

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
            && let Err(why) = task(&Task { resource, state, scope }, needs)
        {
            needs.unknown.push(format!("state {name:?}: {why}"));
        }
    }
}

fn task(task: &Task<'_>, needs: &mut Needs) -> Result<(), String> {
    let rights = Type::task_rights(task)?;
    for (action, arns) in rights.ok_or_else(|| format!("the IAM actions that {:?} needs are not known", task.resource))? {
        needs.rights.entry(action).or_default().extend(arns);
    }
    Ok(())
}

impl Needs {
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
