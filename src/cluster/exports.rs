//! ConfigMaps that sinks export to: only those in the namespace of the sink, by name, and only where the chart grants access.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams, Preconditions},
};
use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    object::ObjectMetaExt,
};

use crate::cluster::error::api_error;

/// Reads the ConfigMaps that exist, by name.
///
/// # Errors
/// The operator may not read them, or the API server does not respond.
pub(crate) async fn read(
    client: &Client,
    namespace: &str,
    names: &BTreeSet<String>,
) -> Result<BTreeMap<String, ConfigMap>, ReconcileError> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let mut found = BTreeMap::new();
    for name in names {
        let config_map = api.get_opt(name).await.map_err(|error| write_error(error, namespace, name))?;
        found.extend(config_map.map(|config_map| (name.clone(), config_map)));
    }
    Ok(found)
}

/// Creates the ConfigMap, or replaces the one with its resourceVersion. One that somebody else created or changed since it was read stays.
///
/// # Errors
/// A conflict, or the API server rejects the write.
pub(crate) async fn apply(client: &Client, config_map: &ConfigMap) -> Result<(), ReconcileError> {
    let (namespace, name) = (config_map.own_namespace(), config_map.own_name());
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let params = PostParams::default();
    let answer = match config_map.metadata.resource_version {
        Some(_) => api.replace(name, &params, config_map).await,
        None => api.create(&params, config_map).await,
    };
    answer.map(drop).map_err(|error| write_error(error, namespace, name))
}

/// Deletes the ConfigMap, if it is still the one that was read.
///
/// # Errors
/// A conflict, or the API server rejects the write.
pub(crate) async fn delete(client: &Client, config_map: &ConfigMap) -> Result<(), ReconcileError> {
    let (namespace, name) = (config_map.own_namespace(), config_map.own_name());
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let preconditions =
        Preconditions { uid: config_map.metadata.uid.clone(), resource_version: config_map.metadata.resource_version.clone() };
    match api.delete(name, &DeleteParams::default().preconditions(preconditions)).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        answer => answer.map(drop).map_err(|error| write_error(error, namespace, name)),
    }
}

fn write_error(error: kube::Error, namespace: &str, name: &str) -> ReconcileError {
    match error {
        kube::Error::Api(status) if status.code == 403 => ReconcileError::new(
            RetryClass::Refused,
            Reason::ConfigMapNotPermitted,
            format!(
                "spec.exportTo.configMap.name: ConfigMap {namespace}/{name}: the operator has no permission for ConfigMaps in this namespace. Its administrator can add the namespace to the chart's value sinkConfigMaps.namespaces. Without the permission, delete the field."
            ),
        ),
        kube::Error::Api(status) if status.code == 422 => ReconcileError::invalid(
            Reason::InvalidSpec,
            format!(
                "spec.exportTo.configMap.name: the API server rejects ConfigMap {namespace}/{name}: {}. Correct the name.",
                status.message
            ),
        ),
        error => api_error(error),
    }
}
