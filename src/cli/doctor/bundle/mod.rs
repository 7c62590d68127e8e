//! The support bundle: one JSON file with what the checks read, for someone who cannot read the cluster. It contains no secret: Secrets are
//! never read, and values that may be one are redacted.

mod redact;
mod scrub;

use std::collections::BTreeMap;

use k8s_openapi::{api::core::v1::Pod, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition};
use serde_json::{Value, json};

use crate::cli::doctor::{
    report::Report,
    snapshot::{Read, Snapshot, WarningEvent},
};

/// Version of the format. It changes when a field is removed or changes its meaning.
const FORMAT: u32 = 1;

/// Returns the bundle. `logs` are those of the pods, by name.
pub(super) fn bundle(snapshot: &Snapshot, report: &Report, logs: &BTreeMap<String, Read<String>>) -> Value {
    let objects: Vec<_> = snapshot.objects.iter().map(redact::object).collect();
    let not_read = |why: &str| json!({"notRead": why});
    let part = |read: Result<Value, String>| read.unwrap_or_else(|why| not_read(&why));
    let deployments = snapshot.deployments.as_ref().map(|all| all.iter().map(redact::deployment).collect::<Value>());
    let pods = snapshot.pods.as_ref().map(|all| all.iter().map(pod).collect::<Value>());
    let crds = snapshot.crds.as_ref().map(|all| all.iter().map(crd).collect::<Value>());
    let lease = snapshot.lease.as_ref().map(|lease| json!(lease.as_ref().and_then(|lease| lease.spec.clone())));
    let events = snapshot.events.as_ref().map(|all| all.iter().map(event).collect::<Value>());
    let rights = snapshot.rights.as_ref().map(|operator| {
        let missing: Vec<_> = operator
            .rights
            .iter()
            .filter(|right| !right.is_granted)
            .map(|right| json!({"verb": right.verb, "group": right.group, "resource": right.resource, "name": right.name}))
            .collect();
        json!({"serviceAccount": operator.service_account, "reviewed": operator.rights.len(), "missing": missing})
    });
    let why = |not: &crate::cli::doctor::snapshot::NotRead| not.why.clone();
    let logs: BTreeMap<_, _> = logs
        .iter()
        .map(|(pod, log)| {
            let lines = log.as_ref().map(|text| text.lines().map(|line| Value::from(scrub::line(line))).collect::<Value>());
            (pod, part(lines.map_err(why)))
        })
        .collect();
    json!({
        "bundleVersion": FORMAT,
        "report": scrub::value(report.json()),
        "crds": part(crds.map_err(why)),
        "deployments": part(deployments.map_err(why)),
        "pods": part(pods.map_err(why)),
        "lease": part(lease.map_err(why)),
        "operatorRights": part(rights.map_err(why)),
        "objects": objects,
        "events": part(events.map_err(why)),
        "logs": logs,
    })
}

fn crd(crd: &CustomResourceDefinition) -> Value {
    let versions: Vec<_> = crd
        .spec
        .versions
        .iter()
        .map(|version| json!({"name": version.name, "served": version.served, "storage": version.storage}))
        .collect();
    json!({"name": crd.metadata.name, "generation": crd.metadata.generation, "versions": versions, "status": crd.status})
}

fn pod(pod: &Pod) -> Value {
    let images: Vec<_> = pod
        .spec
        .iter()
        .flat_map(|spec| &spec.containers)
        .map(|container| json!({"name": container.name, "image": container.image}))
        .collect();
    let status = scrub::value(serde_json::to_value(&pod.status).unwrap_or_default());
    json!({"name": pod.metadata.name, "node": pod.spec.as_ref().and_then(|spec| spec.node_name.clone()), "containers": images, "status": status})
}

fn event(event: &WarningEvent) -> Value {
    json!({
        "kind": event.kind, "namespace": event.namespace, "name": event.name, "reason": event.reason,
        "note": scrub::text(&event.note), "last": event.last.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::{checks::tests::*, report::Report};

    #[test]
    fn no_canary_is_in_the_bundle_and_what_helps_is() {
        let canary = "canary-7Qm2";
        let spec = json!({
            "accountRef": {"name": "prod"},
            "apiDestination": {
                "managed": {"endpoint": format!("https://user:{canary}@api.example.com/{canary}?token={canary}"), "connection": {
                    "invocationHttp": {"headers": {"X-Key": {"value": canary}}}, "basic": {"username": canary, "passwordSecretRef": {"name": "s", "key": "k"}},
                }},
                "http": {"headers": {"X": canary}, "query": {canary: "v"}, "path": [canary]},
            },
            "targets": [{"name": "t", "input": canary, "inputTransformer": {"inputTemplate": canary}}],
            "tests": [{"name": "n", "event": {"detail": {"amount": 4711, "secret": canary}}}],
            "later": {"unknown": canary},
        });
        let status = json!({"admitted": {"parameters": canary}, "conditions": [ready("False", "AccessDenied", 9)]});
        let applied = json!({"annotations": {"kubectl.kubernetes.io/last-applied-configuration": canary, "tributary.dev/paused": "true"}});
        let mut snapshot = healthy();
        snapshot.objects = vec![with("EventSink", "api", applied, spec, status)];
        let log = format!("{{\"message\":\"x\",\"password\":\"{canary}\"}}\nAuthorization: Bearer {canary}\nstarted");
        let logs = BTreeMap::from([("pod-1".to_owned(), Ok(log)), ("pod-2".to_owned(), not_read("log"))]);
        let text = bundle(&snapshot, &Report::default(), &logs).to_string();
        for secret in [canary, "canary-env", "4711"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        for kept in [
            "https://api.example.com",
            "message of AccessDenied",
            "\"name\":\"prod\"",
            "TRIBUTARY_LEASE_NAME",
            "started",
            "passwordSecretRef",
            "tributary.dev/paused",
            "{\"notRead\":\"forbidden\"}",
        ] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
    }
}
