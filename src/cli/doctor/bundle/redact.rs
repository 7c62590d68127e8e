//! Objects without what may be a secret. A text in a spec is kept only if its field or value is known to be harmless, so that a new field is
//! redacted until it is listed here.

use std::{collections::BTreeSet, sync::LazyLock};

use clap::CommandFactory;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Container};
use serde_json::{Map, Value, json};

use crate::cli::{
    Cli,
    doctor::{bundle::scrub, kinds, object::Object},
};

const REDACTED: &str = "[redacted]";

/// Fields whose texts are names, ARNs and the like.
const KEPT: [&str; 40] = [
    "accountId",
    "allowedNamespaces",
    "apiVersion",
    "appDefinitionId",
    "appName",
    "archive",
    "arn",
    "arns",
    "awsName",
    "database",
    "deletionPolicy",
    "eventSourceName",
    "eventTypes",
    "fieldPath",
    "from",
    "host",
    "ids",
    "jobName",
    "key",
    "keyId",
    "kind",
    "kmsKeyId",
    "managementPolicy",
    "messageGroupId",
    "name",
    "names",
    "namespace",
    "namespaces",
    "organizationId",
    "partition",
    "principals",
    "region",
    "roles",
    "rules",
    "schedule",
    "source",
    "target",
    "tenant",
    "tenants",
    "until",
];
/// Fields that are kept with all that is in them.
const KEPT_WHOLE: [&str; 1] = ["eventPattern"];
/// Fields that are redacted with all that is in them: values that are sent somewhere, and events of tests.
const REDACTED_WHOLE: [&str; 10] =
    ["condition", "definition", "http", "input", "inputTransformer", "inputs", "invocationHttp", "overrides", "parameters", "tests"];
/// URLs of which scheme and host are kept.
const URLS: [&str; 3] = ["authorizationEndpoint", "endpoint", "url"];

/// Values of enums in the schemas.
static ENUMS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let mut values = BTreeSet::new();
    for crd in kinds::crds() {
        enums(&serde_json::to_value(&crd.spec.versions).unwrap_or_default(), &mut values);
    }
    values
});

fn enums(schema: &Value, into: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            into.extend(fields.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| enums(field, into));
        }
        Value::Array(all) => all.iter().for_each(|one| enums(one, into)),
        _ => {}
    }
}

pub(super) fn object(object: &Object) -> Value {
    let meta = &object.meta;
    let annotations: Map<String, Value> = meta
        .annotations
        .iter()
        .flatten()
        .map(|(key, value)| (key.clone(), if key.starts_with("tributary.dev/") { value.as_str() } else { REDACTED }.into()))
        .collect();
    let mut status = object.data["status"].clone();
    if let Some(admitted) = status.get_mut("admitted") {
        *admitted = REDACTED.into();
    }
    json!({
        "kind": object.kind,
        "metadata": {
            "name": meta.name, "namespace": meta.namespace, "uid": meta.uid, "generation": meta.generation, "resourceVersion": meta.resource_version,
            "creationTimestamp": meta.creation_timestamp, "deletionTimestamp": meta.deletion_timestamp, "finalizers": meta.finalizers,
            "ownerReferences": meta.owner_references, "labels": meta.labels, "annotations": annotations,
        },
        "spec": spec("", &object.data["spec"]),
        "status": scrub::value(status),
    })
}

/// The value of a field of a spec.
fn spec(field: &str, value: &Value) -> Value {
    if KEPT_WHOLE.contains(&field) {
        return value.clone();
    }
    if REDACTED_WHOLE.contains(&field) {
        return REDACTED.into();
    }
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), spec(name, value))).collect::<Map<_, _>>().into(),
        Value::Array(all) => all.iter().map(|one| spec(field, one)).collect(),
        Value::String(text) if URLS.contains(&field) => host(text).into(),
        Value::String(text) if KEPT.contains(&field) || is_arn_field(field) || ENUMS.contains(text) => value.clone(),
        Value::String(_) => REDACTED.into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn is_arn_field(field: &str) -> bool {
    field.ends_with("Arn") || field.ends_with("Arns")
}

/// Scheme and host of a URL.
fn host(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return REDACTED.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    format!("{scheme}://{}", authority.rsplit('@').next().unwrap_or_default())
}

/// Environment variables that the processes in the cluster define. None of them is a secret.
static VARIABLES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let command = Cli::command();
    let processes = command.get_subcommands().filter(|command| ["run", "gateway", "sync"].contains(&command.get_name()));
    let variables = processes.flat_map(|command| command.get_arguments().filter_map(|argument| argument.get_env()));
    variables.map(|name| name.to_string_lossy().into_owned()).collect()
});

pub(super) fn deployment(deployment: &Deployment) -> Value {
    let meta = &deployment.metadata;
    let spec = deployment.spec.clone().unwrap_or_default();
    let pod = spec.template.spec.unwrap_or_default();
    json!({
        "name": meta.name, "namespace": meta.namespace, "labels": meta.labels, "generation": meta.generation, "replicas": spec.replicas,
        "serviceAccountName": pod.service_account_name, "containers": pod.containers.iter().map(container).collect::<Vec<_>>(),
        "status": deployment.status,
    })
}

fn container(container: &Container) -> Value {
    let variable = |variable: &k8s_openapi::api::core::v1::EnvVar| {
        let is_known = VARIABLES.contains(&variable.name);
        let value = variable.value.as_ref().map(|value| if is_known { value.as_str() } else { REDACTED });
        json!({"name": variable.name, "value": value, "valueFrom": variable.value_from.is_some()})
    };
    // The first argument is the command. Flags may be anything.
    let args = container.args.iter().flatten().enumerate().map(|(index, text)| match index {
        0 => text.clone(),
        _ => text.split_once('=').map_or_else(|| REDACTED.to_owned(), |(flag, _)| format!("{flag}={REDACTED}")),
    });
    json!({
        "name": container.name, "image": container.image, "args": args.collect::<Vec<_>>(), "resources": container.resources,
        "env": container.env.iter().flatten().map(variable).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_fields_and_enums_are_kept_and_unknown_ones_are_not() {
        let given =
            json!({"name": "a", "roleArn": "arn:x", "deletionPolicy": "Retain", "state": "Disabled", "later": "secret", "count": 3});
        let kept = spec("", &given);
        assert_eq!(
            kept,
            json!({"name": "a", "roleArn": "arn:x", "deletionPolicy": "Retain", "state": "Disabled", "later": REDACTED, "count": 3})
        );
        assert_eq!(spec("endpoint", &json!("https://u:p@h.example:8443/path?q=1")), json!("https://h.example:8443"));
        assert_eq!(spec("endpoint", &json!("nonsense")), json!(REDACTED));
    }

    #[test]
    fn variables_of_the_processes_are_known() {
        assert!(VARIABLES.contains("TRIBUTARY_LEASE_NAME") && VARIABLES.contains("TRIBUTARY_WATCH_NAMESPACES"), "{:?}", *VARIABLES);
        assert!(VARIABLES.iter().all(|name| !["SECRET", "PASSWORD", "TOKEN"].iter().any(|word| name.contains(word))), "{:?}", *VARIABLES);
    }
}
