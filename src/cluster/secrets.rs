//! Secrets of AWS accounts (those of sinks are in `user_secrets.rs`): only those of the operator's own namespace, only by name, and only those that an `AwsAccount` names.

use tributary_api::AwsAccount;
use tributary_aws::StaticKeys;
use tributary_core::error::{Reason, ReconcileError, RetryClass};

use crate::cluster::error::api_error;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use secrecy::SecretString;
use tokio::sync::Mutex;

/// A changed Secret is used after at most this long.
const FRESH: Duration = Duration::from_secs(15);

pub struct Secrets {
    pub(super) client: Client,
    api: Api<Secret>,
    namespace: String,
    read: Mutex<HashMap<String, (Instant, Option<Secret>)>>,
}

impl Secrets {
    /// Whether it is the operator's own namespace. There it may read for its own sake: the keys of accounts are there, and no object of a
    /// user's is to have them sent anywhere.
    pub fn is_own(&self, namespace: &str) -> bool {
        self.namespace == namespace
    }

    pub fn new(client: Client, namespace: &str) -> Self {
        Self { api: Api::namespaced(client.clone(), namespace), client, namespace: namespace.to_owned(), read: Mutex::default() }
    }

    /// The keys that the account's Secret holds; `None` when the account names no Secret.
    pub async fn keys_of(&self, account: &AwsAccount) -> Result<Option<StaticKeys>, ReconcileError> {
        let Some(reference) = account.spec.credentials.as_ref().and_then(|credentials| credentials.secret_ref.as_ref()) else {
            return Ok(None);
        };
        let name = &reference.name;
        let missing = |what: &str| {
            // Secrets are read by name and not watched, so nothing dependents us when it comes.
            ReconcileError::new(
                RetryClass::Transient,
                Reason::SecretNotFound,
                format!(
                    "AwsAccount {}: spec.credentials.secretRef: Secret {}/{name} {what}. It needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN for temporary keys",
                    account.metadata.name.as_deref().unwrap_or_default(),
                    self.namespace
                ),
            )
        };
        let secret = self.get(name).await?.ok_or_else(|| missing("does not exist"))?;
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

    async fn get(&self, name: &str) -> Result<Option<Secret>, ReconcileError> {
        let mut read = self.read.lock().await;
        if let Some((at, secret)) = read.get(name)
            && at.elapsed() < if secret.is_some() { FRESH } else { Duration::from_secs(1) }
        {
            return Ok(secret.clone());
        }
        let secret = self.api.get_opt(name).await.map_err(api_error)?;
        read.insert(name.to_owned(), (Instant::now(), secret.clone()));
        Ok(secret)
    }
}
