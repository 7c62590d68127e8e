//! Client credentials, and the tokens that Benchling gives for them.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use k8s_openapi::api::core::v1::Secret;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::{
    error::TokenError,
    http::{self, SMALL_ANSWER},
    urls::Urls,
};

/// The OAuth client of an app.
#[derive(Clone, Debug)]
pub struct AppClient {
    /// Client id.
    pub id: String,
    /// Client secret.
    pub secret: SecretString,
}

impl AppClient {
    /// Returns the client in a Secret, and a version that changes with the Secret's content.
    ///
    /// # Errors
    /// What the Secret lacks, such as `has no BENCHLING_CLIENT_ID`.
    pub fn of_secret(secret: &Secret) -> Result<(Self, String), &'static str> {
        let value = |key: &str| {
            let bytes = secret.data.as_ref()?.get(key)?;
            String::from_utf8(bytes.0.clone()).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let id = value("BENCHLING_CLIENT_ID").ok_or("has no BENCHLING_CLIENT_ID")?;
        let key = value("BENCHLING_CLIENT_SECRET").ok_or("has no BENCHLING_CLIENT_SECRET")?;
        let meta = &secret.metadata;
        let version = format!("{}-{}", meta.uid.as_deref().unwrap_or_default(), meta.resource_version.as_deref().unwrap_or_default());
        Ok((Self { id, secret: SecretString::from(key) }, version))
    }
}

/// An access token.
#[derive(Clone, Debug, Deserialize)]
pub struct Token {
    /// The bearer token.
    #[serde(deserialize_with = "secret")]
    pub access_token: SecretString,
    #[serde(rename = "token_type")]
    kind: String,
    /// Lifetime in seconds.
    pub expires_in: u64,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

/// How long a successful and a failed check of credentials is reused.
const SUCCESS_LIFETIME: Duration = Duration::from_hours(1);
const FAILURE_LIFETIME: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_secs(5);

/// Results of checks by tenant and version of the credentials.
type Checks = HashMap<(String, String), (Instant, Result<(), TokenError>)>;

/// Benchling's endpoints that are not part of one tenant's session: tokens and key sets.
///
/// Clones share the connections and the results of credential checks.
#[derive(Clone, Debug)]
pub struct Benchling {
    pub(crate) http: reqwest::Client,
    pub(crate) urls: Arc<Urls>,
    checks: Arc<Mutex<Checks>>,
}

impl Benchling {
    /// Returns a client of the endpoints at these URLs.
    pub fn new(urls: Urls) -> Self {
        // The builder fails only where TLS cannot be set up at all; every request then reports it.
        let http = http::client(TIMEOUT).unwrap_or_default();
        Self { http, urls: Arc::new(urls), checks: Arc::default() }
    }

    /// Checks that Benchling gives the client a token in the tenant.
    ///
    /// A success is reused for an hour and a failure for 3 seconds, per tenant and `version` of the credentials.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn checks(&self, tenant: &str, client: &AppClient, version: &str) -> Result<(), TokenError> {
        let key = (tenant.to_owned(), version.to_owned());
        let mut checks = self.checks.lock().await;
        checks.retain(|_, (at, outcome)| at.elapsed() < if outcome.is_ok() { SUCCESS_LIFETIME } else { FAILURE_LIFETIME });
        if let Some((_, outcome)) = checks.get(&key) {
            return outcome.clone();
        }
        drop(checks);
        let outcome = self.token(tenant, client).await.map(drop);
        self.checks.lock().await.insert(key, (Instant::now(), outcome.clone()));
        outcome
    }

    /// Requests a token by client credentials (Benchling's v2 `OpenAPI`, `/token`).
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn token(&self, tenant: &str, client: &AppClient) -> Result<Token, TokenError> {
        let pair = BASE64_STANDARD.encode(format!("{}:{}", client.id, client.secret.expose_secret()));
        let request = self
            .http
            .post(self.urls.of_tenant(tenant, "/api/v2/token"))
            .header("authorization", format!("Basic {pair}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials");
        let answer = http::send(request, SMALL_ANSWER).await.map_err(TokenError::Unavailable)?;
        // A host without a tenant answers with a web page, whatever its status.
        if answer.body.trim_ascii_start().starts_with(b"<") {
            return Err(TokenError::TenantNotFound);
        }
        match answer.status {
            200 => parse(&answer.body),
            400 | 401 | 403 => Err(TokenError::Rejected(rejection(answer.status, &answer.body))),
            404 => Err(TokenError::TenantNotFound),
            other => Err(TokenError::Unavailable(format!("status {other}"))),
        }
    }
}

fn parse(body: &[u8]) -> Result<Token, TokenError> {
    let token: Token = serde_json::from_slice(body).map_err(|_| TokenError::Unavailable("the answer is not a token".to_owned()))?;
    if token.kind == "Bearer" { Ok(token) } else { Err(TokenError::Unavailable("the answer is not a Bearer token".to_owned())) }
}

/// Returns status and OAuth error code, such as `401 invalid_client`. Nothing else of the answer is shown: it may echo the secret.
fn rejection(status: u16, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Rejection {
        error: String,
    }
    let code = serde_json::from_slice::<Rejection>(body).map(|rejection| rejection.error).unwrap_or_default();
    let code: String = code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
    format!("{status} {code}").trim_end().to_owned()
}
