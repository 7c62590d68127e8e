//! Writes the status and the finalizer of an object. Never its spec.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::{
    Api, Client, Resource,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
};
use serde::Serialize;
use serde_json::{Value, json};
use tributary_api::{FINALIZER, annotation};
use tributary_core::{claim::Claim, error::ReconcileError, guarded::Outline, managed::Managed};

use crate::cluster::error::api_error;

/// Field manager of the status.
const MANAGER: &str = "tributary";

/// A change of the finalizer.
#[derive(Clone, Copy)]
pub(crate) enum Finalizer<'a> {
    /// Adds it, in one request with the claim of a new object.
    Add(Option<&'a Claim>),
    /// Removes it.
    Remove,
}

/// Writes to one object of any kind, by name, so that even an object that cannot be parsed gets conditions.
pub(crate) struct Handle {
    /// Reads no spec, since some cannot be parsed.
    api: Api<Outline>,
    whole: Api<DynamicObject>,
    name: String,
    namespace: Option<String>,
    uid: String,
    kind: ApiResource,
}

impl Handle {
    /// A handle to the object.
    pub(crate) fn new<K: Resource<DynamicType = ()>>(client: &Client, object: &K) -> Self {
        let (kind, meta) = (ApiResource::erase::<K>(&()), object.meta().clone());
        let (api, whole) = match &meta.namespace {
            Some(namespace) => {
                (Api::namespaced_with(client.clone(), namespace, &kind), Api::namespaced_with(client.clone(), namespace, &kind))
            }
            None => (Api::all_with(client.clone(), &kind), Api::all_with(client.clone(), &kind)),
        };
        Self { api, whole, name: meta.name.unwrap_or_default(), namespace: meta.namespace, uid: meta.uid.unwrap_or_default(), kind }
    }

    /// Reads the object from the API server. `None` if it was deleted or recreated.
    ///
    /// # Errors
    /// The API server cannot be read.
    pub(crate) async fn fresh<K: Managed>(&self) -> Result<Option<K>, ReconcileError> {
        let Some(object) = self.whole.get_opt(&self.name).await.map_err(api_error)? else { return Ok(None) };
        if object.metadata.uid.as_deref() != Some(&self.uid) {
            return Ok(None);
        }
        object.try_parse().map(Some).map_err(|error| ReconcileError::transient(format!("cannot parse the object: {error}")))
    }

    /// Writes the whole status and returns the new resourceVersion, or `None` if the object was deleted. `version` is the resourceVersion
    /// that the decisions are based on, as a precondition: an object that was recreated under the same name has another one.
    ///
    /// # Errors
    /// A conflict if the precondition fails, or another error of the API server.
    pub(crate) async fn write_status<S: Serialize + Sync>(
        &self,
        status: &S,
        version: Option<&str>,
    ) -> Result<Option<String>, ReconcileError> {
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

    /// Writes the conditions of an object that cannot be parsed. The rest of the status stays, above all the identity.
    ///
    /// # Errors
    /// An error of the API server.
    pub(crate) async fn write_conditions(
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

    /// Adds or removes the finalizer and returns the new resourceVersion, or `None` if the object was deleted. The resourceVersion is a
    /// precondition, because the list is replaced as a whole.
    ///
    /// # Errors
    /// A conflict if the precondition fails, or another error of the API server.
    pub(crate) async fn set_finalizer(&self, meta: &ObjectMeta, change: Finalizer<'_>) -> Result<Option<String>, ReconcileError> {
        let mut finalizers: Vec<_> = meta.finalizers.iter().flatten().filter(|name| *name != FINALIZER).cloned().collect();
        if let Finalizer::Add(_) = change {
            finalizers.push(FINALIZER.into());
        }
        let mut patch: Value = json!({"metadata": {"finalizers": finalizers, "resourceVersion": meta.resource_version, "uid": self.uid}});
        if let Finalizer::Add(Some(claim)) = change {
            patch["metadata"]["annotations"] = json!({(annotation::IDENTITY): claim.text()});
        }
        let answer = self.api.patch(&self.name, &PatchParams::default(), &Patch::Merge(patch)).await;
        Self::version(answer)
    }

    /// The resourceVersion of the answer. `None` if the object was deleted, which is no error.
    fn version(answer: Result<Outline, kube::Error>) -> Result<Option<String>, ReconcileError> {
        match answer {
            Ok(object) => Ok(object.metadata.resource_version),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(api_error(error)),
        }
    }
}
