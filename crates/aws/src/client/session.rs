//! Sessions: as whom we work in an account and region. No session exists before `sts:GetCallerIdentity` has named the right account.

use std::{
    collections::HashMap,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use aws_config::{AppName, BehaviorVersion, Region, SdkConfig, sts::AssumeRoleProvider};
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::{http::SharedHttpClient, orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::{error::metadata::ProvideErrorMetadata, retry::RetryConfig, timeout::TimeoutConfig};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use tributary_api::AwsAccount;
use tributary_core::{
    error::{Reason, ReconcileError},
    fence::Fence,
    kinds::CallerIdentity,
};

use crate::{
    AwsError, CaBundle, CallObserver, Priority,
    client::{cache, http, rate_limiter::RateLimiter},
    events::{replays::Replays, rule_lists::RuleLists, sources::Sources},
    facts::FactCache,
    logs::LogPolicies,
    policy_writer::Policies,
};

#[derive(Clone, Debug)]
pub struct AwsOptions {
    /// Control-plane calls a second per account and region, 0 for no limit.
    pub quota: u32,
    /// Of these, what the full sweep may use.
    pub sweep_quota: u32,
    /// Calls in flight per account and region.
    pub in_flight: usize,
    pub timeout: Duration,
    /// Trusted besides the system's certificate authorities.
    pub ca_bundle: Option<CaBundle>,
    /// Told to AWS as the app's name in the user agent, so that AWS's trail says which replica called.
    pub app_name: Option<String>,
    /// What of the rights of an assumed role is taken, as an IAM policy; `None`: all of them.
    pub session_policy: Option<String>,
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
        }
    }
}

/// Static credentials from a Secret. Their values leave this type only towards the SDK.
pub struct StaticKeys {
    pub access_key_id: String,
    pub secret_access_key: SecretString,
    pub session_token: Option<SecretString>,
    /// Tells one content of the Secret from the next.
    pub version: String,
}

/// What is shared by all who work in one account and region, whichever `AwsAccount` they come by.
#[derive(Debug)]
pub(crate) struct Shared {
    pub events: RateLimiter,
    pub sqs: RateLimiter,
    pub lambda: RateLimiter,
    pub logs: RateLimiter,
    pub sns: RateLimiter,
    pub states: RateLimiter,
    pub iam: RateLimiter,
    pub kms: RateLimiter,
    pub rules: RuleLists,
    pub sources: cache::Shared<Sources>,
    pub replays: cache::Shared<Replays>,
    pub log_policies: cache::Shared<LogPolicies>,
    pub queue_urls: Mutex<HashMap<String, String>>,
    pub policies: Policies,
    pub facts: FactCache,
}

#[derive(Clone)]
pub struct Session {
    pub(crate) shared: Arc<Shared>,
    pub(crate) events: aws_sdk_eventbridge::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) lambda: aws_sdk_lambda::Client,
    pub(crate) logs: aws_sdk_cloudwatchlogs::Client,
    pub(crate) sns: aws_sdk_sns::Client,
    pub(crate) states: aws_sdk_sfn::Client,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) kms: aws_sdk_kms::Client,
    pub(crate) priority: Priority,
    pub(crate) metrics: Arc<dyn CallObserver>,
    pub caller: CallerIdentity,
}

impl Session {
    /// The same session for calls of this priority.
    #[must_use]
    pub fn at(&self, priority: Priority) -> Self {
        Self { priority, ..self.clone() }
    }

    /// One call: takes its place in the pace, is counted, and its error gets its class. What certainly changed nothing and may pass at once
    /// is sent again, a few times and each time in its place: a pass that began anew would ask again for all that it knew already.
    pub(crate) async fn call<T, E, F>(
        &self,
        pace: &RateLimiter,
        call: &'static str,
        priority: Priority,
        request: impl Fn() -> F,
    ) -> Result<T, AwsError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let mut wait = AGAIN_AFTER;
        for _ in 1..TRIES {
            match self.once(pace, call, priority, request()).await {
                Err(error) if error.may_go_again() => {
                    tokio::time::sleep(wait.mul_f64(0.5 + fastrand::f64())).await;
                    wait *= 2;
                }
                answer => return answer,
            }
        }
        self.once(pace, call, priority, request()).await
    }

    async fn once<T, E>(
        &self,
        pace: &RateLimiter,
        call: &'static str,
        priority: Priority,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, AwsError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let _in_flight = pace.enter(priority).await;
        let Some(_asking) = pace.breaker.enter() else { return Err(AwsError::not_asked(call)) };
        let answer = request.await.map_err(|error| AwsError::new(call, &error));
        pace.breaker.outcome(!answer.as_ref().is_err_and(AwsError::is_silence));
        let outcome = answer.as_ref().map_or_else(AwsError::outcome, |_| "ok");
        pace.outcome(outcome == "Throttled");
        self.metrics.aws_call(call, outcome);
        if let Err(error) = &answer {
            tracing::debug!(call, code = %error.code, status = error.status, "AWS answered with an error");
        }
        answer
    }
}

/// How often a call is sent before its pass stops, and how long after the first time it is sent again. More would hide from the user what
/// goes on, and hold a place among the workers.
const TRIES: u32 = 4;
const AGAIN_AFTER: Duration = Duration::from_millis(200);

type Cell = Arc<Mutex<Option<Result<Session, (ReconcileError, Instant)>>>>;

/// What a session was made from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    /// Uid of the `AwsAccount`.
    account: String,
    generation: i64,
    /// Version of the Secret.
    version: String,
    region: String,
}

/// A refused identity is asked for again after this long, not once per object that wants it.
const RETRY_REFUSED: Duration = Duration::from_secs(2);

pub struct Sessions {
    options: AwsOptions,
    /// Loaded once: the pod's own identity.
    base: tokio::sync::OnceCell<SdkConfig>,
    cells: Mutex<HashMap<Key, Cell>>,
    shared: Mutex<HashMap<(String, String), Arc<Shared>>>,
    metrics: Arc<dyn CallObserver>,
    /// Of all services, behind the fence of the present term.
    http: SharedHttpClient,
}

impl Sessions {
    /// An error is one of the CA bundle.
    pub fn new(options: AwsOptions, metrics: Arc<dyn CallObserver>, fence: Fence) -> Result<Self, String> {
        let http = http::client(options.ca_bundle.as_ref(), fence)?;
        Ok(Self { http, options, base: tokio::sync::OnceCell::new(), cells: Mutex::default(), shared: Mutex::default(), metrics })
    }

    /// The session of an account in a region. `keys` are those of the account's Secret, if it names one.
    pub async fn open(&self, account: &AwsAccount, region: &str, keys: Option<StaticKeys>) -> Result<Session, ReconcileError> {
        let meta = &account.metadata;
        let version = keys.as_ref().map(|keys| keys.version.clone()).unwrap_or_default();
        let key = Key {
            account: meta.uid.clone().unwrap_or_default(),
            generation: meta.generation.unwrap_or_default(),
            version,
            region: region.to_owned(),
        };
        let cell = {
            let mut cells = self.cells.lock().await;
            // What was made from an older spec, or from another content of the Secret, is not used again. A pass that still has the
            // older spec does not push the newer session out.
            cells.retain(|old, _| {
                old.account != key.account
                    || old.generation > key.generation
                    || (old.generation == key.generation && old.version == key.version)
            });
            cells.entry(key).or_default().clone()
        };
        let mut cell = cell.lock().await;
        match cell.as_ref() {
            Some(Ok(session)) => return Ok(session.clone()),
            Some(Err((halt, at))) if at.elapsed() < RETRY_REFUSED => return Err(halt.clone()),
            _ => {}
        }
        let opened = self.connect(account, region, keys).await;
        *cell = Some(opened.clone().map_err(|halt| (halt, Instant::now())));
        opened
    }

    async fn connect(&self, account: &AwsAccount, region: &str, keys: Option<StaticKeys>) -> Result<Session, ReconcileError> {
        let config = self.config(account, region, keys).await;
        let sts = aws_sdk_sts::Client::new(&config);
        let asked = sts.get_caller_identity().send().await.map_err(|error| AwsError::new("sts:GetCallerIdentity", &error));
        self.metrics.aws_call("sts:GetCallerIdentity", asked.as_ref().map_or_else(AwsError::outcome, |_| "ok"));
        let answer = asked.map_err(|error| {
            let mut halt = ReconcileError::from(error);
            if halt.reason == Reason::Unavailable && halt.message.contains("credentials") {
                halt = ReconcileError::new(tributary_core::error::RetryClass::Refused, Reason::AccessDenied, halt.message);
            }
            halt
        })?;
        let caller = CallerIdentity { account_id: answer.account.unwrap_or_default(), arn: answer.arn.unwrap_or_default() };
        caller.check(&account.spec.account_id)?;
        Ok(Session {
            shared: self.shared(&account.spec.account_id, region).await,
            events: aws_sdk_eventbridge::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            sns: aws_sdk_sns::Client::new(&config),
            states: aws_sdk_sfn::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            kms: aws_sdk_kms::Client::new(&config),
            priority: Priority::Change,
            metrics: self.metrics.clone(),
            caller,
        })
    }

    async fn shared(&self, account_id: &str, region: &str) -> Arc<Shared> {
        let options = &self.options;
        let mut shared = self.shared.lock().await;
        let entry = shared.entry((account_id.to_owned(), region.to_owned())).or_insert_with(|| {
            Arc::new(Shared {
                events: RateLimiter::new(options.quota, options.sweep_quota, options.in_flight),
                sqs: RateLimiter::new(0, 0, options.in_flight),
                // Lambda allows 15 control-plane calls a second; Logs 10 of those that are made here (their quotas pages).
                lambda: RateLimiter::new(options.quota.min(10), options.sweep_quota, options.in_flight),
                logs: RateLimiter::new(options.quota.min(10), options.sweep_quota, options.in_flight),
                // SNS allows 30 of most of these calls a second, Step Functions 1 to 20 of them after a burst (their quotas pages); IAM's
                // limits are not published, and are those of the account, whichever Region asks.
                sns: RateLimiter::new(options.quota.min(20), options.sweep_quota, options.in_flight),
                states: RateLimiter::new(options.quota.min(10), options.sweep_quota, options.in_flight),
                iam: RateLimiter::new(options.quota.min(10), options.sweep_quota, options.in_flight),
                kms: RateLimiter::new(options.quota.min(20), options.sweep_quota, options.in_flight),
                rules: RuleLists::default(),
                sources: cache::Shared::default(),
                replays: cache::Shared::default(),
                log_policies: cache::Shared::default(),
                queue_urls: Mutex::default(),
                policies: Policies::default(),
                facts: FactCache::default(),
            })
        });
        entry.clone()
    }

    async fn config(&self, account: &AwsAccount, region: &str, keys: Option<StaticKeys>) -> SdkConfig {
        let timeout = TimeoutConfig::builder()
            .connect_timeout(self.options.timeout.min(Duration::from_secs(3)))
            .operation_timeout(self.options.timeout)
            .build();
        // Retries are ours: each goes through the pace, and the object's own backoff decides when.
        let retry = RetryConfig::disabled();
        let base = self
            .base
            .get_or_init(|| async {
                // The region is that of each object; asking the instance for one would only take time.
                let region = Region::new(account.spec.region.clone());
                let mut loader = aws_config::defaults(BehaviorVersion::latest())
                    .region(region)
                    .retry_config(retry.clone())
                    .timeout_config(timeout.clone());
                // A name that AWS does not take as an app's is not worth failing for.
                if let Some(name) = self.options.app_name.clone().and_then(|name| AppName::new(name).ok()) {
                    loader = loader.app_name(name);
                }
                loader.http_client(self.http.clone()).load().await
            })
            .await;
        let mut builder = base.to_builder().region(Region::new(region.to_owned()));
        if let Some(endpoint) = &account.spec.endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        if let Some(keys) = keys {
            let token = keys.session_token.as_ref().map(|token| token.expose_secret().to_owned());
            let credentials = Credentials::new(keys.access_key_id, keys.secret_access_key.expose_secret(), token, None, "Secret");
            return builder.credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(credentials)).build();
        }
        if let Some(role) = account.spec.credentials.as_ref().and_then(|credentials| credentials.assume_role.as_ref()) {
            let config = builder.build();
            builder = config.to_builder();
            let mut provider = AssumeRoleProvider::builder(&role.role_arn).configure(&config).session_name("tributary");
            if let Some(policy) = &self.options.session_policy {
                provider = provider.policy(policy);
            }
            if let Some(id) = &role.external_id {
                provider = provider.external_id(id);
            }
            let provider = provider.build().await;
            builder = builder.credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(provider));
        }
        builder.build()
    }
}
