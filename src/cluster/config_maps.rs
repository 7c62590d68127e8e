//! Reads the `ConfigMap`s that tests of a rule refer to: by name, in the namespace of the rule, and only if the operator is configured to
//! read `ConfigMap`s for users (ADR 0019).

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use tributary_api::ConfigMapKeyRef;
use tributary_core::{error::ReconcileError, rule_tests::ConfigMapValues};

use crate::cluster::{arn_from::ArnSources, error::api_error};

/// What came of reading a `ConfigMap`.
pub(super) enum ReadConfigMap {
    Found(Box<ConfigMap>),
    Missing,
    /// Why the operator may not read it, with the next step.
    NotPermitted(String),
}

impl ArnSources {
    /// Reads a `ConfigMap`, if the operator is configured to read `ConfigMap`s for users.
    ///
    /// # Errors
    /// The API server cannot be read.
    pub(super) async fn config_map(&self, namespace: &str, name: &str) -> Result<ReadConfigMap, ReconcileError> {
        if let Some(config_map) = self.provided(namespace, name) {
            return Ok(ReadConfigMap::Found(Box::new(config_map.clone())));
        }
        if !self.reads_config_maps() {
            return Ok(not_permitted("add {kind: ConfigMap, resource: configmaps, apiGroup: \"\"} to the chart's value arnFrom.allowed"));
        }
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
        match api.get_opt(name).await {
            Ok(Some(config_map)) => Ok(ReadConfigMap::Found(Box::new(config_map))),
            Ok(None) => Ok(ReadConfigMap::Missing),
            Err(kube::Error::Api(status)) if status.code == 403 => {
                Ok(not_permitted("grant `get` on configmaps to its role, as the chart does with arnFrom.allowed"))
            }
            Err(error) => Err(api_error(error)),
        }
    }

    /// The values of the keys, or why a value is not available. A key that does not exist is not in the result.
    ///
    /// # Errors
    /// The API server cannot be read at all.
    pub(crate) async fn read_config_maps(
        &self,
        namespace: &str,
        keys: &BTreeSet<ConfigMapKeyRef>,
    ) -> Result<ConfigMapValues, ReconcileError> {
        let (mut values, mut found) = (ConfigMapValues::new(), BTreeMap::new());
        for key in keys {
            if !found.contains_key(&key.name) {
                found.insert(&key.name, self.config_map(namespace, &key.name).await?);
            }
            match &found[&key.name] {
                ReadConfigMap::Found(object) => {
                    let value = object.data.as_ref().and_then(|data| data.get(&key.key));
                    values.extend(value.map(|value| (key.clone(), Ok(value.clone()))));
                }
                ReadConfigMap::NotPermitted(why) => drop(values.insert(key.clone(), Err(why.clone()))),
                ReadConfigMap::Missing => {}
            }
        }
        Ok(values)
    }
}

fn not_permitted(next: &str) -> ReadConfigMap {
    ReadConfigMap::NotPermitted(format!("the operator has no permission to read ConfigMaps. Its administrator can {next}."))
}
