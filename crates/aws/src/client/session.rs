//! A session: the caller's identity in one account and Region, and the path that every call takes.

use std::{future::Future, sync::Arc, time::Duration};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use tributary_core::kinds::CallerIdentity;

use crate::{
    cache::Caches,
    client::{
        call::Call,
        error::AwsError,
        observer::CallObserver,
        rate_limiter::{Priority, RateLimiter},
    },
};

/// The rate limiters of one account and Region, one per service: each has its own quotas, and its own circuit breaker.
#[derive(Debug)]
pub(crate) struct RateLimiters {
    pub events: RateLimiter,
    pub sqs: RateLimiter,
    pub lambda: RateLimiter,
    pub logs: RateLimiter,
    pub sns: RateLimiter,
    pub states: RateLimiter,
    pub iam: RateLimiter,
    pub kms: RateLimiter,
}

impl RateLimiters {
    /// `quota` and `resync_quota` are calls per second, 0 for no limit; `in_flight` bounds concurrent calls per service.
    pub(crate) fn new(quota: u32, resync_quota: u32, in_flight: usize) -> Self {
        let limiter = |highest: u32| RateLimiter::new(quota.min(highest), resync_quota, in_flight);
        Self {
            events: RateLimiter::new(quota, resync_quota, in_flight),
            sqs: RateLimiter::new(0, 0, in_flight),
            // Lambda allows 15 control-plane calls per second, Logs 10 of those made here (their quotas pages).
            lambda: limiter(10),
            logs: limiter(10),
            // SNS allows 30 per second of most of these calls, Step Functions 1 to 20 after a burst (their quotas pages). IAM
            // does not publish its limits, which hold for the account across Regions.
            sns: limiter(20),
            states: limiter(10),
            iam: limiter(10),
            kms: limiter(20),
        }
    }
}

/// What all sessions of one account and Region share, whichever `AwsAccount` they belong to.
#[derive(Debug)]
pub(crate) struct Shared {
    pub limits: RateLimiters,
    pub caches: Caches,
}

/// SDK clients with the credentials of one `AwsAccount` in one Region. Exists only once `sts:GetCallerIdentity` has returned
/// the account id of the spec.
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
    pub(crate) observer: Arc<dyn CallObserver>,
    /// The identity that AWS returned for the credentials.
    pub caller: CallerIdentity,
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
        request: impl Fn() -> F,
    ) -> Result<T, AwsError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let mut backoff = FIRST_BACKOFF;
        for _ in 1..ATTEMPTS {
            match self.attempt(limiter, call, priority, request()).await {
                Err(error) if error.may_retry() => {
                    tokio::time::sleep(backoff.mul_f64(0.5 + fastrand::f64())).await;
                    backoff *= 2;
                }
                answer => return answer,
            }
        }
        self.attempt(limiter, call, priority, request()).await
    }

    async fn attempt<T, E>(
        &self,
        limiter: &RateLimiter,
        call: Call,
        priority: Priority,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, AwsError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let _in_flight = limiter.enter(priority).await;
        let Some(_passage) = limiter.breaker.enter() else { return Err(AwsError::circuit_open(call)) };
        let answer = request.await.map_err(|error| AwsError::new(call, &error));
        limiter.breaker.record(!answer.as_ref().is_err_and(AwsError::is_timeout));
        limiter.record(answer.as_ref().is_err_and(AwsError::is_throttled));
        self.observer.aws_call(call.action(), answer.as_ref().map_or_else(AwsError::outcome, |_| "ok"));
        if let Err(error) = &answer {
            tracing::debug!(%call, code = %error.code, status = error.status, "AWS call failed");
        }
        answer
    }
}
