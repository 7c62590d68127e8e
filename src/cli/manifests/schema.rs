//! Compares a manifest with the schema of its kind: unknown and missing fields, types and enums. CEL rules are evaluated by the API server only.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::Value;

use crate::cli::manifests::yaml::{Content, Node, Place};

/// Maximum edit distance of a suggestion, in letters.
const NEAR: usize = 3;

/// A field that does not fit the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) place: Place,
    /// The field, what is wrong, and the next step.
    pub(crate) message: String,
}

/// Returns what does not fit, in the order of the file.
pub(crate) fn problems(node: &Node, crd: &CustomResourceDefinition) -> Vec<Problem> {
    let version = crd.spec.versions.iter().find(|version| version.served);
    let Some(root) = version.and_then(|version| version.schema.as_ref()?.open_api_v3_schema.as_ref()) else { return vec![] };
    let mut all = Vec::new();
    let Content::Map(entries) = &node.content else { return vec![] };
    for (key, place, value) in entries {
        match key.as_str() {
            // The API server checks these for every kind.
            "apiVersion" | "kind" | "metadata" | "status" => {}
            _ => match root.properties.as_ref().and_then(|properties| properties.get(key)) {
                Some(schema) => check(key, value, schema, &mut all),
                None => all.push(unknown(key, key, *place, ["metadata", "spec"].into_iter())),
            },
        }
    }
    if !entries.iter().any(|(key, ..)| key == "spec") {
        all.push(Problem { place: node.place, message: "spec is missing. Add it.".into() });
    }
    all.sort_by_key(|problem| problem.place);
    all
}

fn check(path: &str, node: &Node, schema: &JSONSchemaProps, all: &mut Vec<Problem>) {
    let mut report = |message: String| all.push(Problem { place: node.place, message });
    match (&node.content, schema.type_.as_deref()) {
        // The API server drops null and applies the default.
        (Content::Scalar(Value::Null), _) => return,
        (content, Some(type_)) if !is_type(content, type_) => {
            return report(format!("{path} must be {}, not {}. Correct it.", with_article(type_), describe(content)));
        }
        _ => {}
    }
    if let Some(allowed) = &schema.enum_ {
        let value = node.value();
        if !allowed.iter().any(|item| item.0 == value) {
            let allowed: Vec<_> = allowed.iter().map(|item| item.0.as_str().map_or_else(|| item.0.to_string(), str::to_owned)).collect();
            return report(format!("{path}: {value} is not supported. Use one of {}.", allowed.join(", ")));
        }
    }
    match &node.content {
        Content::List(items) => {
            if let Some(JSONSchemaPropsOrArray::Schema(schema)) = &schema.items {
                for (index, item) in items.iter().enumerate() {
                    check(&format!("{path}[{index}]"), item, schema, all);
                }
            }
        }
        Content::Map(entries) => check_map(path, node.place, entries, schema, all),
        Content::Scalar(_) => {}
    }
}

fn check_map(path: &str, place: Place, entries: &[(String, Place, Node)], schema: &JSONSchemaProps, all: &mut Vec<Problem>) {
    let properties = schema.properties.as_ref();
    let is_open = schema.x_kubernetes_preserve_unknown_fields == Some(true);
    for (key, place, value) in entries {
        let path = format!("{path}.{key}");
        match (properties.and_then(|properties| properties.get(key)), &schema.additional_properties) {
            (Some(schema), _) => check(&path, value, schema, all),
            (None, Some(JSONSchemaPropsOrBool::Schema(schema))) => check(&path, value, schema, all),
            (None, Some(JSONSchemaPropsOrBool::Bool(true))) => {}
            (None, _) if is_open || properties.is_none() => {}
            (None, _) => all.push(unknown(&path, key, *place, properties.into_iter().flat_map(|all| all.keys().map(String::as_str)))),
        }
    }
    let is_set =
        |name: &String| entries.iter().any(|(key, _, value)| key == name && !matches!(value.content, Content::Scalar(Value::Null)));
    for name in schema.required.iter().flatten().filter(|name| !is_set(name)) {
        all.push(Problem { place, message: format!("{path}.{name} is missing. Add it.") });
    }
}

fn unknown<'a>(path: &str, key: &str, place: Place, known: impl Iterator<Item = &'a str>) -> Problem {
    let nearest = known.map(|name| (strsim::damerau_levenshtein(&name.to_lowercase(), &key.to_lowercase()), name)).min();
    let next = match nearest {
        Some((distance, name)) if distance <= NEAR && distance < key.len() => format!("Did you mean {name}?"),
        _ => "Remove it or correct its name.".to_owned(),
    };
    Problem { place, message: format!("{path}: unknown field. {next}") }
}

fn is_type(content: &Content, type_: &str) -> bool {
    match content {
        Content::List(_) => type_ == "array",
        Content::Map(_) => type_ == "object",
        Content::Scalar(Value::Bool(_)) => type_ == "boolean",
        Content::Scalar(Value::String(_)) => type_ == "string",
        Content::Scalar(Value::Number(number)) => type_ == "number" || (type_ == "integer" && !number.is_f64()),
        Content::Scalar(_) => true,
    }
}

fn describe(content: &Content) -> &'static str {
    match content {
        Content::List(_) => "a list",
        Content::Map(_) => "an object",
        Content::Scalar(Value::Bool(_)) => "a boolean",
        Content::Scalar(Value::Number(_)) => "a number",
        Content::Scalar(_) => "a string",
    }
}

fn with_article(type_: &str) -> String {
    match type_ {
        "array" => "a list".into(),
        "integer" | "object" => format!("an {type_}"),
        _ => format!("a {type_}"),
    }
}

#[cfg(test)]
mod tests {
    use kube::CustomResourceExt;
    use tributary_api::EventRule;

    use super::*;
    use crate::cli::manifests::yaml::documents;

    fn said(spec: &str) -> Vec<String> {
        let text = format!("apiVersion: tributary.dev/v1alpha1\nkind: EventRule\nmetadata: {{name: r}}\n{spec}");
        let all = problems(&documents(&text).unwrap()[0], &EventRule::crd());
        all.into_iter().map(|problem| format!("{}:{} {}", problem.place.line, problem.place.column, problem.message)).collect()
    }

    #[test]
    fn a_rule_that_fits_has_no_problem() {
        let spec = "spec:\n  busRef: {name: b}\n  eventPattern: {anything: {goes: [1]}}\n  tags: {a: b}\n  description: ~\n  \
                    targets:\n    - {name: t, sinkRef: {name: s}, inputTransformer: {inputPathsMap: {a: $.b}, inputTemplate: x}}\n";
        assert_eq!(said(spec), [""; 0]);
    }

    #[test]
    fn what_does_not_fit_has_its_field_and_place() {
        for (spec, expected) in [
            ("spce: {}\n", "4:1 spce: unknown field. Did you mean spec?"),
            ("spec:\n  busref: {name: b}\n", "5:3 spec.busref: unknown field. Did you mean busRef?"),
            ("spec:\n  busRef: {name: b}\n  xyz: 1\n", "6:3 spec.xyz: unknown field. Remove it or correct its name."),
            (
                "spec:\n  busRef: {name: b, kind: Bus}\n",
                "5:27 spec.busRef.kind: \"Bus\" is not supported. Use one of EventBus, BenchlingSubscription, BenchlingApp.",
            ),
            ("spec:\n  busRef: b\n", "5:11 spec.busRef must be an object, not a string. Correct it."),
            ("spec:\n  busRef: {name: 1}\n", "5:18 spec.busRef.name must be a string, not a number. Correct it."),
            ("spec:\n  busRef: {name: b}\n  targets:\n    - {name: t}\n", "7:7 spec.targets[0].sinkRef is missing. Add it."),
            ("spec:\n  busRef: {name: b}\n  targets: {}\n", "6:12 spec.targets must be a list, not an object. Correct it."),
            ("", "1:1 spec is missing. Add it."),
        ] {
            let all = said(spec);
            assert!(all.iter().any(|problem| problem == expected), "{spec}: {all:#?}");
        }
    }
}
