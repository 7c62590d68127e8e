//! Secrets that sinks and backfills reference, in the namespace of the referencing object.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use tributary_api::PostgresSecretRef;

use crate::{
    cluster::user_secrets,
    sync::{
        context::SyncContext,
        error::{SyncError, SyncErrorReason},
    },
};

impl SyncContext {
    /// Returns the PEM certificates of the reference. They are not sent anywhere, so the Secret's type does not matter.
    pub(crate) async fn certificates(&self, namespace: &str, reference: &PostgresSecretRef) -> Result<String, SyncError> {
        let secret = self.secret(namespace, &reference.name).await?;
        text_of(&secret, namespace, reference.key.as_deref().unwrap_or("ca.crt"))
    }

    /// Returns a Secret whose values may be sent to another system.
    ///
    /// # Errors
    /// The Secret is of a type that is never sent, or cannot be read.
    pub(crate) async fn secret_to_send(&self, namespace: &str, name: &str) -> Result<Secret, SyncError> {
        let secret = self.secret(namespace, name).await?;
        match user_secrets::kept_back(&secret) {
            None => Ok(secret),
            Some(why) => Err(SyncError::new(SyncErrorReason::SecretUnusable, format!("Secret {namespace}/{name} {why}"))),
        }
    }

    async fn secret(&self, namespace: &str, name: &str) -> Result<Secret, SyncError> {
        let failed = |message: String| SyncError::new(SyncErrorReason::SecretNotFound, message);
        if self.secrets.is_own(namespace) {
            return Err(failed(format!(
                "Secret {namespace}/{name} is in the operator's own namespace, whose Secrets are never sent to other systems. Create the \
                 object and its Secrets in another namespace."
            )));
        }
        match Api::<Secret>::namespaced(self.client.clone(), namespace).get_opt(name).await {
            Ok(Some(secret)) => Ok(secret),
            Ok(None) => Err(failed(format!("Secret {namespace}/{name} not found. Create it, or correct the reference."))),
            Err(kube::Error::Api(status)) if status.code == 403 => Err(failed(format!(
                "sync has no permission to read Secret {namespace}/{name}. Add {namespace} to sync.secretNamespaces in the chart, or bind its \
                 Role there."
            ))),
            Err(error) => Err(failed(format!("Secret {namespace}/{name} cannot be read: {error}. The read is retried automatically."))),
        }
    }
}

/// Returns a key of the Secret as text without surrounding white space.
///
/// # Errors
/// The Secret has no such key, or it is empty.
pub(crate) fn text_of(secret: &Secret, namespace: &str, key: &str) -> Result<String, SyncError> {
    let bytes = secret.data.as_ref().and_then(|data| data.get(key));
    let text = bytes.and_then(|bytes| String::from_utf8(bytes.0.clone()).ok()).map(|text| text.trim().to_owned());
    text.filter(|text| !text.is_empty()).ok_or_else(|| {
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        SyncError::new(SyncErrorReason::SecretNotFound, format!("Secret {namespace}/{name} has no {key}. Add it to the Secret."))
    })
}
