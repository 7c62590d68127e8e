//! Files that come from the types: CRDs, the chart's copies, the API reference. A test fails when they drift.

use std::{fmt::Write as _, path::Path};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

use serde_json::json;

use tributary_core::iam_policy;

use crate::cli::Error;

/// File name and YAML text of each CRD.
pub fn crds() -> Result<Vec<(String, String)>, Error> {
    let mut files = Vec::new();
    for mut crd in tributary_api::crds() {
        // A release keeps its CRDs when it is uninstalled: deleting them would delete every object.
        crd.metadata.annotations.get_or_insert_default().insert("helm.sh/resource-policy".into(), "keep".into());
        // Through JSON, so that keys are sorted and the text does not depend on the order of fields.
        let value = serde_json::to_value(&crd)?;
        files.push((format!("{}.yaml", crd.spec.names.plural), serde_saphyr::to_string(&value)?));
    }
    Ok(files)
}

/// The API reference.
const REFERENCE: &str = "docs/reference/api.md";
/// The IAM page, of which only the policies are generated.
const IAM_PAGE: &str = "docs/how-to/set-up-iam.md";

/// Returns the path below the root and the text of every generated file.
pub fn files(root: &Path) -> Result<Vec<(String, String)>, Error> {
    let mut files = Vec::new();
    for (name, text) in crds()? {
        files.push((format!("crds/{name}"), text.clone()));
        for chart in ["tributary", "tributary-crds"] {
            files.push((format!("charts/{chart}/files/crds/{name}"), text.clone()));
        }
    }
    files.push(("charts/tributary/files/clusterrole-rules.yaml".into(), rules_yaml()?));
    files.push((REFERENCE.into(), reference()));
    files.push((IAM_PAGE.into(), policies(&read(&root.join(IAM_PAGE))?)?));
    Ok(files)
}

/// A rule of the operator's `ClusterRole`.
pub(super) struct Rule {
    pub(super) group: &'static str,
    pub(super) resources: Vec<String>,
    pub(super) verbs: &'static [&'static str],
    /// Name of the only object that it is about.
    pub(super) name: Option<&'static str>,
}

/// What the operator may do in the cluster: no more than it does. Secrets and the lease are a Role in its own namespace, in the chart.
pub(super) fn rules() -> Vec<Rule> {
    let rule = |group, resources, verbs| Rule { group, resources, verbs, name: None };
    // Sync processes backfills, not the operator.
    let plurals = tributary_api::crds().into_iter().map(|crd| crd.spec.names.plural).filter(|plural| plural != "benchlingbackfills");
    let plurals: Vec<_> = plurals.collect();
    let statuses = plurals.iter().map(|plural| format!("{plural}/status")).collect();
    let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect();
    vec![
        // `patch` is for the finalizer, and for the child objects that the operator creates; no other spec is ever written.
        rule(tributary_api::GROUP, plurals, &["get", "list", "watch", "patch"]),
        rule(tributary_api::GROUP, texts(&["eventbuses", "eventrules", "eventsinks"]), &["create", "delete"]),
        rule(tributary_api::GROUP, statuses, &["patch"]),
        rule("events.k8s.io", texts(&["events"]), &["create"]),
        // Its uid is the installation id, unless one is set.
        Rule { name: Some("kube-system"), ..rule("", texts(&["namespaces"]), &["get"]) },
    ]
}

fn rules_yaml() -> Result<String, Error> {
    let yaml = |rule: Rule| {
        let mut value = json!({"apiGroups": [rule.group], "resources": rule.resources, "verbs": rule.verbs});
        if let Some(name) = rule.name {
            value["resourceNames"] = json!([name]);
        }
        value
    };
    Ok(serde_saphyr::to_string(&rules().into_iter().map(yaml).collect::<Vec<_>>())?)
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// The text with the block after each `<!-- rights: feature, feature -->` replaced by the policy.
fn policies(text: &str) -> Result<String, Error> {
    const MARK: &str = "<!-- rights: ";
    let mut parts = text.split(MARK);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (names, rest) = part.split_once(" -->\n").ok_or_else(|| format!("{IAM_PAGE}: `<!-- rights:` without `-->`"))?;
        let after = match rest.strip_prefix("```json\n") {
            Some(block) => block.split_once("\n```\n").ok_or_else(|| format!("{IAM_PAGE}: code block without an end"))?.1,
            None => rest,
        };
        let features = names.split(", ").map(|name| {
            let found = iam_policy::FEATURES.iter().find(|feature| feature.name == name);
            found.ok_or_else(|| format!("{IAM_PAGE}: unknown feature {name}"))
        });
        let document = iam_policy::document(features.collect::<Result<Vec<_>, _>>()?, &iam_policy::Place::default())?;
        write!(out, "{MARK}{names} -->\n```json\n{document}\n```\n{after}")?;
    }
    Ok(out)
}

pub fn write(root: &Path) -> Result<(), Error> {
    for (path, text) in files(root)? {
        let path = root.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

fn reference() -> String {
    let mut out =
        String::from("# API reference\n\nGenerated from the Rust types by `make generate`. Group `tributary.dev`, version `v1alpha1`.\n");
    for crd in tributary_api::crds() {
        let _ = kind(&mut out, &crd);
    }
    out
}

fn kind(out: &mut String, crd: &CustomResourceDefinition) -> std::fmt::Result {
    let names = &crd.spec.names;
    let short = names.short_names.iter().flatten().cloned().collect::<Vec<_>>().join(", ");
    writeln!(out, "\n## {}\n\n`kubectl get {}` (short: `{short}`), {}.", names.kind, names.plural, crd.spec.scope.to_lowercase())?;
    for version in &crd.spec.versions {
        let Some(schema) = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref()) else { continue };
        for part in ["spec", "status"] {
            let Some(schema) = schema.properties.iter().flatten().find(|(name, _)| *name == part).map(|(_, schema)| schema) else {
                continue;
            };
            writeln!(out, "\n### {}.{part}\n", names.kind)?;
            if part == "spec"
                && let Some(text) = &schema.description
            {
                writeln!(out, "{text}\n")?;
            }
            writeln!(out, "| field | type | meaning |\n|---|---|---|")?;
            fields(out, part, schema)?;
        }
    }
    Ok(())
}

fn fields(out: &mut String, path: &str, schema: &JSONSchemaProps) -> std::fmt::Result {
    for rule in schema.x_kubernetes_validations.iter().flatten() {
        if let Some(message) = &rule.message {
            writeln!(out, "| `{path}` | rule | {} |", cell(message))?;
        }
    }
    for (name, field) in schema.properties.iter().flatten() {
        let path = format!("{path}.{name}");
        // A condition is the standard type of Kubernetes.
        if path.contains(".conditions[]") {
            continue;
        }
        let required = schema.required.iter().flatten().any(|required| required == name);
        let text = field.description.clone().unwrap_or_default();
        let needed = if required { "Required. " } else { "" };
        writeln!(out, "| `{path}` | {} | {needed}{} |", type_of(field), cell(&text))?;
        fields(out, &path, field)?;
        if let Some(JSONSchemaPropsOrArray::Schema(items)) = &field.items {
            fields(out, &format!("{path}[]"), items)?;
        }
        if let Some(JSONSchemaPropsOrBool::Schema(values)) = &field.additional_properties {
            fields(out, &format!("{path}.*"), values)?;
        }
    }
    Ok(())
}

fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

fn type_of(field: &JSONSchemaProps) -> String {
    let mut text = match (field.format.as_deref(), &field.type_) {
        (Some("date-time"), _) => "time (RFC 3339)".to_owned(),
        (_, Some(name)) => name.clone(),
        (_, None) => "any".into(),
    };
    if let Some(values) = &field.enum_ {
        let values: Vec<_> = values.iter().filter(|value| !value.0.is_null()).map(|value| value.0.to_string().replace('"', "")).collect();
        text = values.join(" or ");
    }
    let (low, high) = (field.minimum, field.maximum);
    if let (Some(low), Some(high)) = (low, high) {
        let _ = write!(text, " {low} to {high}");
    }
    if let Some(pattern) = &field.pattern {
        let _ = write!(text, " `{}`", cell(pattern));
    }
    if let Some(default) = field.default.as_ref().filter(|default| !default.0.is_null() && default.0 != serde_json::json!([])) {
        let _ = write!(text, ", default {}", default.0.to_string().replace('"', ""));
    }
    text
}
