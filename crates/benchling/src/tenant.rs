//! One app in one tenant: authenticated requests within the rate limit.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{
    error::{BenchlingError, BenchlingErrorReason, TokenError, message_of},
    http,
    rate_limit::{Budget, RateHeaders},
    tokens::{AppClient, Benchling},
    urls::Urls,
};

/// Maximum size of an answer in bytes. A bulk-get of the largest entities fits.
const MAX_ANSWER: usize = 64 * 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often one request is sent before it fails.
const ATTEMPTS: u32 = 5;

struct CachedToken {
    token: SecretString,
    /// When it is renewed.
    renew_at: Instant,
}

/// An app's session in one tenant. Its users share the token and the rate limit.
pub struct TenantClient {
    http: reqwest::Client,
    benchling: Benchling,
    urls: Urls,
    tenant: String,
    client: AppClient,
    /// Locked during a token request, so that concurrent requests share its answer.
    token: Mutex<Option<CachedToken>>,
    budget: Arc<Budget>,
}

impl TenantClient {
    /// Returns a client that sends requests within the budget.
    ///
    /// # Errors
    /// TLS cannot be set up in this process.
    pub fn new(urls: Urls, tenant: String, client: AppClient, budget: Arc<Budget>) -> Result<Arc<Self>, BenchlingError> {
        let http = http::client(TIMEOUT).map_err(|error| BenchlingError::unavailable(error.without_url().to_string()))?;
        let benchling = Benchling::new(urls.clone());
        Ok(Arc::new(Self { http, benchling, urls, tenant, client, token: Mutex::default(), budget }))
    }

    /// Returns the budget, which other sessions of the same client share.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// Returns the tenant's name.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Returns a valid token. It is renewed after nine tenths of its lifetime, at most a minute early, as benchling-sdk does.
    ///
    /// # Errors
    /// Benchling rejected the credentials, has no such tenant, or did not answer.
    pub async fn token(&self) -> Result<SecretString, BenchlingError> {
        let mut cached = self.token.lock().await;
        if let Some(valid) = cached.as_ref().filter(|cached| cached.renew_at > Instant::now()) {
            return Ok(valid.token.clone());
        }
        let answer = self.benchling.token(&self.tenant, &self.client).await;
        let fresh = answer.map_err(|error| BenchlingError::no_token(&self.tenant, error))?;
        let early = (fresh.expires_in / 10).clamp(1, 60);
        let renew_at = Instant::now() + Duration::from_secs(fresh.expires_in.saturating_sub(early));
        *cached = Some(CachedToken { token: fresh.access_token.clone(), renew_at });
        Ok(fresh.access_token)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<(u16, Value), BenchlingError> {
        self.send(Method::GET, path, None).await
    }

    /// Sends a request within the rate limit and retries temporary failures. Returns status and JSON body, `null` where it is not JSON.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<(u16, Value), BenchlingError> {
        // The last status, or why there was none.
        let mut last: Result<u16, String> = Err(String::new());
        let mut renewed = false;
        for _ in 0..ATTEMPTS {
            let token = self.token().await?;
            self.budget.acquire().await;
            let url = self.urls.of_tenant(&self.tenant, path);
            let mut request = self.http.request(method.clone(), url).bearer_auth(token.expose_secret());
            if let Some(body) = &body {
                request = request.header("content-type", "application/json").body(body.to_string());
            }
            let answer = read(request).await;
            let (status, headers) = answer.as_ref().map_or((503, RateHeaders::default()), |answer| (answer.status, answer.rate));
            self.budget.answered(status, headers);
            match answer {
                Err(error) => last = Err(error),
                Ok(answer) if answer.status == 401 && !renewed => {
                    // Revoked before it expired, such as by a new client secret.
                    renewed = true;
                    *self.token.lock().await = None;
                    last = Ok(401);
                }
                Ok(answer) if answer.status == 401 => {
                    return Err(BenchlingError::no_token(&self.tenant, TokenError::Rejected(message_of(&answer.body))));
                }
                Ok(answer) if matches!(answer.status, 429 | 502 | 503 | 504) => last = Ok(answer.status),
                Ok(answer) => return Ok((answer.status, answer.body)),
            }
        }
        Err(self.gave_up(last))
    }

    fn gave_up(&self, last: Result<u16, String>) -> BenchlingError {
        let tenant = &self.tenant;
        let cause = match last {
            Ok(429) => {
                return BenchlingError::new(
                    BenchlingErrorReason::RateLimited,
                    format!(
                        "Benchling tenant {tenant} rejects requests with 429. All its apps share a limit; requests slow down \
                         automatically. If this persists, lower sync.benchlingBudget in the chart (--benchling-budget)."
                    ),
                );
            }
            Ok(status) => status.to_string(),
            Err(cause) => cause,
        };
        BenchlingError::unavailable(format!("Benchling tenant {tenant} does not answer: {cause}. The request is retried automatically."))
    }
}

struct Answer {
    status: u16,
    rate: RateHeaders,
    body: Value,
}

async fn read(request: reqwest::RequestBuilder) -> Result<Answer, String> {
    let answer = http::send(request, MAX_ANSWER).await?;
    let number = |name: &str| {
        let text = answer.headers.get(name)?.to_str().ok()?;
        text.trim().parse::<f64>().ok().filter(|n| (0.0..1e9).contains(n))
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // From 0 to 1e9.
    let rate = RateHeaders {
        limit: number("x-rate-limit-limit").map(|n| n as u32),
        remaining: number("x-rate-limit-remaining").map(|n| n as u32),
        reset: number("x-rate-limit-reset").map(|n| n.ceil() as u64),
    };
    Ok(Answer { status: answer.status, rate, body: serde_json::from_slice(&answer.body).unwrap_or_default() })
}
