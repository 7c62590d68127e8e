//! Reads what a tenant admin chose in the configuration of an app in Benchling, for specs that refer to it (ADR 0032). The Secret with the
//! app's client is read by name, in the namespace of the app, which is that of the referring object.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use k8s_openapi::{
    api::core::v1::Secret,
    jiff::{SignedDuration, Timestamp},
};
use kube::{Api, Client};
use tributary_api::{BenchlingApp, ConfiguredSchemaPath};
use tributary_benchling::{AppClient, BenchlingError, BenchlingErrorReason, Budget, ConfigItem, TenantClient, Urls, choice};
use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    managed::ConfiguredFrom,
    object::key_of,
};

use crate::cluster::{error::api_error, secrets::Secrets, user_secrets};

/// Longest time that an answer is used. A resync reads the choice again.
const LONGEST_LIFETIME: Duration = Duration::from_mins(1);
/// How long an error is used: many rules can refer to one app.
const ERROR_LIFETIME: Duration = Duration::from_secs(3);
/// How often a missing choice is looked for: Benchling does not announce one.
const RETRY: Duration = Duration::from_secs(10);
/// Time limit for all requests of one tenant.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Requests in 30 seconds, per tenant and client. `tributary sync` and others have the rest of the app's 300.
const BUDGET: u32 = 30;
/// Answers that are kept. Bounds memory.
const MAX_ANSWERS: usize = 1_000;

/// Tenant, app definition, client id and version of the Secret.
type Key = (String, String, String, String);
type Answer = Result<Vec<ConfigItem>, BenchlingError>;

/// The configurations of all apps, for a short time.
pub(super) struct AppConfigurations {
    client: Client,
    secrets: Secrets,
    urls: Urls,
    lifetime: Duration,
    answers: Mutex<HashMap<Key, (Instant, Answer)>>,
}

impl AppConfigurations {
    /// `resync` is the interval at which objects are reconciled: each reads the choice again.
    pub(super) fn new(client: Client, secrets: Secrets, urls: Urls, resync: Duration) -> Self {
        Self { client, secrets, urls, lifetime: resync.min(LONGEST_LIFETIME), answers: Mutex::default() }
    }

    /// Returns the IDs of the schemas that are chosen for the paths, in all tenants of the app.
    ///
    /// # Errors
    /// The app's client cannot be used, Benchling cannot be read, or a choice is missing in a tenant.
    pub(super) async fn schemas(&self, app: &BenchlingApp, from: &ConfiguredFrom<'_>) -> Result<Vec<String>, ReconcileError> {
        let (client, version) = self.client_of(app, from.field).await?;
        let mut ids = Vec::new();
        for tenant in &app.spec.tenants {
            let key = (tenant.clone(), app.spec.app_definition_id.clone(), client.id.clone(), version.clone());
            let items = self.items(key, client.clone()).await.map_err(|error| benchling_error(from.field, &error))?;
            ids.extend(all_chosen(from, &items, tenant)?);
        }
        Ok(ids)
    }

    async fn client_of(&self, app: &BenchlingApp, field: &str) -> Result<(AppClient, String), ReconcileError> {
        let (key, namespace) = (key_of(app), app.metadata.namespace.as_deref().unwrap_or_default());
        let Some(credentials) = &app.spec.credentials else {
            let message = format!(
                "{field}: BenchlingApp {key} has no spec.credentials, with which its configuration is read. Set it to the Secret of the app's client."
            );
            return Err(ReconcileError::blocked(Reason::AppNotReady, message));
        };
        let name = &credentials.secret_ref.name;
        let error = |class, reason, what: &str| {
            ReconcileError::new(
                class,
                reason,
                format!("{field}: BenchlingApp {key}: spec.credentials.secretRef: Secret {namespace}/{name} {what}"),
            )
        };
        if self.secrets.is_own(namespace) {
            let what = "is in the operator's own namespace, whose Secrets are never sent to other systems. Create the objects in another namespace.";
            return Err(error(RetryClass::Refused, Reason::SecretUnusable, what));
        }
        let secret = match Api::<Secret>::namespaced(self.client.clone(), namespace).get_opt(name).await {
            Ok(secret) => secret,
            Err(kube::Error::Api(status)) if status.code == 403 => {
                let what = "cannot be read: the operator has no permission. Add the namespace to the chart value sinkSecrets.namespaces.";
                return Err(error(RetryClass::Refused, Reason::SecretNotPermitted, what));
            }
            Err(other) => return Err(api_error(other)),
        };
        let secret = secret.ok_or_else(|| error(RetryClass::Transient, Reason::SecretNotFound, "does not exist. Create it."))?;
        if let Some(why) = user_secrets::kept_back(&secret) {
            return Err(error(RetryClass::Refused, Reason::SecretUnusable, &why));
        }
        AppClient::of_secret(&secret)
            .map_err(|what| error(RetryClass::Transient, Reason::SecretNotFound, &format!("{what}. Add it to the Secret.")))
    }

    async fn items(&self, key: Key, client: AppClient) -> Answer {
        if let Some(answer) = self.kept(&key) {
            return answer;
        }
        let (tenant, definition) = (key.0.clone(), key.1.clone());
        let reading = async {
            let client = TenantClient::new(self.urls.clone(), tenant, client, Budget::new(BUDGET))?;
            client.configuration(&definition).await
        };
        let late = || Err(BenchlingError::new(BenchlingErrorReason::Unavailable, format!("tenant {} does not answer in time", key.0)));
        let answer = tokio::time::timeout(TIMEOUT, reading).await.unwrap_or_else(|_| late());
        let mut answers = self.answers();
        if answers.len() >= MAX_ANSWERS {
            answers.clear();
        }
        answers.insert(key, (Instant::now(), answer.clone()));
        answer
    }

    /// Returns the last answer if it is recent.
    fn kept(&self, key: &Key) -> Option<Answer> {
        let answers = self.answers();
        let (at, answer) = answers.get(key)?;
        let lifetime = if answer.is_ok() { self.lifetime } else { ERROR_LIFETIME.min(self.lifetime) };
        (at.elapsed() < lifetime).then(|| answer.clone())
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<Key, (Instant, Answer)>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the IDs of the schemas that are chosen for the paths in one tenant, without a cluster.
///
/// # Errors
/// Benchling cannot be read, or a choice is missing.
pub(crate) async fn chosen_schemas(
    client: &TenantClient,
    definition: &str,
    from: &ConfiguredFrom<'_>,
) -> Result<Vec<String>, ReconcileError> {
    let items = client.configuration(definition).await.map_err(|error| benchling_error(from.field, &error))?;
    all_chosen(from, &items, client.tenant())
}

fn all_chosen(from: &ConfiguredFrom<'_>, items: &[ConfigItem], tenant: &str) -> Result<Vec<String>, ReconcileError> {
    let paths = from.paths.iter().enumerate();
    let at = |index: usize, path: &[String]| format!("{}[{index}].path: {}", from.field, path.join(" > "));
    paths.map(|(index, ConfiguredSchemaPath { path })| chosen(&at(index, path), path, items, tenant)).collect()
}

/// Returns the ID of the schema that is chosen for the path.
fn chosen(at: &str, path: &[String], items: &[ConfigItem], tenant: &str) -> Result<String, ReconcileError> {
    choice(items, path, "entity_schema", tenant).map(|choice| choice.id.to_owned()).map_err(|what| {
        let retry = RetryClass::Until(Timestamp::now() + SignedDuration::try_from(RETRY).unwrap_or_default());
        ReconcileError::new(retry, Reason::AppNotConfigured, format!("{at} {what}"))
    })
}

fn benchling_error(field: &str, error: &BenchlingError) -> ReconcileError {
    use BenchlingErrorReason as B;
    let (class, reason) = match error.reason {
        B::CredentialsRejected => (RetryClass::Refused, Reason::CredentialsRejected),
        B::TenantNotFound => (RetryClass::Refused, Reason::TenantNotFound),
        B::AppNotPermitted => (RetryClass::Refused, Reason::AppNotPermitted),
        B::RequestRejected | B::AppDefinitionNotFound => (RetryClass::Refused, Reason::BenchlingRefused),
        B::RateLimited => (RetryClass::Throttled, Reason::RateLimited),
        B::Unavailable => (RetryClass::Transient, Reason::BenchlingUnavailable),
    };
    ReconcileError::new(class, reason, format!("{field}: {}", error.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(type_: &str, value: Option<&str>) -> ConfigItem {
        ConfigItem { path: vec!["Sample".into()], type_: type_.into(), value: value.map(str::to_owned), name: None }
    }

    #[test]
    fn only_a_chosen_schema_counts() {
        let of = |items: &[ConfigItem]| chosen("f", &["Sample".into()], items, "acme");
        // The field of the same path is another item. A name is not necessary for an ID.
        assert_eq!(of(&[item("field", Some("tsf_1")), item("entity_schema", Some("ts_1"))]).as_deref(), Ok("ts_1"));
        for (items, says) in [
            (vec![], "is no item"),
            (vec![item("field", Some("tsf_1"))], "is no item"),
            (vec![item("entity_schema", None)], "has no choice yet in tenant acme"),
        ] {
            let error = of(&items).unwrap_err();
            assert_eq!(error.reason, Reason::AppNotConfigured);
            assert!(error.message.starts_with("f ") && error.message.contains(says), "{error}");
        }
    }
}
