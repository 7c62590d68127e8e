//! A session: the caller's identity in one account and Region, and the path that every call takes.

use std::{
    future::Future,
    ops::Deref,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use aws_config::SdkConfig;
use aws_sdk_sts::operation::RequestId;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use tracing::{Instrument, Span};

use tributary_core::kinds::CallerIdentity;

use crate::{
    cache::Caches,
    client::{
        call::Call,
        error::AwsError,
        observer::CallObserver,
        rate_limiter::{Priority, RateLimiter},
        spans,
    },
};

/// What all sessions of one account and Region share, whichever `AwsAccount` they belong to.
#[derive(Debug)]
pub(crate) struct Shared {
    pub limits: RateLimiters,
    pub caches: Caches,
}

/// The rate limit of a service, in an account and Region.
#[derive(Clone, Copy, Debug)]
enum Limit {
    /// The `--quota` and its share for resyncs.
    Quota,
    /// Calls per second at most, or the `--quota` if it is lower.
    PerSecond(u32),
    /// No limit but that of concurrent calls.
    None,
}

/// Generates the rate limiters and the session, with one field per service.
macro_rules! sessions {
    ($($(#[$doc:meta])* $prefix:ident: $service:ident $id:literal = $sdk:ident, $limit:expr, { $($operation:ident),* $(,)? })*) => {
        /// The rate limiters of one account and Region, one per service: each has its own quotas, and its own circuit breaker.
        #[derive(Debug)]
        #[allow(dead_code, reason = "a service can be called without a session")]
        pub(crate) struct RateLimiters {
            $(pub $prefix: RateLimiter,)*
        }

        impl RateLimiters {
            /// `quota` and `resync_quota` are calls per second, 0 for no limit; `in_flight` bounds concurrent calls per service.
            pub(crate) fn new(quota: u32, resync_quota: u32, in_flight: usize) -> Self {
                let limiter = |limit| match limit {
                    Limit::Quota => RateLimiter::new(quota, resync_quota, in_flight),
                    Limit::PerSecond(highest) => RateLimiter::new(quota.min(highest), resync_quota, in_flight),
                    Limit::None => RateLimiter::new(0, 0, in_flight),
                };
                Self { $($prefix: limiter($limit),)* }
            }
        }

        $(impl SdkClient for $sdk::Client {
            fn new(config: &SdkConfig) -> Self {
                Self::new(config)
            }
        })*

        /// The clients of one account and Region. Each is built for its first call: most accounts use few services.
        #[allow(dead_code, reason = "a service can be called without a session")]
        pub struct Clients {
            $(pub(crate) $prefix: Lazy<$sdk::Client>,)*
            region: Option<String>,
        }

        impl Clients {
            fn new(config: &SdkConfig) -> Self {
                let (config, region) = (Arc::new(config.clone()), config.region().map(ToString::to_string));
                Self { $($prefix: Lazy { client: OnceLock::new(), config: config.clone() },)* region }
            }
        }

        /// SDK clients with the credentials of one `AwsAccount` in one Region. Exists only once `sts:GetCallerIdentity` has
        /// returned the account id of the spec.
        #[derive(Clone)]
        pub struct Session {
            clients: Arc<Clients>,
            pub(crate) shared: Arc<Shared>,
            pub(crate) priority: Priority,
            pub(crate) observer: Arc<dyn CallObserver>,
            /// The identity that AWS returned for the credentials.
            pub caller: Arc<CallerIdentity>,
        }

        impl Session {
            /// Creates a session of this identity, at the priority of a change.
            pub(crate) fn new(config: &SdkConfig, shared: Arc<Shared>, observer: Arc<dyn CallObserver>, caller: CallerIdentity) -> Self {
                Self { clients: Arc::new(Clients::new(config)), shared, priority: Priority::Change, observer, caller: Arc::new(caller) }
            }
        }
    };
}

for_each_service!(sessions);

/// The client of an SDK crate.
pub(crate) trait SdkClient {
    /// Builds the client.
    fn new(config: &SdkConfig) -> Self;
}

/// A client that is built when it is used first.
pub(crate) struct Lazy<C> {
    client: OnceLock<C>,
    config: Arc<SdkConfig>,
}

impl<C: SdkClient> Deref for Lazy<C> {
    type Target = C;

    fn deref(&self) -> &C {
        self.client.get_or_init(|| C::new(&self.config))
    }
}

impl Deref for Session {
    type Target = Clients;

    fn deref(&self) -> &Clients {
        &self.clients
    }
}

/// How often a call is sent at most. More attempts would hide a problem from the user, and occupy a worker.
const ATTEMPTS: u32 = 4;
/// The first wait between two attempts, doubled each time.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);

impl Session {
    /// Returns the same session for calls of this priority.
    #[must_use]
    pub fn at(&self, priority: Priority) -> Self {
        Self { priority, ..self.clone() }
    }

    /// Begins the span of a call with this session's identity.
    pub(crate) fn span(&self, call: Call) -> Span {
        spans::begin(call, &self.caller.account_id, self.clients.region.as_deref())
    }

    /// Sends one call through the rate limiter and the circuit breaker of its service, and counts it. A call that certainly
    /// changed nothing is sent again here a few times: a new reconcile would repeat every read.
    ///
    /// # Errors
    /// The error of the last attempt.
    pub(crate) async fn call<T, E, F>(
        &self,
        limiter: &RateLimiter,
        call: Call,
        priority: Priority,
        request: impl Fn() -> F + Sync,
    ) -> Result<T, AwsError>
    where
        T: RequestId + Send,
        E: ProvideErrorMetadata + Send,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        let answer = Mutex::new(None);
        let send = || send_erased(request(), &answer);
        let span = self.span(call);
        let outcome = self.attempts(limiter, call, priority, &send, &span).instrument(span.clone()).await;
        spans::end(&span, outcome.as_ref().err());
        outcome?;
        let answer = answer.into_inner().unwrap_or_else(PoisonError::into_inner);
        answer.ok_or_else(|| AwsError::unbuilt(call, &"the SDK returned no answer"))
    }

    async fn attempts<'a>(
        &self,
        limiter: &RateLimiter,
        call: Call,
        priority: Priority,
        send: &(dyn Fn() -> Attempt<'a> + Sync),
        span: &Span,
    ) -> Result<(), AwsError> {
        let mut backoff = FIRST_BACKOFF;
        for attempt in 1..ATTEMPTS {
            match self.attempt(limiter, call, priority, send, span).await {
                Err(error) if error.may_retry() => {
                    spans::retry(span, attempt, &error);
                    tokio::time::sleep(backoff.mul_f64(0.5 + fastrand::f64())).await;
                    backoff *= 2;
                }
                answer => return answer,
            }
        }
        self.attempt(limiter, call, priority, send, span).await
    }

    async fn attempt<'a>(
        &self,
        limiter: &RateLimiter,
        call: Call,
        priority: Priority,
        send: &(dyn Fn() -> Attempt<'a> + Sync),
        span: &Span,
    ) -> Result<(), AwsError> {
        let _in_flight = limiter.enter(priority).await;
        let Some(_passage) = limiter.breaker.enter() else { return Err(AwsError::circuit_open(call)) };
        // Made when it may be sent: it takes 10 KB, and many calls may wait.
        let answer = send().await;
        spans::note_request_id(span, &answer);
        let answer = answer.map(|_| ()).map_err(|error| AwsError::of(call, &error));
        limiter.breaker.record(!answer.as_ref().is_err_and(AwsError::is_timeout));
        limiter.record(answer.as_ref().is_err_and(AwsError::is_throttled));
        self.observer.aws_call(call.action(), answer.as_ref().map_or_else(AwsError::outcome, |()| "ok"));
        if let Err(error) = &answer {
            tracing::debug!(%call, code = %error.code, status = error.status, "AWS call failed");
            if let Some(defect) = error.contradicts() {
                tracing::error!(defect, %call, message = %error.message, "AWS refused what the operator's check accepted: report this defect");
                self.observer.defect(defect);
            }
        }
        answer
    }
}

/// One attempt of any call. Its answer is in the slot that [`send_erased`] was given: with the types of 90 operations, the code around a
/// call would be in the program 90 times.
type Attempt<'a> = Pin<Box<dyn Future<Output = Result<ResponseId, SdkError<ErrorMetadata, HttpResponse>>> + Send + 'a>>;

/// AWS's ID of the request that an answer belongs to.
struct ResponseId(Option<String>);

impl RequestId for ResponseId {
    fn request_id(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// Puts the answer of a request into the slot. Of an error of the service, only code and message stay.
fn send_erased<'a, T, E, F>(request: F, slot: &'a Mutex<Option<T>>) -> Attempt<'a>
where
    T: RequestId + Send,
    E: ProvideErrorMetadata + Send,
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send + 'a,
{
    Box::pin(async move {
        let answer = request.await.map_err(|error| error.map_service_error(|error| error.meta().clone()))?;
        let id = ResponseId(answer.request_id().map(str::to_owned));
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        Ok(id)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use aws_config::{BehaviorVersion, Region};
    use futures::poll;

    use super::*;
    use crate::{client::call::Sts, environment::Unobserved};

    #[tokio::test]
    async fn a_call_takes_no_memory_until_it_may_be_sent() {
        let config = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).region(Region::new("eu-west-1")).build();
        let caller = CallerIdentity { account_id: "111122223333".into(), arn: String::new() };
        let shared = Arc::new(Shared { limits: RateLimiters::new(0, 0, 1), caches: Caches::default() });
        let session = Session::new(&config, shared.clone(), Arc::new(Unobserved), caller);
        let (limiter, made, span) = (&shared.limits.sts, AtomicU32::new(0), Span::none());
        let send = || -> Attempt<'_> {
            made.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Ok(ResponseId(None)) })
        };
        let other = limiter.enter(Priority::Change).await;
        let mut call = Box::pin(session.attempts(limiter, Call::from(Sts::GetCallerIdentity), Priority::Change, &send, &span));
        assert!(poll!(&mut call).is_pending(), "the other call is in flight");
        assert_eq!(made.load(Ordering::Relaxed), 0);
        drop(other);
        assert!(call.await.is_ok());
        assert_eq!(made.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_client_is_built_for_its_first_call() {
        let config = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).region(Region::new("eu-west-1")).build();
        let clients = Clients::new(&config);
        assert!(clients.events.client.get().is_none(), "accounts that use few services keep few clients");
        assert_eq!(clients.events.config().region().map(AsRef::as_ref), Some("eu-west-1"));
        assert!(clients.events.client.get().is_some() && clients.sqs.client.get().is_none());
    }
}
