//! Writes to an object in Kubernetes: its status and its finalizer. Never its spec.

use tributary_api::FINALIZER;
use tributary_core::{error::ReconcileError, guarded::Outline, managed::Managed};

use crate::cluster::error::api_error;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    Api, Client, Resource,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
};
use serde::Serialize;
use serde_json::{Value, json};

const MANAGER: &str = "tributary";

/// One object, by name, whatever its kind: so that even an object that cannot be read gets a condition.
pub struct Handle {
    /// Reads no spec: some cannot be read.
    api: Api<Outline>,
    whole: Api<DynamicObject>,
    name: String,
    namespace: Option<String>,
    uid: String,
    kind: ApiResource,
}

impl Handle {
    pub fn new<K: Resource<DynamicType = ()>>(client: &Client, object: &K) -> Self {
        let (kind, meta) = (ApiResource::erase::<K>(&()), object.meta().clone());
        let (api, whole) = match &meta.namespace {
            Some(namespace) => {
                (Api::namespaced_with(client.clone(), namespace, &kind), Api::namespaced_with(client.clone(), namespace, &kind))
            }
            None => (Api::all_with(client.clone(), &kind), Api::all_with(client.clone(), &kind)),
        };
        Self { api, whole, name: meta.name.unwrap_or_default(), namespace: meta.namespace, uid: meta.uid.unwrap_or_default(), kind }
    }

    /// The object as the API server has it now; `None` when it is gone, or another one has its name.
    pub async fn fresh<K: Managed>(&self) -> Result<Option<K>, ReconcileError> {
        let Some(object) = self.whole.get_opt(&self.name).await.map_err(api_error)? else { return Ok(None) };
        if object.metadata.uid.as_deref() != Some(&self.uid) {
            return Ok(None);
        }
        object.try_parse().map(Some).map_err(|error| ReconcileError::transient(format!("the object could not be read: {error}")))
    }

    /// Writes the status as a whole and returns the new resourceVersion. `version`: that of the object that was decided from, as a
    /// precondition; an object that was made anew under the same name has another one.
    pub async fn write_status<S: Serialize + Sync>(&self, status: &S, version: Option<&str>) -> Result<Option<String>, ReconcileError> {
        let mut patch = json!({
            "apiVersion": self.kind.api_version,
            "kind": self.kind.kind,
            "metadata": {"name": self.name, "namespace": self.namespace, "uid": self.uid},
            "status": status,
        });
        if let Some(version) = version {
            patch["metadata"]["resourceVersion"] = version.into();
        }
        let answer = self.api.patch_status(&self.name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(patch)).await;
        Self::version(answer)
    }

    /// Writes the conditions and leaves the rest of the status as it is, above all the identity: for an object that cannot be read.
    pub async fn write_conditions(
        &self,
        generation: Option<i64>,
        conditions: impl FnOnce(&[Condition]) -> Vec<Condition>,
    ) -> Result<(), ReconcileError> {
        let Some(object) =
            self.api.get_opt(&self.name).await.map_err(api_error)?.filter(|object| object.metadata.uid.as_deref() == Some(&self.uid))
        else {
            return Ok(());
        };
        let before: Vec<Condition> =
            object.status.as_ref().and_then(|status| serde_json::from_value(status["conditions"].clone()).ok()).unwrap_or_default();
        let after = conditions(&before);
        if after == before {
            return Ok(());
        }
        let patch = json!({
            "metadata": {"resourceVersion": object.metadata.resource_version},
            "status": {"observedGeneration": generation, "conditions": after},
        });
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        Self::version(self.api.patch_status(&self.name, &params, &Patch::Merge(patch)).await).map(drop)
    }

    /// Puts our finalizer there or takes it away; the resourceVersion is a precondition, for a list is replaced as a whole.
    pub async fn set_finalizer<K: Resource>(&self, object: &K, present: bool) -> Result<Option<String>, ReconcileError> {
        let meta = object.meta();
        let mut finalizers: Vec<_> = meta.finalizers.iter().flatten().filter(|name| *name != FINALIZER).cloned().collect();
        if present {
            finalizers.push(FINALIZER.into());
        }
        let patch: Value = json!({"metadata": {"finalizers": finalizers, "resourceVersion": meta.resource_version, "uid": self.uid}});
        let answer = self.api.patch(&self.name, &PatchParams::default(), &Patch::Merge(patch)).await;
        Self::version(answer)
    }

    /// `None`: the object is gone, which is as good.
    fn version(answer: Result<Outline, kube::Error>) -> Result<Option<String>, ReconcileError> {
        match answer {
            Ok(object) => Ok(object.metadata.resource_version),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(api_error(error)),
        }
    }
}
