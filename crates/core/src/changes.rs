//! What a step changes: the values before and after, for people who review a plan. Pure, and for display only: no decision depends on it.
//!
//! The values are compared as JSON by the names of their fields, so that no destination type is named here.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{meaning, policy_document::statements_of, steps::Step};

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Action {
    /// Creates a resource.
    Create,
    /// Changes a resource.
    Update,
    /// Deletes a resource or a part of it.
    Delete,
    /// Adds or replaces a permission.
    Grant,
    /// Removes a permission.
    Revoke,
}

/// A value that a step changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldChange {
    /// Path of the value, such as `settings.description`.
    pub path: String,
    /// The value in AWS; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The planned value; absent if it is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// What one step changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// What the step does.
    pub action: Action,
    /// IAM action of the write, such as `events:PutRule`.
    pub call: String,
    /// The step as the operator logs it.
    pub step: String,
    /// The values that it changes.
    pub fields: Vec<FieldChange>,
    /// Statements of policies that it adds or replaces.
    #[serde(skip)]
    pub granted: Vec<Value>,
    /// Statements of policies that it removes or replaces.
    #[serde(skip)]
    pub revoked: Vec<Value>,
}

/// Members of a step that identify what it changes.
const IDS: [&str; 12] =
    ["name", "bus", "rule", "arn", "sid", "uuid", "kind", "namespace", "group", "instead_of", "principal", "organization"];
/// Members that are not shown: marks of ownership, references to Secrets, and what objects or statements of their own show.
const INTERNAL: [&str; 6] = ["mark", "secrets", "manifest", "config_map", "function", "source"];
/// Members that are compared as a whole.
const WHOLE: [&str; 4] = ["pattern", "policy", "trust", "statement"];

/// Returns what the step changes. `observed` is what AWS holds of the object, as JSON.
pub fn change(step: &Step, observed: &Value) -> Change {
    if let Step::InRegion(of_region) = step {
        let mut rows = observed["change_events"].as_array().into_iter().flatten();
        let there = rows.find(|row| row["region"] == of_region.region.as_str()).unwrap_or(&Value::Null);
        return Change { step: step.to_string(), ..change(&of_region.step, there) };
    }
    let payload = payload(step);
    let before = Before { observed, payload: &payload };
    let mut fields = Vec::new();
    for (name, after) in payload.iter().filter(|(name, _)| !IDS.contains(&name.as_str()) && !INTERNAL.contains(&name.as_str())) {
        match name.as_str() {
            "statement" | "statements" => {}
            "ids" => before.removed(name, "targets", after, &mut fields),
            "keys" => before.removed(name, "tags", after, &mut fields),
            "targets" => before.targets(after, &mut fields),
            // Those that are not listed stay.
            "tags" | "attributes" => before.entries(name, after, &mut fields),
            _ => compare(name, before.field(name), Some(after), &mut fields),
        }
    }
    let (granted, revoked) = before.statements(step);
    Change { action: action(step, &payload, observed), call: step.action(), step: step.to_string(), fields, granted, revoked }
}

/// Returns the members of the step.
fn payload(step: &Step) -> Map<String, Value> {
    let mut value = serde_json::to_value(step).unwrap_or_default();
    loop {
        let Value::Object(mut object) = value else { return Map::new() };
        if object.len() != 1 {
            return object;
        }
        let Some((name, inner)) = object.iter_mut().next() else { return object };
        if name == step.name() {
            return if let Value::Object(members) = inner.take() { members } else { Map::new() };
        }
        value = inner.take();
    }
}

/// Whether the child exists.
fn has_child(observed: &Value, payload: &Map<String, Value>) -> bool {
    let same = |child: &Value, name: &str| payload.get(name) == child["child"].get(name);
    observed["children"].as_array().into_iter().flatten().any(|child| same(child, "kind") && same(child, "name"))
}

fn action(step: &Step, payload: &Map<String, Value>, observed: &Value) -> Action {
    match step.name() {
        "ApplyChild" if !has_child(observed, payload) => Action::Create,
        "PutRule" if payload.get("tags").is_some_and(|tags| !tags.is_null()) => Action::Create,
        "AddPermission" | "PutPermission" | "PutStatement" | "PutPolicyStatements" | "PutRolePolicy" | "UpdateAssumeRolePolicy" => {
            Action::Grant
        }
        "RemovePermission" | "RemoveStatement" | "RemovePolicyStatements" | "DeleteRolePolicy" => Action::Revoke,
        name if name.starts_with("Create") || name == "StartReplay" => Action::Create,
        name if name.starts_with("Delete") || name.starts_with("Remove") => Action::Delete,
        _ => Action::Update,
    }
}

/// What AWS holds of that which a step changes.
struct Before<'a> {
    observed: &'a Value,
    payload: &'a Map<String, Value>,
}

impl Before<'_> {
    /// The value of the member in the resource that the step names, or else in the only resource that has one.
    fn field(&self, name: &str) -> Option<&Value> {
        let name = if name == "days" { "retention_days" } else { name };
        let mut holders = Vec::new();
        holders_of(self.observed, name, &mut holders);
        let ids: Vec<&str> = ["name", "rule", "arn", "uuid"].into_iter().filter_map(|id| self.payload.get(id)?.as_str()).collect();
        let is_named = |holder: &&Map<String, Value>| {
            ["name", "aws_name", "arn", "uuid"]
                .into_iter()
                .any(|id| holder.get(id).and_then(Value::as_str).is_some_and(|id| ids.contains(&id)))
        };
        let found = holders.iter().find(|holder| is_named(holder));
        let holder = found.or_else(|| holders.first().filter(|_| holders.len() == 1))?;
        let value = &holder[name];
        // An inline policy is the document of a variant.
        Some(value.get("Present").unwrap_or(value)).filter(|value| !value.is_null())
    }

    fn entries(&self, name: &str, after: &Value, fields: &mut Vec<FieldChange>) {
        let before = self.field(name);
        for (key, value) in after.as_object().into_iter().flatten().filter(|(key, _)| *key != "Policy") {
            compare(&format!("{name}.{key}"), before.and_then(|before| before.get(key)), Some(value), fields);
        }
    }

    fn targets(&self, after: &Value, fields: &mut Vec<FieldChange>) {
        for target in after.as_array().into_iter().flatten() {
            let id = target["id"].as_str().unwrap_or_default();
            compare(&format!("targets.{id}"), self.target(id), Some(target), fields);
        }
    }

    fn target(&self, id: &str) -> Option<&Value> {
        self.field("targets")?.as_array()?.iter().find(|target| target["id"] == id)
    }

    fn removed(&self, name: &str, of: &str, ids: &Value, fields: &mut Vec<FieldChange>) {
        for id in ids.as_array().into_iter().flatten().filter_map(Value::as_str) {
            let before = if name == "ids" { self.target(id) } else { self.field(of).and_then(|all| all.get(id)) };
            fields.push(FieldChange { path: format!("{of}.{id}"), before: before.map(without_nulls), after: None });
        }
    }

    /// Statements that the step adds, and those that it removes.
    fn statements(&self, step: &Step) -> (Vec<Value>, Vec<Value>) {
        let mut all = Vec::new();
        statements_in(self.observed, &mut all);
        let by_sid = |sid: &Value| all.iter().find(|statement| !sid.is_null() && statement["Sid"] == *sid).cloned();
        let member = |name: &str| self.payload.get(name).cloned().unwrap_or_default();
        let list = |name: &str| member(name).as_array().cloned().unwrap_or_default();
        let document = |document: &Value| statements_of(&document.to_string());
        match step.name() {
            "PutStatement" => (vec![member("statement")], by_sid(&member("statement")["Sid"]).into_iter().collect()),
            "PutPolicyStatements" => (list("statements"), list("instead_of").iter().filter_map(by_sid).collect()),
            "PutPermission" if !member("statement").is_null() => (vec![member("statement")], by_sid(&member("sid")).into_iter().collect()),
            "PutPermission" => (vec![put_permission(self.payload)], by_sid(&member("sid")).into_iter().collect()),
            "AddPermission" => (vec![add_permission(step, self.payload)], vec![]),
            "RemovePermission" | "RemoveStatement" => (vec![], by_sid(&member("sid")).into_iter().collect()),
            "RemovePolicyStatements" => (vec![], list("sids").iter().filter_map(by_sid).collect()),
            "PutRolePolicy" => (document(&member("policy")), self.field("policy").map(document).unwrap_or_default()),
            "DeleteRolePolicy" => (vec![], self.field("policy").map(document).unwrap_or_default()),
            "UpdateAssumeRolePolicy" => (document(&member("trust")), self.field("trust").map(document).unwrap_or_default()),
            "CreateRole" => (document(&member("trust")), vec![]),
            _ => {
                let policy = member("attributes")["Policy"].as_str().map(statements_of).unwrap_or_default();
                (policy, vec![])
            }
        }
    }
}

fn put_permission(payload: &Map<String, Value>) -> Value {
    let mut statement = serde_json::json!({
        "Effect": "Allow", "Principal": {"AWS": payload["principal"]}, "Action": "events:PutEvents", "Resource": payload["bus"],
    });
    if let Some(organization) = payload.get("organization").filter(|organization| !organization.is_null()) {
        statement["Condition"] = serde_json::json!({"StringEquals": {"aws:PrincipalOrgID": organization}});
    }
    statement
}

fn add_permission(step: &Step, payload: &Map<String, Value>) -> Value {
    let action = step.action().replace("AddPermission", "InvokeFunction");
    let resource = payload.get("function").map(|function| function.get("arn").unwrap_or(function));
    serde_json::json!({
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": action, "Resource": resource,
        "Condition": {"ArnLike": {"AWS:SourceArn": payload.get("source")}},
    })
}

/// Collects the objects that have the member.
fn holders_of<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a Map<String, Value>>) {
    match value {
        Value::Object(object) => {
            if object.contains_key(name) {
                found.push(object);
            }
            object.values().for_each(|value| holders_of(value, name, found));
        }
        Value::Array(items) => items.iter().for_each(|value| holders_of(value, name, found)),
        _ => {}
    }
}

/// Collects the statements of policies.
fn statements_in(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(object) if object.contains_key("Sid") => found.push(value.clone()),
        Value::Object(object) => {
            if let Some(Value::String(policy)) = object.get("Policy") {
                found.extend(statements_of(policy));
            }
            object.values().for_each(|value| statements_in(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| statements_in(value, found)),
        _ => {}
    }
}

/// The value without members that are not set. Those of patterns and documents stay: there null means something.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(object) => object
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// Adds the differences between the values.
fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, fields: &mut Vec<FieldChange>) {
    let (before, after) = (before.filter(|value| !value.is_null()), after.filter(|value| !value.is_null()));
    if before == after {
        return;
    }
    let name = path.rsplit('.').next().unwrap_or_default();
    if name == "pattern" && meaning::is_same_pattern(before, after) {
        return;
    }
    let members = [before, after].into_iter().flatten().all(Value::is_object) && !WHOLE.contains(&name);
    if !members {
        let shown = |value: &Value| if WHOLE.contains(&name) { value.clone() } else { without_nulls(value) };
        fields.push(FieldChange { path: path.to_owned(), before: before.map(shown), after: after.map(shown) });
        return;
    }
    let keys = [before, after].into_iter().flatten().filter_map(Value::as_object).flat_map(Map::keys);
    let mut keys: Vec<_> = keys.filter(|key| *key != "id").collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        compare(&format!("{path}.{key}"), before.and_then(|value| value.get(key)), after.and_then(|value| value.get(key)), fields);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::steps::{BusSettings, BusStep, RuleStep, SqsStep, TagStep, TargetSettings};

    fn shown(step: impl Into<Step>, observed: &Value) -> Vec<(String, Value, Value)> {
        let change = change(&step.into(), observed);
        change.fields.into_iter().map(|field| (field.path, field.before.unwrap_or_default(), field.after.unwrap_or_default())).collect()
    }

    #[test]
    fn an_update_shows_what_differs_and_nothing_else() {
        let settings = BusSettings { description: Some("new".into()), kms_key_id: Some("k".into()), ..BusSettings::default() };
        let observed = json!({"bus": {"name": "b", "settings": {"description": "old", "kms_key_id": "k"}}, "archives": [{"settings": {}}]});
        let changes = shown(BusStep::UpdateEventBus { name: "b".into(), settings }, &observed);
        assert_eq!(changes, [("settings.description".into(), json!("old"), json!("new"))]);
    }

    #[test]
    fn targets_and_tags_are_compared_by_their_names() {
        let target = |id: &str, arn: &str| TargetSettings { id: id.into(), arn: arn.into(), ..TargetSettings::default() };
        let have = json!([target("a", "old"), target("b", "same")]);
        let observed = json!({"rule": {"name": "r", "arn": "x", "targets": have, "tags": {"team": "one", "gone": "g"}}});
        let put = RuleStep::PutTargets { bus: "b".into(), rule: "r".into(), targets: vec![target("a", "new"), target("b", "same")] };
        assert_eq!(shown(put, &observed), [("targets.a.arn".into(), json!("old"), json!("new"))]);
        let remove = RuleStep::RemoveTargets { bus: "b".into(), rule: "r".into(), ids: vec!["b".into()] };
        assert_eq!(shown(remove, &observed)[0].1["arn"], "same");
        let tags = [("team".to_owned(), "two".to_owned())].into();
        assert_eq!(shown(TagStep::TagResource { arn: "x".into(), tags }, &observed), [("tags.team".into(), json!("one"), json!("two"))]);
        let untag = TagStep::UntagResource { arn: "x".into(), keys: vec!["gone".into()] };
        assert_eq!(shown(untag, &observed), [("tags.gone".into(), json!("g"), Value::Null)]);
    }

    #[test]
    fn a_replaced_statement_is_shown_on_both_sides() {
        let statement = |source: &str| json!({"Sid": "tributary-1", "Effect": "Allow", "Resource": source});
        let policy = json!({"Statement": [statement("old"), {"Sid": "theirs"}]}).to_string();
        let observed = json!({"queue": {"name": "q", "attributes": {"Policy": policy, "VisibilityTimeout": "30"}}});
        let put = change(&SqsStep::PutStatement { name: "q".into(), statement: statement("new") }.into(), &observed);
        assert_eq!((put.action, put.granted, put.revoked), (Action::Grant, vec![statement("new")], vec![statement("old")]));
        let attributes = [("VisibilityTimeout".to_owned(), "60".to_owned())].into();
        let set = shown(SqsStep::SetQueueAttributes { name: "q".into(), attributes }, &observed);
        assert_eq!(set, [("attributes.VisibilityTimeout".into(), json!("30"), json!("60"))]);
    }

    #[test]
    fn every_step_has_an_action() {
        let mut found: Vec<&str> =
            Step::names().filter(|name| ["Start", "Activate", "Cancel"].iter().any(|verb| name.starts_with(verb))).collect();
        found.sort_unstable();
        assert_eq!(found, ["ActivateEventSource", "CancelReplay", "StartReplay"], "decide what a new verb does");
    }
}
