//! Reads the `ConfigMap`s that tests of a rule refer to: by name, in the namespace of the rule, and only if the operator is configured to
//! read `ConfigMap`s for users (ADR 0019).

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use tributary_api::ConfigMapKeyRef;
use tributary_core::{error::ReconcileError, rule_tests::ConfigMapValues};

use crate::cluster::{arn_from::ArnSources, error::api_error};

impl ArnSources {
    /// The values of the keys, or why a value is not available. A key that does not exist is not in the result.
    ///
    /// # Errors
    /// The API server cannot be read at all.
    pub(crate) async fn read_config_maps(
        &self,
        namespace: &str,
        keys: &BTreeSet<ConfigMapKeyRef>,
    ) -> Result<ConfigMapValues, ReconcileError> {
        let mut values = ConfigMapValues::new();
        if keys.is_empty() {
            return Ok(values);
        }
        if !self.reads_config_maps() {
            let refuse = |key: &ConfigMapKeyRef| {
                (
                    key.clone(),
                    Err(not_permitted("add {kind: ConfigMap, resource: configmaps, apiGroup: \"\"} to the chart's value arnFrom.allowed")),
                )
            };
            return Ok(keys.iter().map(refuse).collect());
        }
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
        let mut found: BTreeMap<&str, Result<Option<ConfigMap>, String>> = BTreeMap::new();
        for name in keys.iter().map(|key| key.name.as_str()).collect::<BTreeSet<_>>() {
            let read = match api.get_opt(name).await {
                Ok(object) => Ok(object),
                Err(kube::Error::Api(status)) if status.code == 403 => {
                    Err(not_permitted("grant `get` on configmaps to its role, as the chart does with arnFrom.allowed"))
                }
                Err(error) => return Err(api_error(error)),
            };
            found.insert(name, read);
        }
        for key in keys {
            match found.get(key.name.as_str()) {
                Some(Ok(Some(object))) => {
                    let value = object.data.as_ref().and_then(|data| data.get(&key.key));
                    values.extend(value.map(|value| (key.clone(), Ok(value.clone()))));
                }
                Some(Err(why)) => drop(values.insert(key.clone(), Err(why.clone()))),
                Some(Ok(None)) | None => {}
            }
        }
        Ok(values)
    }
}

fn not_permitted(next: &str) -> String {
    format!("the operator has no permission to read ConfigMaps. Its administrator can {next}.")
}
