//! Secrets with the credentials of AWS accounts: only in the operator's own namespace, only by name, and only those that an `AwsAccount`
//! refers to. Secrets of sinks are in `user_secrets.rs`.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use secrecy::SecretString;
use tokio::sync::Mutex;
use tributary_api::AwsAccount;
use tributary_aws::StaticKeys;
use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    object::ObjectMetaExt,
};

use crate::cluster::error::api_error;

/// How long a Secret is cached.
const MAX_AGE: Duration = Duration::from_secs(15);
/// How long the absence of a Secret is cached.
const MAX_AGE_OF_ABSENCE: Duration = Duration::from_secs(1);

/// Reads Secrets.
pub(crate) struct Secrets {
    pub(super) client: Client,
    api: Api<Secret>,
    namespace: String,
    read: Mutex<Read>,
}

/// Secrets by name, as they were read at that time.
type Read = HashMap<String, (Instant, Option<Secret>)>;

/// Drops what no reader is given any more. Contents of a Secret are not kept for longer than they are needed.
fn drop_old(read: &mut Read) {
    read.retain(|_, (at, _)| at.elapsed() < MAX_AGE);
}

impl Secrets {
    /// Whether it is the operator's own namespace. The credentials of accounts are there; no object of a user may have them sent to AWS.
    pub(crate) fn is_own(&self, namespace: &str) -> bool {
        self.namespace == namespace
    }

    /// Reads credentials of accounts from Secrets in `namespace`.
    pub(crate) fn new(client: Client, namespace: &str) -> Self {
        Self { api: Api::namespaced(client.clone(), namespace), client, namespace: namespace.to_owned(), read: Mutex::default() }
    }

    /// The keys in the account's Secret. `None` if the account refers to none.
    ///
    /// # Errors
    /// The Secret does not exist, lacks a key or cannot be read.
    pub(crate) async fn keys_of(&self, account: &AwsAccount) -> Result<Option<StaticKeys>, ReconcileError> {
        let Some(reference) = account.spec.credentials.as_ref().and_then(|credentials| credentials.secret_ref.as_ref()) else {
            return Ok(None);
        };
        let name = &reference.name;
        let missing = |what: &str| {
            // Secrets are read by name and not watched: a new one triggers nothing, so the reconcile is retried.
            ReconcileError::new(
                RetryClass::Transient,
                Reason::SecretNotFound,
                format!(
                    "AwsAccount {}: spec.credentials.secretRef: Secret {}/{name} {what}. \
                     It needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN for temporary keys.",
                    account.own_name(),
                    self.namespace
                ),
            )
        };
        let secret =
            self.get(name).await.map_err(|error| self.read_error(account, name, error))?.ok_or_else(|| missing("does not exist"))?;
        let value = |key: &str| {
            let bytes = secret.data.as_ref()?.get(key)?;
            String::from_utf8(bytes.0.clone()).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let (Some(access_key_id), Some(secret_access_key)) = (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY")) else {
            return Err(missing("lacks a key"));
        };
        Ok(Some(StaticKeys {
            access_key_id,
            secret_access_key: SecretString::from(secret_access_key),
            session_token: value("AWS_SESSION_TOKEN").map(SecretString::from),
            version: format!(
                "{}-{}",
                secret.metadata.uid.as_deref().unwrap_or_default(),
                secret.metadata.resource_version.as_deref().unwrap_or_default()
            ),
        }))
    }

    fn read_error(&self, account: &AwsAccount, name: &str, error: kube::Error) -> ReconcileError {
        match &error {
            kube::Error::Api(status) if status.code == 403 => ReconcileError::new(
                RetryClass::Refused,
                Reason::SecretNotPermitted,
                format!(
                    "AwsAccount {}: spec.credentials.secretRef: no permission to read Secret {}/{name}. \
                     Add its name to the chart value awsSecrets, and to gateway.awsSecrets and sync.awsSecrets if they use the account.",
                    account.own_name(),
                    self.namespace
                ),
            ),
            _ => api_error(error),
        }
    }

    async fn get(&self, name: &str) -> Result<Option<Secret>, kube::Error> {
        let mut read = self.read.lock().await;
        if let Some((at, secret)) = read.get(name)
            && at.elapsed() < if secret.is_some() { MAX_AGE } else { MAX_AGE_OF_ABSENCE }
        {
            return Ok(secret.clone());
        }
        let secret = Box::pin(self.api.get_opt(name)).await?;
        drop_old(&mut read);
        read.insert(name.to_owned(), (Instant::now(), secret.clone()));
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_that_nobody_reads_any_more_are_dropped() {
        let long_ago = Instant::now().checked_sub(2 * MAX_AGE).unwrap_or_else(Instant::now);
        let mut read = Read::from([("old".to_owned(), (long_ago, None)), ("new".to_owned(), (Instant::now(), None))]);
        drop_old(&mut read);
        assert_eq!(read.into_keys().collect::<Vec<_>>(), ["new"]);
    }
}
