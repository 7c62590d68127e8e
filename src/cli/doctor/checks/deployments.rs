//! Whether operator, gateway and sync run, in the version of this command.

use std::fmt::Write as _;

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};

use crate::cli::doctor::{
    checks::leader,
    component::Component,
    finding::{Finding, ObjectRef, Severity},
    snapshot::Snapshot,
};

pub(super) fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let Ok(deployments) = &snapshot.deployments else { return vec![] };
    let mut all = Vec::new();
    for component in Component::ALL {
        let of: Vec<_> = deployments.iter().filter(|deployment| Component::of(deployment) == Some(component)).collect();
        if of.is_empty() {
            all.extend(missing(component, snapshot));
        }
        all.extend(
            of.into_iter().flat_map(|deployment| [unavailable(component, deployment, snapshot), version(deployment, snapshot)]).flatten(),
        );
    }
    all
}

fn missing(component: Component, snapshot: &Snapshot) -> Option<Finding> {
    let namespace = &snapshot.operator_namespace;
    let (severity, effect) = match component {
        // It runs somewhere else, such as on a laptop.
        Component::Operator if leader::is_led(snapshot) => {
            (Severity::Info, "A replica elsewhere leads, which this command cannot inspect.")
        }
        Component::Operator => (Severity::Critical, "No object is reconciled."),
        Component::Gateway if snapshot.of_kind("BenchlingApp").next().is_some() => {
            (Severity::Critical, "No webhook of a BenchlingApp is received. Set gateway.enabled in the chart.")
        }
        Component::Sync if needs_sync(snapshot) => {
            (Severity::Critical, "No row is written and no BenchlingBackfill runs. Set sync.enabled in the chart.")
        }
        Component::Gateway | Component::Sync => return None,
    };
    let message = format!(
        "no Deployment of the {} in namespace {namespace}. {effect} If it is in another namespace, name it with --operator-namespace.",
        component.name()
    );
    let command = format!("kubectl get deployments -n {namespace}");
    Some(Finding::new("deployment-missing", severity, message, command))
}

fn needs_sync(snapshot: &Snapshot) -> bool {
    let writes_rows = |sink: &crate::cli::doctor::object::Object| sink.data["spec"]["postgres"].is_object();
    snapshot.of_kind("BenchlingBackfill").next().is_some() || snapshot.of_kind("EventSink").any(writes_rows)
}

fn object(deployment: &Deployment, snapshot: &Snapshot) -> ObjectRef {
    ObjectRef::new("Deployment", Some(&snapshot.operator_namespace), deployment.metadata.name.as_deref().unwrap_or_default())
}

fn unavailable(component: Component, deployment: &Deployment, snapshot: &Snapshot) -> Option<Finding> {
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let available = deployment.status.as_ref().and_then(|status| status.available_replicas).unwrap_or_default();
    if wanted > 0 && available >= wanted {
        return None;
    }
    let severity = if available == 0 { Severity::Critical } else { Severity::Warning };
    let mut message = if wanted == 0 {
        format!("the {} is scaled to 0 replicas. Scale it up to continue.", component.name())
    } else {
        format!("{available} of {wanted} replicas of the {} are available.", component.name())
    };
    for trouble in snapshot.pods.iter().flatten().filter(|pod| Component::owns(deployment, pod)).filter_map(trouble) {
        let _ = write!(message, " {trouble}");
    }
    let object = object(deployment, snapshot);
    let command = format!("kubectl describe pods -n {} -l {}", snapshot.operator_namespace, Component::selector(deployment));
    Some(Finding::new("deployment-unavailable", severity, message, command).of(object))
}

/// Why a pod does not run, by its first container that waits or ended.
fn trouble(pod: &Pod) -> Option<String> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let status = pod.status.as_ref()?;
    let of_containers = status.container_statuses.iter().flatten().find_map(|container| {
        let state = container.state.as_ref()?;
        let waiting = state.waiting.as_ref().and_then(|waiting| Some((waiting.reason.clone()?, waiting.message.clone())));
        let ended = state.terminated.as_ref().map(|ended| (format!("exit code {}", ended.exit_code), ended.message.clone()));
        waiting.or(ended)
    });
    let of_pod = || {
        let unscheduled =
            status.conditions.iter().flatten().find(|condition| condition.status == "False" && condition.type_ == "PodScheduled")?;
        Some((unscheduled.reason.clone().unwrap_or_default(), unscheduled.message.clone()))
    };
    let (reason, message) = of_containers.or_else(of_pod)?;
    let message = message.map_or_else(String::new, |text| format!(": {}", text.trim()));
    Some(format!("Pod {name}: {reason}{message}."))
}

fn version(deployment: &Deployment, snapshot: &Snapshot) -> Option<Finding> {
    let ours = env!("CARGO_PKG_VERSION");
    let theirs = deployment.metadata.labels.as_ref()?.get("app.kubernetes.io/version")?;
    let message =
        format!("the Deployment is version {theirs}, this command is {ours}. Use the same version: fields and checks may differ.");
    let finding = Finding::new("version-differs", Severity::Warning, message, "tributary --version").of(object(deployment, snapshot));
    (theirs != ours).then_some(finding)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::tests::*, *};

    #[test]
    fn components_that_are_needed_and_not_deployed_are_critical() {
        let mut snapshot = Snapshot { deployments: Ok(vec![]), ..healthy() };
        let found = check(&snapshot);
        assert_eq!((found.len(), found[0].severity), (1, Severity::Info), "another replica leads");
        snapshot.lease = Ok(None);
        snapshot.objects.push(object_of("BenchlingApp"));
        snapshot.objects.push(object_of("BenchlingBackfill"));
        let found = check(&snapshot);
        assert!(found.iter().all(|finding| finding.id == "deployment-missing" && finding.severity == Severity::Critical), "{found:?}");
        assert_eq!(found.len(), 3);
        snapshot.deployments = Ok(vec![deployment("run"), deployment("gateway"), deployment("sync")]);
        assert_eq!(check(&snapshot), []);
    }

    fn object_of(kind: &str) -> crate::cli::doctor::object::Object {
        super::super::tests::object(kind, "x", json!({}), json!({}))
    }

    #[test]
    fn unavailable_replicas_are_reported_with_the_state_of_their_pods() {
        let mut run = deployment("run");
        run.status.as_mut().unwrap().available_replicas = Some(1);
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "p", "labels": {"app": "run"}},
            "status": {"containerStatuses": [{
                "name": "tributary", "ready": false, "restartCount": 3, "image": "", "imageID": "",
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
            }]},
        }))
        .unwrap();
        let mut snapshot = Snapshot { deployments: Ok(vec![run.clone()]), pods: Ok(vec![pod]), ..healthy() };
        let found = check(&snapshot);
        assert_eq!(found[0].message, "1 of 2 replicas of the operator are available. Pod p: CrashLoopBackOff: back-off 40s.");
        assert_eq!(
            (found[0].severity, found[0].command.as_str()),
            (Severity::Warning, "kubectl describe pods -n tributary-system -l app=run")
        );
        run.status = None;
        snapshot.deployments = Ok(vec![run]);
        assert_eq!(check(&snapshot)[0].severity, Severity::Critical);
    }

    #[test]
    fn another_version_is_a_warning() {
        let mut run = deployment("run");
        run.metadata.labels.as_mut().unwrap().insert("app.kubernetes.io/version".into(), "9.9.9".into());
        assert_eq!(ids(check(&Snapshot { deployments: Ok(vec![run]), ..healthy() })), ["version-differs"]);
    }
}
