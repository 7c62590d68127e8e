//! Amazon States Language: substitutions, and the permissions that the tasks of a definition need.
//! Pure.
//!
//! The `Resource` of a task determines the permissions (Step Functions developer guide, "IAM
//! policies for integrated services"). If they cannot be determined, because the target is computed
//! at run time or the service is not supported, the user has to set a role.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::{
    destinations::{
        Type,
        shared::task::{Task, given},
        state_machine::{distributed_map, needs::Needs},
    },
    names::Scope,
};

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

/// Returns the permissions that all states of the definition of `machine` need, including those
/// inside `Map` and `Parallel` states. `machine` is the ARN of the state machine.
pub(crate) fn needs(definition: &Value, machine: &str, scope: Scope<'_>) -> Needs {
    let mut needs = Needs::default();
    walk(definition, machine, scope, &mut needs);
    needs
}

fn walk(definition: &Value, machine: &str, scope: Scope<'_>, needs: &mut Needs) {
    for (name, state) in definition.get("States").and_then(Value::as_object).into_iter().flatten() {
        let inner = ["Iterator", "ItemProcessor"].into_iter().filter_map(|key| state.get(key));
        let branches = state.get("Branches").and_then(Value::as_array).into_iter().flatten();
        inner.chain(branches).for_each(|inner| walk(inner, machine, scope, needs));
        let resource = state.get("Resource").and_then(Value::as_str);
        let found = match (state.get("Type").and_then(Value::as_str), resource) {
            (Some("Task"), Some(resource)) => task(name, &Task { resource, state, scope }, needs),
            (Some("Map"), _) => distributed_map::needs(name, state, machine, scope, needs),
            _ => Ok(()),
        };
        if let Err(why) = found {
            needs.unknown.push(format!("state {name:?}: {why}"));
        }
    }
}

fn task(name: &str, task: &Task<'_>, needs: &mut Needs) -> Result<(), String> {
    let resource = task.resource;
    if let Some(role) = credentials(task.state)? {
        needs.add("sts:AssumeRole", role);
        needs.perhaps.push(format!("state {name:?}: the permissions of {role} for {resource:?}, and its trust policy"));
        return Ok(());
    }
    let rights = Type::task_rights(task)?;
    for (action, arns) in rights.ok_or_else(|| format!("the IAM actions that {resource:?} needs are not known"))? {
        for arn in &arns {
            needs.add(action, arn);
        }
    }
    Ok(())
}

/// Returns the role that a task assumes instead of using the execution role (Step Functions
/// developer guide, "Accessing resources in other AWS accounts").
fn credentials(state: &Value) -> Result<Option<&str>, String> {
    let Some(credentials) = state.get("Credentials") else { return Ok(None) };
    let role = given(credentials, "RoleArn").map_err(|why| format!("Credentials.{why}"))?;
    role.map(Some).ok_or_else(|| "Credentials.RoleArn is computed at run time".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MACHINE: &str = "arn:aws:states:eu-west-1:111122223333:stateMachine:m";

    const SCOPE: Scope<'static> = Scope { partition: "aws", region: "eu-west-1", account_id: "111122223333" };

    fn put_events(entry: &Value) -> Value {
        json!({"StartAt": "a", "States": {"a": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "b", "States": {"b": {
            "Type": "Task", "Resource": "arn:aws:states:::events:putEvents.waitForTaskToken", "Parameters": {"Entries": [entry]}, "End": true,
        }}}}}})
    }

    #[test]
    fn a_bus_is_known_by_name_by_arn_or_is_the_default_one() {
        let bus = |entry: Value| needs(&put_events(&entry), MACHINE, SCOPE);
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
        let needs = needs(&json!({"States": {"save": task}}), MACHINE, SCOPE);
        assert!(needs.unknown[0].contains("dynamodb:putItem"), "{needs:?}");
    }

    #[test]
    fn a_task_with_credentials_assumes_a_role() {
        let role = "arn:aws:iam::999988887777:role/theirs";
        let task = |credentials: Value| {
            let task = json!({"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem", "Credentials": credentials});
            needs(&json!({"States": {"save": task}}), MACHINE, SCOPE)
        };
        let found = task(json!({"RoleArn": role}));
        assert_eq!(found.rights, BTreeMap::from([("sts:AssumeRole", BTreeSet::from([role.to_owned()]))]));
        assert!(found.unknown.is_empty() && found.perhaps[0].contains("state \"save\"") && found.perhaps[0].contains(role), "{found:?}");
        for computed in [json!({"RoleArn.$": "$.role"}), json!({"RoleArn": "{% $role %}"}), json!({})] {
            let found = task(computed);
            assert!(found.rights.is_empty() && found.unknown[0].contains("Credentials.RoleArn"), "{found:?}");
        }
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
