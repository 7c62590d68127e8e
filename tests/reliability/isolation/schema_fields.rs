//! Every text field of the CRDs: one that can name another owner's resource is attempted, and a new one fails until it is classified.

use std::collections::BTreeSet;

use serde_json::Value;

/// Texts that name nothing which has an owner; of `AwsAccount` all, for it is the platform team's, and tenants may not write it
/// (its Secret is in `tenants`). Keys of KMS are let in by their own policies, which AWS asks.
const PLAIN: &[&str] = &[
    "region",
    "partition",
    "endpoint",
    "description",
    "kind",
    // Of an object of the sink's own namespace, by its `name`.
    "arnFrom.apiVersion",
    "arnFrom.fieldPath",
    // Of a ConfigMap in the sink's own namespace. One that the sink does not own is not changed (`sinks`, export).
    "exportTo.configMap.name",
    "definitionFrom.configMapKeyRef.name",
    "schedule",
    // Of a redrive: names of targets of its own rules, and filters.
    "targets",
    "errorCodes",
    "sentAfter",
    "sentBefore",
    "inputPath",
    "inputTemplate",
    "inputPathsMap",
    "tags",
    "eventTypes",
    "names",
    "ids",
    "updatedFields",
    "messageGroupId",
    "kmsKeyId",
    "kmsKeyArn",
    "keyId",
    "allowedNamespaces",
    "targets.name",
    // Of the rule itself: its tests, and the names of its targets.
    "tests.name",
    "tests.sample",
    "tests.inputs.target",
    "tests.inputs.text",
    "archives.name",
    // The end of a Sid that begins with the owner's hash.
    "grants.name",
    "policyStatements.name",
    "startTime",
    "endTime",
    "deletionPolicy",
    "managementPolicy",
    "permissions",
    "state",
    "class",
    "deduplicationScope",
    "throughputLimit",
    "redriveAllow",
    "displayName",
    "partitionKeyPath",
    "jobName",
    "sql",
    "sqls",
    "statementName",
    // Of a task: capacity of the cluster that the account lets the namespace name.
    "capacityProvider",
    "platformVersion",
    "group",
    "referenceId",
    "placementConstraints.expression",
    "placementStrategy.field",
    // What the role may run of the API that `apiArn` names.
    "appSync.operation",
    "appSync.fields",
    "parameters.name",
    "parameters.value",
    "headers",
    "query",
    // Of an API destination's URL, and of a role in IAM: its name has the owner's hash, and its tags say whose it is.
    "path",
    // Of a connection: whom the endpoint knows, where it gives tokens, values that everybody may read. `key` is of the Secret named beside it.
    "username",
    "apiKey.name",
    "clientId",
    "authorizationEndpoint",
    "headers.value",
    "query.value",
    "body.value",
    "key",
    // Of a database and of Benchling, which ask for a password or a token that the namespace has; what is in the table is the database's to guard.
    "database.host",
    "database.name",
    "database.user",
    "activityLog.appId",
    "schemas.id",
    "schemas.field",
    // Of the configuration of the app whose client the namespace has.
    "configuredSchemas.path",
    "configuredSchemas.fieldPath",
    "table.name",
    "table.schema",
    "columns.id",
    "columns.name",
    "columns.value",
    "columns.schemaId",
    "columns.syncedAt",
    "columns.modifiedAt",
    "columns.archivedReason",
    // What a role may do with the one ARN that the account lets the namespace name.
    "actions",
    // A network's parts have no owner among tenants; AWS lets only those in who run the task.
    "subnets",
    "securityGroups",
];

/// Paths of all texts of a schema, without what is chosen from a list.
fn texts(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    if schema["type"] == "string" && schema.get("enum").is_none() {
        found.insert(path.to_owned());
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        texts(field, &format!("{path}.{name}"), found);
    }
    for inner in ["items", "additionalProperties"] {
        if schema[inner].is_object() {
            texts(&schema[inner], path, found);
        }
    }
}

/// `Kind.path` of every field of a tenant's kinds that can name a thing of somebody else's.
pub fn references() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for crd in tributary_testkit::product::crds() {
        let kind = crd.spec.names.kind.clone();
        let schema = serde_json::to_value(&crd.spec.versions[0].schema).unwrap();
        if kind != "AwsAccount" {
            texts(&schema["openAPIV3Schema"]["properties"]["spec"], &kind, &mut found);
        }
    }
    assert!(found.len() > 40, "the schemas were walked: {found:?}");
    found.retain(|path| !PLAIN.iter().any(|plain| path.ends_with(&format!(".{plain}"))));
    found
}
