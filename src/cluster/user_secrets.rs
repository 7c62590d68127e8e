//! Secrets that sinks refer to: only in the sink's own namespace, only by name, and only where the chart grants access. Their values are
//! not stored.

use std::{collections::BTreeMap, fmt::Write};

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use secrecy::SecretString;
use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    names::short_hash,
    steps::{SecretRefs, Slot},
};

use crate::cluster::{error::api_error, secrets::Secrets};

/// Longest value in characters (API reference, `ConnectionHeaderParameter`, `CreateConnectionBasicAuthRequestParameters` ...).
const MAX_CHARS: usize = 512;

/// Types of Secrets that may be sent to AWS: not tokens of ServiceAccounts, releases of Helm or keys of nodes.
const TYPES: [&str; 2] = ["Opaque", "kubernetes.io/basic-auth"];

/// Why the Secret may not be sent to AWS, if it may not.
pub(crate) fn kept_back(secret: &Secret) -> Option<String> {
    let type_ = secret.type_.as_deref().unwrap_or("Opaque");
    (!TYPES.contains(&type_))
        .then(|| format!("is of type {type_}, but only {} are accepted. Copy the value into a Secret of such a type.", TYPES.join(" and ")))
}

impl Secrets {
    /// Identifies the contents of the Secrets without revealing them: a hash of uid and resourceVersion of each.
    ///
    /// # Errors
    /// A Secret or key does not exist, is not accepted, or cannot be read.
    pub(crate) async fn version_of(&self, refs: &SecretRefs) -> Result<String, ReconcileError> {
        self.read(refs).await.map(|(version, _)| version)
    }

    /// The values of the Secrets.
    ///
    /// # Errors
    /// As for [`Secrets::version_of`].
    pub(crate) async fn values_of(&self, refs: &SecretRefs) -> Result<BTreeMap<Slot, SecretString>, ReconcileError> {
        self.read(refs).await.map(|(_, values)| values)
    }

    async fn read(&self, refs: &SecretRefs) -> Result<(String, BTreeMap<Slot, SecretString>), ReconcileError> {
        if self.is_own(&refs.namespace)
            && let Some((field, reference)) = refs.slots.values().next()
        {
            return Err(Reference { field, namespace: &refs.namespace, name: &reference.name }.own_namespace());
        }
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &refs.namespace);
        let mut found: BTreeMap<&str, Secret> = BTreeMap::new();
        let mut values = BTreeMap::new();
        let mut version = String::new();
        for (slot, (field, reference)) in &refs.slots {
            let name = reference.name.as_str();
            let at = Reference { field, namespace: &refs.namespace, name };
            if !found.contains_key(name) {
                let secret = api.get_opt(name).await.map_err(|error| at.error(error))?.ok_or_else(|| at.missing("does not exist"))?;
                found.insert(name, secret);
            }
            let Some(secret) = found.get(name) else { continue };
            values.insert(slot.clone(), at.value(secret, &reference.key)?);
            let meta = &secret.metadata;
            let (uid, written) = (meta.uid.as_deref().unwrap_or_default(), meta.resource_version.as_deref().unwrap_or_default());
            let _ = writeln!(version, "{slot:?} {name}/{} {uid} {written}", reference.key);
        }
        Ok((short_hash(&version, 16), values))
    }
}

/// A reference to a Secret, for error messages. These never contain a value.
struct Reference<'a> {
    field: &'a str,
    namespace: &'a str,
    name: &'a str,
}

impl Reference<'_> {
    /// Secrets are read by name and not watched: a new one triggers nothing, so the reconcile is retried.
    fn missing(&self, what: &str) -> ReconcileError {
        let message = format!("{}: Secret {}/{} {what}. It is retried automatically.", self.field, self.namespace, self.name);
        ReconcileError::new(RetryClass::Transient, Reason::SecretNotFound, message)
    }

    fn unusable(&self, what: &str) -> ReconcileError {
        let message = format!("{}: Secret {}/{} {what}", self.field, self.namespace, self.name);
        ReconcileError::new(RetryClass::Refused, Reason::SecretUnusable, message)
    }

    fn own_namespace(&self) -> ReconcileError {
        let message = format!(
            "{}: Secrets in the operator's own namespace {} cannot be used. Create the sink and its Secret in another namespace.",
            self.field, self.namespace
        );
        ReconcileError::new(RetryClass::Refused, Reason::SecretNotPermitted, message)
    }

    fn error(&self, error: kube::Error) -> ReconcileError {
        match &error {
            kube::Error::Api(status) if status.code == 403 => ReconcileError::new(
                RetryClass::Refused,
                Reason::SecretNotPermitted,
                format!(
                    "{}: the operator has no permission to read Secrets in namespace {}. Its administrator can add the namespace to the chart's \
                     value sinkSecrets.namespaces, or create a Role for this Secret.",
                    self.field, self.namespace
                ),
            ),
            _ => api_error(error),
        }
    }

    fn value(&self, secret: &Secret, key: &str) -> Result<SecretString, ReconcileError> {
        if let Some(why) = kept_back(secret) {
            return Err(self.unusable(&why));
        }
        let bytes = secret.data.as_ref().and_then(|data| data.get(key)).ok_or_else(|| self.missing(&format!("has no key {key}")))?;
        let text = std::str::from_utf8(&bytes.0).map_err(|_| self.unusable(&format!("has invalid UTF-8 in key {key}. Correct it.")))?;
        // Editors add a final line break.
        let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        let fits = !text.is_empty() && text.chars().count() <= MAX_CHARS && !text.chars().any(char::is_control);
        if !fits {
            let what = format!(
                "has an invalid value in key {key}: AWS accepts 1 to {MAX_CHARS} characters without control characters. Correct it."
            );
            return Err(self.unusable(&what));
        }
        Ok(SecretString::from(text.to_owned()))
    }
}
