//! Resolves `definitionFrom`: reads the definition of a state machine from a ConfigMap of the sink's namespace, by name. Only where the
//! operator is configured to read ConfigMaps for users, as for `arnFrom`.

use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use tributary_api::ConfigMapKeyRef;
use tributary_core::error::{Reason, ReconcileError, RetryClass};

use crate::cluster::{arn_from::ArnSources, config_maps::ReadConfigMap};

/// How often a missing ConfigMap is looked for: it is not watched.
const RETRY: Duration = Duration::from_secs(10);

impl ArnSources {
    /// The definition in the ConfigMap now.
    ///
    /// # Errors
    /// The ConfigMap or its key does not exist, may not be read, or holds no JSON object.
    pub(crate) async fn read_definition(
        &self,
        namespace: &str,
        field: &'static str,
        from: &ConfigMapKeyRef,
    ) -> Result<Map<String, Value>, ReconcileError> {
        let at = Reference { field, namespace, from };
        let config_map = match self.config_map(namespace, &from.name).await? {
            ReadConfigMap::Found(config_map) => config_map,
            ReadConfigMap::Missing => return Err(at.missing("not found in this namespace. Create it or correct the reference.")),
            ReadConfigMap::NotPermitted(why) => return Err(at.error(RetryClass::Refused, Reason::DefinitionNotPermitted, &why)),
        };
        let text =
            config_map.data.unwrap_or_default().remove(&from.key).ok_or_else(|| at.missing("the key is missing in `data`. Add it."))?;
        // The text is not repeated in the message: it may be anything.
        serde_json::from_str(&text).map_err(|error| {
            at.error(
                RetryClass::Refused,
                Reason::DefinitionUnusable,
                &format!(
                    "the value is no JSON object (line {}, column {}). Correct it, and write the definition in JSON.",
                    error.line(),
                    error.column()
                ),
            )
        })
    }
}

/// A reference to a definition, for error messages.
struct Reference<'a> {
    field: &'static str,
    namespace: &'a str,
    from: &'a ConfigMapKeyRef,
}

impl Reference<'_> {
    fn error(&self, class: RetryClass, reason: Reason, what: &str) -> ReconcileError {
        let ConfigMapKeyRef { name, key } = self.from;
        ReconcileError::new(class, reason, format!("{}: ConfigMap {}/{name}, key {key:?}: {what}", self.field, self.namespace))
    }

    fn missing(&self, what: &str) -> ReconcileError {
        let retry = RetryClass::Until(Timestamp::now() + SignedDuration::try_from(RETRY).unwrap_or_default());
        self.error(retry, Reason::DefinitionNotFound, &format!("{what} It is retried automatically."))
    }
}
