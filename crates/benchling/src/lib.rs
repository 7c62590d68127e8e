//! Benchling over HTTP: tokens and key sets. Where Benchling is, the installation says and never an object or an event: nobody can have the
//! operator talk to another host.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use k8s_openapi::api::core::v1::Secret;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;

/// Where Benchling is.
#[derive(Clone, Debug)]
pub struct Urls {
    /// Of a tenant's API; `{tenant}` stands for its name.
    pub tenant: String,
    /// Of an app's keys; `{app_definition_id}` stands for the id of its definition (benchling-sdk 1.25.0, `webhook_helpers`).
    pub keys: String,
}

impl Default for Urls {
    fn default() -> Self {
        Self {
            tenant: "https://{tenant}.benchling.com".into(),
            keys: "https://apps.benchling.com/api/v1/apps/{app_definition_id}/jwks".into(),
        }
    }
}

impl Urls {
    /// URL of a path of a tenant's API, such as `/api/v2/token`.
    pub fn of_tenant(&self, tenant: &str, path: &str) -> String {
        format!("{}{path}", self.tenant.replace("{tenant}", &encoded(tenant)).trim_end_matches('/'))
    }

    pub fn of_keys(&self, definition: &str) -> String {
        self.keys.replace("{app_definition_id}", &encoded(definition))
    }
}

fn encoded(text: &str) -> String {
    // What ids and names of tenants have; anything else could become another path or host.
    const SET: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');
    utf8_percent_encode(text, SET).to_string()
}

/// The client of an app.
#[derive(Clone, Debug)]
pub struct AppClient {
    pub id: String,
    pub secret: SecretString,
}

impl AppClient {
    /// The client that a Secret holds, and what tells this content from the next; or what is the matter.
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

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoToken {
    /// Benchling does not take id and secret.
    Rejected(String),
    /// There is no such tenant: it answered with a page for people.
    NoTenant,
    /// It may pass.
    Unreachable(String),
}

/// A good answer is believed for this long, a bad one for the second time.
const FRESH: Duration = Duration::from_hours(1);
const FRESH_FAILURE: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_secs(5);
/// No answer of Benchling's that is read here is larger.
const LARGEST: usize = 64 * 1024;

type Known = HashMap<(String, String), (Instant, Result<(), NoToken>)>;

#[derive(Clone, Debug)]
pub struct Benchling {
    http: reqwest::Client,
    urls: Arc<Urls>,
    known: Arc<Mutex<Known>>,
}

impl Benchling {
    pub fn new(urls: Urls) -> Self {
        // The builder fails only where TLS cannot be set up at all; then every call says so.
        let http = http(TIMEOUT).unwrap_or_default();
        Self { http, urls: Arc::new(urls), known: Arc::default() }
    }

    /// Whether Benchling gives a token for the client in the tenant. `version`: tells one content of the Secret from the next.
    pub async fn checks(&self, tenant: &str, client: &AppClient, version: &str) -> Result<(), NoToken> {
        let key = (tenant.to_owned(), version.to_owned());
        let mut known = self.known.lock().await;
        known.retain(|_, (at, outcome)| at.elapsed() < if outcome.is_ok() { FRESH } else { FRESH_FAILURE });
        if let Some((_, outcome)) = known.get(&key) {
            return outcome.clone();
        }
        drop(known);
        let outcome = self.token(tenant, client).await.map(drop);
        self.known.lock().await.insert(key, (Instant::now(), outcome.clone()));
        outcome
    }

    /// A token by client credentials (Benchling's v2 `OpenAPI`, `/token`).
    pub async fn token(&self, tenant: &str, client: &AppClient) -> Result<Token, NoToken> {
        let pair = BASE64_STANDARD.encode(format!("{}:{}", client.id, client.secret.expose_secret()));
        let request = self
            .http
            .post(self.urls.of_tenant(tenant, "/api/v2/token"))
            .header("authorization", format!("Basic {pair}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials");
        let (status, _, body) = read(request, LARGEST).await.map_err(NoToken::Unreachable)?;
        if body.trim_ascii_start().starts_with(b"<") {
            return Err(NoToken::NoTenant);
        }
        match status {
            200 => {
                let token: Token = serde_json::from_slice(&body).map_err(|_| NoToken::Unreachable("the answer is no token".to_owned()))?;
                if token.kind != "Bearer" {
                    return Err(NoToken::Unreachable("the answer is no Bearer token".to_owned()));
                }
                Ok(token)
            }
            400 | 401 | 403 => {
                #[derive(Deserialize)]
                struct Refusal {
                    error: String,
                }
                let said = serde_json::from_slice::<Refusal>(&body).map(|refusal| refusal.error);
                let word: String = said.unwrap_or_default().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
                Err(NoToken::Rejected(format!("{status} {word}").trim_end().to_owned()))
            }
            404 => Err(NoToken::NoTenant),
            other => Err(NoToken::Unreachable(format!("status {other}"))),
        }
    }

    /// The key set of an app definition as text, or what to tell.
    pub async fn key_set(&self, definition: &str) -> Result<Vec<u8>, String> {
        let (status, _, body) = read(self.http.get(self.urls.of_keys(definition)).timeout(Duration::from_secs(3)), LARGEST).await?;
        match status {
            200 => Ok(body),
            404 => Err(format!("Benchling knows no app definition {definition} (404): correct spec.appDefinitionId")),
            other => Err(format!("the key endpoint answered {other}")),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
pub struct Token {
    #[serde(deserialize_with = "secret")]
    pub access_token: SecretString,
    #[serde(rename = "token_type")]
    kind: String,
    /// Seconds.
    pub expires_in: u64,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

/// A client that follows no redirect: one would take credentials to where nobody said. An error is one of TLS in this process.
pub fn http(timeout: Duration) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(timeout)
        .connect_timeout(Duration::from_secs(3))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("tributary/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Sends it, and reads an answer of at most so many bytes. An error says why there is no answer, without URL and headers.
pub async fn read(request: reqwest::RequestBuilder, largest: usize) -> Result<(u16, reqwest::header::HeaderMap, Vec<u8>), String> {
    let said = |error: reqwest::Error| {
        if error.is_timeout() { "no answer within the time limit".to_owned() } else { causes(&error.without_url()) }
    };
    let mut answer = request.send().await.map_err(said)?;
    let (status, headers) = (answer.status().as_u16(), std::mem::take(answer.headers_mut()));
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(said)? {
        body.extend_from_slice(&part);
        if body.len() > largest {
            return Err(format!("the answer is larger than {largest} bytes"));
        }
    }
    Ok((status, headers, body))
}

/// The innermost cause, such as `Connection refused`.
fn causes(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_becomes_another_place() {
        let urls = Urls::default();
        assert_eq!(urls.of_tenant("acme", "/api/v2/token"), "https://acme.benchling.com/api/v2/token");
        assert_eq!(urls.of_tenant("evil.example/", "/x"), "https://evil%2Eexample%2F.benchling.com/x");
        assert_eq!(urls.of_keys("appdef_1"), "https://apps.benchling.com/api/v1/apps/appdef_1/jwks");
        assert_eq!(urls.of_keys("../x"), "https://apps.benchling.com/api/v1/apps/%2E%2E%2Fx/jwks");
    }
}
