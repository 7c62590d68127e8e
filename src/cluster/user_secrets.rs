//! Secrets that sinks name: only those of the sink's own namespace, only by name, where the chart gave the right to. Nothing is kept of them.

use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    names::short_hash,
    steps::{SecretRefs, Slot},
};

use crate::cluster::{error::api_error, secrets::Secrets};

use std::{collections::BTreeMap, fmt::Write};

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use secrecy::SecretString;

/// AWS's limit for each value (API reference, `ConnectionHeaderParameter`, `CreateConnectionBasicAuthRequestParameters` ...).
const LONGEST: usize = 512;

/// Not tokens of ServiceAccounts, not what Helm keeps, not keys of nodes: what a person or a secret store wrote for a purpose like this.
const TYPES: [&str; 2] = ["Opaque", "kubernetes.io/basic-auth"];

/// Why nothing of it is sent anywhere, if that is so.
pub fn kept_back(secret: &Secret) -> Option<String> {
    let type_ = secret.type_.as_deref().unwrap_or("Opaque");
    (!TYPES.contains(&type_))
        .then(|| format!("is of type {type_}; only {} are sent anywhere. Copy the value into one", TYPES.join(" and ")))
}

impl Secrets {
    /// Tells one content of the Secrets from the next, and nothing of the content: uid and resourceVersion of each.
    pub async fn version_of(&self, refs: &SecretRefs) -> Result<String, ReconcileError> {
        self.read(refs).await.map(|(version, _)| version)
    }

    pub async fn values_of(&self, refs: &SecretRefs) -> Result<BTreeMap<Slot, SecretString>, ReconcileError> {
        self.read(refs).await.map(|(_, values)| values)
    }

    async fn read(&self, refs: &SecretRefs) -> Result<(String, BTreeMap<Slot, SecretString>), ReconcileError> {
        if self.is_own(&refs.namespace)
            && let Some((field, reference)) = refs.slots.values().next()
        {
            return Err(Place { field, namespace: &refs.namespace, name: &reference.name }.own_namespace());
        }
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &refs.namespace);
        let mut found: BTreeMap<&str, Secret> = BTreeMap::new();
        let mut values = BTreeMap::new();
        let mut version = String::new();
        for (slot, (field, reference)) in &refs.slots {
            let name = reference.name.as_str();
            let place = Place { field, namespace: &refs.namespace, name };
            if !found.contains_key(name) {
                let secret = api.get_opt(name).await.map_err(|error| place.error(error))?.ok_or_else(|| place.missing("does not exist"))?;
                found.insert(name, secret);
            }
            let Some(secret) = found.get(name) else { continue };
            values.insert(slot.clone(), place.value(secret, &reference.key)?);
            let meta = &secret.metadata;
            let (uid, written) = (meta.uid.as_deref().unwrap_or_default(), meta.resource_version.as_deref().unwrap_or_default());
            let _ = writeln!(version, "{slot:?} {name}/{} {uid} {written}", reference.key);
        }
        Ok((short_hash(&version, 16), values))
    }
}

/// What a message speaks of; never of a value.
struct Place<'a> {
    field: &'a str,
    namespace: &'a str,
    name: &'a str,
}

impl Place<'_> {
    /// Secrets are read by name and not watched, so nothing dependents us when one comes.
    fn missing(&self, what: &str) -> ReconcileError {
        let message = format!("{}: Secret {}/{} {what}. It is looked for again by itself", self.field, self.namespace, self.name);
        ReconcileError::new(RetryClass::Transient, Reason::SecretNotFound, message)
    }

    fn unusable(&self, what: &str) -> ReconcileError {
        let message = format!("{}: Secret {}/{} {what}", self.field, self.namespace, self.name);
        ReconcileError::new(RetryClass::Refused, Reason::SecretUnusable, message)
    }

    fn own_namespace(&self) -> ReconcileError {
        let message = format!(
            "{}: Secrets of the operator's own namespace {} are not sent anywhere. Make the sink and its Secret in another namespace",
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
                    "{}: the operator may not read Secrets of namespace {}. Whoever runs it can add the namespace to the chart's value sinkSecrets.namespaces, or make a Role for this Secret",
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
        let text = std::str::from_utf8(&bytes.0).map_err(|_| self.unusable(&format!("key {key} is no UTF-8 text. Correct it")))?;
        // An editor's last line end is not meant.
        let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        let fits = !text.is_empty() && text.chars().count() <= LONGEST && !text.chars().any(char::is_control);
        if !fits {
            let what = format!("key {key} does not fit: AWS takes 1 to {LONGEST} characters, none of them control characters. Correct it");
            return Err(self.unusable(&what));
        }
        Ok(SecretString::from(text.to_owned()))
    }
}
