//! Rules about old values. Kubernetes evaluates one only where the field exists both before and after a change (Kubernetes documentation,
//! "Transition rules"). A rule below an optional field is therefore walked around by adding or removing that field, unless another rule
//! keeps the field from appearing and disappearing.

use serde_json::Value;
use tributary_testkit::product::crds;

/// Rules below a field that may appear: kind, path, and why it does no harm.
const HARMLESS: [(&str, &str, &str); 6] = [
    ("BenchlingSubscription", "monitoring.logGroup", "without monitoring its EventSink is deleted, and comes anew"),
    ("EventBus", "existing.name", "a name, an ARN and a reference are the same: the operator compares what they give with status.identity"),
    ("EventBus", "existing.arn", "the same"),
    ("EventBus", "existing.arnFrom", "the same"),
    ("EventSink", "existing.arn", "an ARN and a reference to it are the same: the operator compares what they give with status.identity"),
    ("EventSink", "existing.arnFrom", "the same"),
];

/// One step from the specification down to a rule.
#[derive(Clone)]
struct Field<'a> {
    parent: &'a Value,
    name: &'a str,
}

fn rules(schema: &Value) -> Vec<&str> {
    let all = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    all.filter_map(|rule| rule["rule"].as_str()).collect()
}

/// Whether the rules of the parent say whether the field is there: directly, or by another field of which exactly one is set.
fn pinned(parent: &Value, name: &str) -> bool {
    let kept = |name: &str| format!("has(self.{name}) == has(oldSelf.{name})");
    let direct = |name: &str| rules(parent).iter().any(|rule| rule.contains(&kept(name)) && !rule.contains("!has("));
    let partner = |rule: &str| {
        let (left, right) = rule.strip_prefix("has(self.")?.strip_suffix(')')?.split_once(") != has(self.")?;
        Some(if left == name { right.to_owned() } else { left.to_owned() }).filter(|_| left == name || right == name)
    };
    direct(name) || rules(parent).into_iter().filter_map(partner).any(|partner| direct(&partner))
}

fn always_there(field: &Field<'_>) -> bool {
    let required = field.parent["required"].as_array().is_some_and(|names| names.iter().any(|name| name == field.name));
    required || !field.parent["properties"][field.name]["default"].is_null()
}

fn walk<'a>(schema: &'a Value, path: &[Field<'a>], open: &mut Vec<String>) {
    if rules(schema).iter().any(|rule| rule.contains("oldSelf")) {
        for field in path.iter().filter(|field| !always_there(field) && !pinned(field.parent, field.name)) {
            let names: Vec<_> = path.iter().map(|field| field.name).collect();
            open.push(format!("{}: {} may appear and disappear", names.join("."), field.name));
        }
    }
    for (name, child) in schema["properties"].as_object().into_iter().flatten() {
        let path: Vec<_> = path.iter().cloned().chain([Field { parent: schema, name }]).collect();
        walk(child, &path, open);
    }
    for below in [&schema["items"], &schema["additionalProperties"]] {
        // Items of a plain list have no old value.
        if below.is_object() && schema["x-kubernetes-list-type"] != "map" && below.to_string().contains("oldSelf") {
            open.push(format!("{}: a rule about old values of list items or map values", path.last().map_or("", |field| field.name)));
        }
    }
}

#[test]
fn no_rule_about_old_values_is_below_a_field_that_may_appear() {
    let (mut open, mut count) = (Vec::new(), 0);
    for crd in crds() {
        let crd = serde_json::to_value(crd).expect("JSON");
        for version in crd["spec"]["versions"].as_array().into_iter().flatten() {
            let spec = &version["schema"]["openAPIV3Schema"]["properties"]["spec"];
            count += spec.to_string().matches("oldSelf").count();
            let mut found = Vec::new();
            walk(spec, &[], &mut found);
            let kind = crd["spec"]["names"]["kind"].as_str().unwrap_or_default();
            found.retain(|one| {
                !HARMLESS.iter().any(|(of, path, _)| kind == *of && one.split(':').next().is_some_and(|found| found.ends_with(path)))
            });
            open.extend(found.into_iter().map(|one| format!("{kind}: {one}")));
        }
    }
    assert!(count > 40, "{count} mentions of oldSelf");
    assert!(open.is_empty(), "{}", open.join("\n"));
}
