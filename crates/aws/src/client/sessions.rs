//! Opens sessions, and keeps them until the `AwsAccount` or its Secret changes.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use aws_config::{
    AppName, BehaviorVersion, Region, SdkConfig, stalled_stream_protection::StalledStreamProtectionConfig, sts::AssumeRoleProvider,
};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tracing::Instrument;

use tributary_api::{AssumeRole, AwsAccount};
use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    fence::Fence,
    kinds::CallerIdentity,
};

use crate::{
    cache::Caches,
    client::{
        call::{Call, Sts},
        cause::{Cause, has_no_credentials},
        error::AwsError,
        http,
        observer::CallObserver,
        session::{RateLimiters, Session, Shared},
        spans,
        trust::CaBundle,
    },
};

/// Limits and settings of all sessions.
#[derive(Clone, Debug)]
pub struct AwsOptions {
    /// Control-plane calls per second, account and Region; 0 for no limit.
    pub quota: u32,
    /// Of these, the calls per second that resyncs may use.
    pub sweep_quota: u32,
    /// Concurrent calls per service, account and Region.
    pub in_flight: usize,
    /// Time limit of one call.
    pub timeout: Duration,
    /// Trusted in addition to the certificate authorities of the system.
    pub ca_bundle: Option<CaBundle>,
    /// The app name in the user agent, by which CloudTrail tells replicas apart.
    pub app_name: Option<String>,
    /// IAM policy that limits the permissions of assumed roles. Defaults to all permissions of the role.
    pub session_policy: Option<String>,
    /// Whose credentials sign the calls of an account that references none.
    pub caller: Caller,
}

/// Whose credentials sign the calls of an account that references none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Caller {
    /// Those of the pod.
    #[default]
    Pod,
    /// Those of the user of a command: of this profile of the AWS configuration files, or of the environment.
    User {
        /// Name of the profile.
        profile: Option<String>,
    },
}

impl Default for AwsOptions {
    fn default() -> Self {
        Self {
            quota: 40,
            sweep_quota: 5,
            in_flight: 32,
            timeout: Duration::from_secs(10),
            ca_bundle: None,
            app_name: None,
            session_policy: None,
            caller: Caller::Pod,
        }
    }
}

/// Static credentials from a Secret. Only the SDK receives their values.
pub struct StaticKeys {
    /// Id of the access key.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: SecretString,
    /// Present with temporary credentials.
    pub session_token: Option<SecretString>,
    /// Version of the Secret's contents.
    pub version: String,
}

/// A session, or why it could not be opened and when that was tried.
type Cell = Arc<Mutex<Option<Result<Session, (ReconcileError, Instant)>>>>;

/// What a session is made from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    /// Uid of the `AwsAccount`.
    account: String,
    generation: i64,
    /// Version of the Secret.
    version: String,
    region: String,
}

/// How long a failure to open a session is returned to all objects that need it, before it is tried again.
const RETRY_FAILED: Duration = Duration::from_secs(2);

/// How long a session is kept that no object uses. Each object uses its session in each resync.
const KEEP_UNUSED: Duration = Duration::from_hours(1);

/// All sessions of the process.
pub struct Sessions {
    options: AwsOptions,
    /// Configuration of the pod's own identity, loaded once.
    base: tokio::sync::OnceCell<SdkConfig>,
    /// With the time of the last use.
    cells: Mutex<HashMap<Key, (Cell, tokio::time::Instant)>>,
    /// By account id and Region.
    shared: Mutex<HashMap<(String, String), Arc<Shared>>>,
    observer: Arc<dyn CallObserver>,
    /// Of all services, behind the write fence of the current leadership term.
    http: SharedHttpClient,
}

impl Sessions {
    /// Creates an empty set of sessions. `observer` is called after each AWS call; `fence` stops requests once the lease is lost.
    ///
    /// # Errors
    /// The CA bundle of the options cannot be used.
    pub fn new(options: AwsOptions, observer: Arc<dyn CallObserver>, fence: Fence) -> Result<Self, String> {
        let http = http::client(options.ca_bundle.as_ref(), fence)?;
        Ok(Self { http, options, base: tokio::sync::OnceCell::new(), cells: Mutex::default(), shared: Mutex::default(), observer })
    }

    /// Returns the session of an account in a Region. `keys` are those of the account's Secret, if it references one.
    ///
    /// # Errors
    /// AWS rejects the credentials, does not answer, or returns another account id than the spec's.
    pub async fn open(&self, account: &AwsAccount, region: &str, keys: Option<StaticKeys>) -> Result<Session, ReconcileError> {
        let meta = &account.metadata;
        let version = keys.as_ref().map(|keys| keys.version.clone()).unwrap_or_default();
        let key = Key {
            account: meta.uid.clone().unwrap_or_default(),
            generation: meta.generation.unwrap_or_default(),
            version,
            region: region.to_owned(),
        };
        let cell = self.cell(key).await;
        let mut cell = cell.lock().await;
        match cell.as_ref() {
            Some(Ok(session)) => return Ok(session.clone()),
            Some(Err((error, at))) if at.elapsed() < RETRY_FAILED => return Err(error.clone()),
            Some(Err(_)) | None => {}
        }
        // Boxed: it takes 15 KB, and is needed once for the many reconciles of an account.
        let opened = Box::pin(self.connect(account, region, keys)).await;
        *cell = Some(opened.clone().map_err(|error| (error, Instant::now())));
        opened
    }

    /// Drops sessions of an older spec or of other contents of the Secret, and those that were not used for long, such as of an
    /// `AwsAccount` that was deleted. A reconcile that still has the older spec does not displace the newer session.
    async fn cell(&self, key: Key) -> Cell {
        let now = tokio::time::Instant::now();
        let mut cells = self.cells.lock().await;
        cells.retain(|old, (_, used)| {
            let current = old.account != key.account
                || old.generation > key.generation
                || (old.generation == key.generation && old.version == key.version);
            current && now.duration_since(*used) < KEEP_UNUSED
        });
        let (cell, used) = cells.entry(key).or_insert_with(|| (Cell::default(), now));
        *used = now;
        cell.clone()
    }

    async fn connect(&self, account: &AwsAccount, region: &str, keys: Option<StaticKeys>) -> Result<Session, ReconcileError> {
        let config = self.config(account, region, keys).await;
        let sts = aws_sdk_sts::Client::new(&config);
        let call = Call::from(Sts::GetCallerIdentity);
        let span = spans::begin(call, &account.spec.account_id, Some(region));
        let answer = sts.get_caller_identity().send().instrument(span.clone()).await;
        spans::note_request_id(&span, &answer);
        let unsigned = answer.as_ref().is_err_and(has_no_credentials);
        let answer = answer.map_err(|error| AwsError::new(call, error));
        spans::end(&span, answer.as_ref().err());
        self.observer.aws_call(call.action(), answer.as_ref().map_or_else(AwsError::outcome, |_| "ok"));
        let answer = answer.map_err(|error| match error.cause {
            Cause::NoCredentials if unsigned => self.no_identity(account),
            // Such as a role that may not be assumed.
            Cause::NoCredentials => ReconcileError::new(RetryClass::Refused, Reason::AccessDenied, ReconcileError::from(error).message),
            _ => error.into(),
        })?;
        let caller = CallerIdentity { account_id: answer.account.unwrap_or_default(), arn: answer.arn.unwrap_or_default() };
        caller.check(&account.spec.account_id)?;
        let shared = self.shared(&account.spec.account_id, region).await;
        Ok(Session::new(&config, shared, self.observer.clone(), caller))
    }

    async fn shared(&self, account_id: &str, region: &str) -> Arc<Shared> {
        let AwsOptions { quota, sweep_quota, in_flight, .. } = self.options;
        let mut shared = self.shared.lock().await;
        // Those of sessions that were dropped, except the one that is needed next.
        shared.retain(|(account, of), shared| Arc::strong_count(shared) > 1 || (account.as_str(), of.as_str()) == (account_id, region));
        let new = || Arc::new(Shared { limits: RateLimiters::new(quota, sweep_quota, in_flight), caches: Caches::default() });
        shared.entry((account_id.to_owned(), region.to_owned())).or_insert_with(new).clone()
    }

    async fn config(&self, account: &AwsAccount, region: &str, keys: Option<StaticKeys>) -> SdkConfig {
        let base = self.base.get_or_init(|| self.load(account)).await;
        let mut builder = base.to_builder().region(Region::new(region.to_owned()));
        if let Some(endpoint) = &account.spec.endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        if let Some(keys) = keys {
            let token = keys.session_token.as_ref().map(|token| token.expose_secret().to_owned());
            let credentials = Credentials::new(keys.access_key_id, keys.secret_access_key.expose_secret(), token, None, "Secret");
            return builder.credentials_provider(SharedCredentialsProvider::new(credentials)).build();
        }
        let config = builder.build();
        match account.spec.credentials.as_ref().and_then(|credentials| credentials.assume_role.as_ref()) {
            Some(role) => self.assuming(role, &config).await,
            None => config,
        }
    }

    /// Loads the configuration of the pod's own identity.
    async fn load(&self, account: &AwsAccount) -> SdkConfig {
        let timeout = TimeoutConfig::builder()
            .connect_timeout(self.options.timeout.min(Duration::from_secs(3)))
            .operation_timeout(self.options.timeout)
            .build();
        // The Region is that of each object; asking the instance metadata for one would only take time.
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(account.spec.region.clone()))
            // `Session::call` retries, so that each attempt goes through the rate limiter.
            .retry_config(RetryConfig::disabled())
            // The time limit of a call holds for its answer too.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .timeout_config(timeout);
        // A name that AWS does not accept as an app name is not worth failing for.
        if let Some(name) = self.options.app_name.clone().and_then(|name| AppName::new(name).ok()) {
            loader = loader.app_name(name);
        }
        if let Caller::User { profile: Some(profile) } = &self.options.caller {
            loader = loader.profile_name(profile);
        }
        loader.http_client(self.http.clone()).load().await
    }

    /// Returns the error for an account whose calls nothing can sign.
    fn no_identity(&self, account: &AwsAccount) -> ReconcileError {
        if self.options.caller == Caller::Pod {
            return no_identity(account);
        }
        let name = account.metadata.name.as_deref().unwrap_or_default();
        ReconcileError::new(
            RetryClass::Refused,
            Reason::AccessDenied,
            format!("AwsAccount {name}: no AWS credentials found. Set AWS_PROFILE or --profile, or log in with `aws sso login`."),
        )
    }

    async fn assuming(&self, role: &AssumeRole, config: &SdkConfig) -> SdkConfig {
        let mut provider = AssumeRoleProvider::builder(&role.role_arn).configure(config).session_name("tributary");
        if let Some(policy) = &self.options.session_policy {
            provider = provider.policy(policy);
        }
        if let Some(id) = &role.external_id {
            provider = provider.external_id(id);
        }
        let provider = provider.build().await;
        config.to_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build()
    }
}

/// Returns the error for an account whose calls nothing can sign.
fn no_identity(account: &AwsAccount) -> ReconcileError {
    let assumed = account.spec.credentials.as_ref().and_then(|credentials| credentials.assume_role.as_ref());
    let purpose = assumed.map_or_else(String::new, |role| format!(", which spec.credentials.assumeRole needs to assume {}", role.role_arn));
    ReconcileError::new(
        RetryClass::Refused,
        Reason::AccessDenied,
        format!(
            "AwsAccount {}: the operator's pod has no AWS identity{purpose}. Give its ServiceAccount an IAM role (EKS Pod Identity, or chart value \
             serviceAccount.annotations), or set spec.credentials.secretRef.",
            account.metadata.name.as_deref().unwrap_or_default()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl CallObserver for Nobody {
        fn aws_call(&self, _: &'static str, _: &'static str) {}
        fn defect(&self, _: &'static str) {}
    }

    fn key(account: &str, generation: i64) -> Key {
        Key { account: account.into(), generation, version: String::new(), region: "eu-west-1".into() }
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_that_nobody_uses_are_dropped() -> Result<(), String> {
        let sessions = Sessions::new(AwsOptions::default(), Arc::new(Nobody), Fence::open())?;
        let _deleted = sessions.cell(key("deleted", 1)).await;
        for _ in 0..8 {
            tokio::time::advance(Duration::from_mins(10)).await;
            let _used = sessions.cell(key("used", 1)).await;
        }
        let kept: Vec<_> = sessions.cells.lock().await.keys().cloned().collect();
        assert_eq!(kept, [key("used", 1)]);
        let _newer = sessions.cell(key("used", 2)).await;
        assert_eq!(sessions.cells.lock().await.len(), 1);
        sessions.shared("111122223333", "eu-west-1").await;
        let held = sessions.shared("444455556666", "eu-west-1").await;
        assert_eq!(sessions.shared.lock().await.len(), 1, "the limits of an account that nobody uses are dropped");
        sessions.shared("111122223333", "eu-west-1").await;
        assert_eq!(sessions.shared.lock().await.len(), 2);
        drop(held);
        Ok(())
    }
}
