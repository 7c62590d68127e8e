//! Writes child objects in Kubernetes and, by `exports.rs`, ConfigMaps. Nothing else creates objects. Each has an owner reference to the
//! object that it was created for.

use kube::{
    Api, Client, CustomResourceExt,
    api::{DeleteParams, DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};
use tributary_api::{EventBus, EventRule, EventSink, annotation};
use tributary_core::{
    error::{Reason, ReconcileError},
    managed::Managed,
    steps::ChildStep,
};

use crate::cluster::{error::api_error, exports};

/// Field manager of children in server-side apply.
const MANAGER: &str = "tributary-children";

fn api(client: &Client, kind: &str, namespace: &str) -> Result<Api<DynamicObject>, ReconcileError> {
    let resource = match kind {
        EventBus::KIND => EventBus::api_resource(),
        EventRule::KIND => EventRule::api_resource(),
        EventSink::KIND => EventSink::api_resource(),
        other => return Err(ReconcileError::invalid(Reason::InvalidSpec, format!("{other} is not a kind of child objects"))),
    };
    Ok(Api::namespaced_with(client.clone(), namespace, &resource))
}

/// Makes the step.
///
/// # Errors
/// The API server rejects the write, or a deletion is in progress.
pub(crate) async fn apply(client: &Client, step: &ChildStep) -> Result<(), ReconcileError> {
    match step {
        ChildStep::ApplyChild { kind, namespace, name, manifest } => {
            let (api, params) = (api(client, kind, namespace)?, PatchParams::apply(MANAGER).force());
            let applied = api.patch(name, &params, &Patch::Apply(manifest)).await.map_err(|error| rejected(error, kind, name))?;
            if applied.data["spec"] == manifest["spec"] {
                return Ok(());
            }
            // Server-side apply keeps fields of other managers; a child's spec is exactly what its owner defines.
            let exact = json!([
                {"op": "test", "path": "/metadata/resourceVersion", "value": applied.metadata.resource_version},
                {"op": "replace", "path": "/spec", "value": manifest["spec"]},
            ]);
            let exact = serde_json::from_value(exact).map_err(|error| ReconcileError::transient(error.to_string()))?;
            let answer = api.patch(name, &PatchParams::default(), &Patch::Json::<()>(exact)).await;
            answer.map(drop).map_err(|error| rejected(error, kind, name))
        }
        ChildStep::ApplyConfigMap { config_map } => exports::apply(client, config_map).await,
        ChildStep::DeleteConfigMap { config_map } => exports::delete(client, config_map).await,
        ChildStep::DeleteChild { kind, namespace, name, orphan } => {
            let api = api(client, kind, namespace)?;
            if *orphan {
                let patch: Value = json!({"metadata": {"annotations": {(annotation::ORPHAN): "true"}}});
                ignore_missing(api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await)?;
            }
            match api.delete(name, &DeleteParams::default()).await {
                // Its own finalizer continues; its deletion triggers its owner.
                Ok(answer) if answer.is_left() => Err(ReconcileError::blocked(
                    Reason::Deleting,
                    format!("{kind} {namespace}/{name} is being deleted. See its conditions."),
                )),
                answer => ignore_missing(answer.map(drop)),
            }
        }
    }
}

fn ignore_missing<T>(answer: Result<T, kube::Error>) -> Result<(), ReconcileError> {
    match answer {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        answer => answer.map(drop).map_err(api_error),
    }
}

/// The error of a write. What admission rejects in a child comes from the owner's spec.
fn rejected(error: kube::Error, kind: &str, name: &str) -> ReconcileError {
    match error {
        kube::Error::Api(status) if status.code == 422 => ReconcileError::invalid(
            Reason::InvalidSpec,
            format!("spec: the API server rejects the resulting {kind} {name}: {}. Correct the spec.", status.message),
        ),
        error => api_error(error),
    }
}
