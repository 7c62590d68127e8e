//! Sync: reads entities from a tenant's API, as the app, within the budget. Where the tenant is, the configuration says and never an event.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use tributary_benchling::{self, AppClient, Benchling, NoToken, Urls, http};

use crate::sync::{
    budget::{Budget, RateHeaders},
    kinds::Kind,
    poison::{Trouble, TroubleReason},
};

/// A bulk-get of the largest entities fits; what is larger is no answer of Benchling's.
const LARGEST: usize = 64 * 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often one request is sent before the sink is said to be in trouble. Meanwhile its messages stay hidden from others.
const TRIES: u32 = 5;

/// Why a read gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// Benchling does not answer these ids: one of them is unknown, or not shown to the app.
    Ids(String),
    Trouble(Trouble),
}

struct Held {
    token: SecretString,
    /// When the next one is to be had.
    until: Instant,
}

/// One app in one tenant. All sinks of the app and tenant share it, and so its budget.
pub struct Reader {
    http: reqwest::Client,
    benchling: Benchling,
    urls: Urls,
    tenant: String,
    client: AppClient,
    /// Locked while a token is fetched: who comes meanwhile waits for that one.
    token: Mutex<Option<Held>>,
    budget: Mutex<Budget>,
}

impl Reader {
    /// An error is one of TLS in this process.
    pub fn new(urls: Urls, tenant: String, client: AppClient, budget: u32) -> Result<Arc<Self>, String> {
        let http = http(TIMEOUT).map_err(|error| error.without_url().to_string())?;
        let benchling = Benchling::new(urls.clone());
        Ok(Arc::new(Self { http, benchling, urls, tenant, client, token: Mutex::default(), budget: Mutex::new(Budget::new(budget)) }))
    }

    /// A token that is good for a while yet. It is renewed after nine tenths of its life, at most a minute early (as benchling-sdk does).
    pub async fn token(&self) -> Result<SecretString, Trouble> {
        let mut held = self.token.lock().await;
        if let Some(token) = held.as_ref().filter(|held| held.until > Instant::now()) {
            return Ok(token.token.clone());
        }
        let fresh = self.benchling.token(&self.tenant, &self.client).await.map_err(|why| self.no_token(why))?;
        let early = (fresh.expires_in / 10).clamp(1, 60);
        let until = Instant::now() + Duration::from_secs(fresh.expires_in.saturating_sub(early));
        *held = Some(Held { token: fresh.access_token.clone(), until });
        Ok(fresh.access_token)
    }

    fn no_token(&self, why: NoToken) -> Trouble {
        let tenant = &self.tenant;
        match why {
            NoToken::Rejected(said) => Trouble::new(
                TroubleReason::CredentialsRejected,
                format!(
                    "Benchling does not take the app's client in tenant {tenant} ({said}). Put the client id and secret that the Developer Console shows into the app's Secret"
                ),
            ),
            NoToken::NoTenant => Trouble::new(
                TroubleReason::TenantNotFound,
                format!("there is no tenant {tenant} at Benchling. Correct the BenchlingApp's tenants"),
            ),
            NoToken::Unreachable(said) => Trouble::new(
                TroubleReason::BenchlingUnavailable,
                format!("tenant {tenant} gave no token: {said}. It is asked again by itself"),
            ),
        }
    }

    /// The entities of these ids. Benchling refuses the whole request where one id is unknown to it.
    pub async fn bulk_get(&self, kind: Kind, ids: &[String]) -> Result<Vec<Value>, Unread> {
        let (collection, parameter, list) = kind.collection();
        let path = format!("/api/v2/{collection}:bulk-get?{parameter}={}", ids.join(","));
        let (status, body) = self.send(reqwest::Method::GET, &path, None).await.map_err(Unread::Trouble)?;
        match status {
            200 => match body.get(list).and_then(Value::as_array) {
                Some(entities) => Ok(entities.clone()),
                None => Err(Unread::Trouble(Trouble::new(
                    TroubleReason::BenchlingUnavailable,
                    format!("the answer to {collection}:bulk-get has no list {list}. Check that the tenant's name is right"),
                ))),
            },
            400 | 404 => Err(Unread::Ids(said(&body))),
            403 => Err(Unread::Trouble(Trouble::new(
                TroubleReason::AppNotPermitted,
                format!(
                    "the app may not read {collection} in tenant {} ({}). Add it to an organisation, team or project that holds them; messages wait in the queue meanwhile",
                    self.tenant,
                    said(&body)
                ),
            ))),
            other => Err(Unread::Trouble(Trouble::new(
                TroubleReason::BenchlingUnavailable,
                format!("{collection}:bulk-get answered {other} ({}). It is asked again by itself", said(&body)),
            ))),
        }
    }

    /// A page of the tenant's events (List Events of the v2 API), as JSON.
    pub async fn list_events(&self, parameters: &[(&str, &str)]) -> Result<Value, Trouble> {
        let encoded = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let query: Vec<_> = parameters.iter().map(|(key, value)| format!("{key}={}", encoded(value))).collect();
        let (status, body) = self.send(reqwest::Method::GET, &format!("/api/v2/events?{}", query.join("&")), None).await?;
        match status {
            200 => Ok(body),
            400 | 404 => Err(Trouble::new(
                TroubleReason::BenchlingRefused,
                format!(
                    "List Events of tenant {} answered {status} ({}). Correct the event types; if it speaks of startingAfter, Benchling has forgotten the event where it was to go on: begin anew from the position that was reached",
                    self.tenant,
                    said(&body)
                ),
            )),
            403 => Err(Trouble::new(
                TroubleReason::AppNotPermitted,
                format!(
                    "the app may not list events in tenant {} ({}). Add it to an organisation, team or project in Benchling",
                    self.tenant,
                    said(&body)
                ),
            )),
            other => Err(Trouble::new(
                TroubleReason::BenchlingUnavailable,
                format!("List Events of tenant {} answered {other} ({}). It is asked again by itself", self.tenant, said(&body)),
            )),
        }
    }

    /// Writes a run into the app's activity log (`app-sessions`): what failed, and what was done. Best effort: the sync does not hang on it.
    /// The words are those of `AppSessionUpdateStatus` and `AppSessionMessageStyle` of the v2 API.
    pub async fn tell(&self, app: &str, name: &str, failed: &[String], done: &[String]) -> Result<(), Trouble> {
        let session = json!({"appId": app, "name": name, "timeoutSeconds": 60});
        let (status, body) = self.send(reqwest::Method::POST, "/api/v2/app-sessions", Some(session)).await?;
        let id = body
            .get("id")
            .and_then(Value::as_str)
            .filter(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)));
        let Some(id) = id.filter(|_| status < 300) else {
            return Err(Trouble::new(TroubleReason::BenchlingUnavailable, format!("the activity log answered {status} ({})", said(&body))));
        };
        let status = match (failed, done) {
            ([], _) => "SUCCEEDED",
            (_, []) => "FAILED",
            _ => "COMPLETED_WITH_WARNINGS",
        };
        let styled = |lines: &[String], style| lines.iter().map(|line| json!({"content": line, "style": style})).collect::<Vec<_>>();
        let messages = [styled(failed, "ERROR"), styled(done, "SUCCESS")].concat();
        let end = json!({"status": status, "messages": messages});
        self.send(reqwest::Method::PATCH, &format!("/api/v2/app-sessions/{id}"), Some(end)).await.map(drop)
    }

    /// One request, within the budget; what may pass is sent again. Status and JSON, which is null where the body is none.
    async fn send(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Result<(u16, Value), Trouble> {
        let mut last = String::new();
        let mut renewed = false;
        for _ in 0..TRIES {
            let token = self.token().await?;
            self.take_turn().await;
            let url = self.urls.of_tenant(&self.tenant, path);
            let mut request = self.http.request(method.clone(), url).bearer_auth(token.expose_secret());
            if let Some(body) = &body {
                request = request.header("content-type", "application/json").body(body.to_string());
            }
            let answer = read(request).await;
            let (status, headers) = answer.as_ref().map_or((503, RateHeaders::default()), |answer| (answer.status, answer.rate));
            self.budget.lock().await.answered(Instant::now(), status, headers, fastrand::f64());
            match answer {
                Err(error) => last = error,
                Ok(answer) if answer.status == 401 && !renewed => {
                    // Revoked before its time, such as by a new secret.
                    renewed = true;
                    *self.token.lock().await = None;
                    last = "401".into();
                }
                Ok(answer) if answer.status == 401 => return Err(self.no_token(NoToken::Rejected(said(&answer.body)))),
                Ok(answer) if matches!(answer.status, 429 | 502 | 503 | 504) => last = answer.status.to_string(),
                Ok(answer) => return Ok((answer.status, answer.body)),
            }
        }
        if last == "429" {
            return Err(Trouble::new(
                TroubleReason::RateLimited,
                format!(
                    "tenant {} refuses requests as too many (429). All its apps share a limit; sync slows down by itself. If it stays, lower the budget (sync.benchlingBudget of the chart, --benchling-budget of a process), or ask who else calls",
                    self.tenant
                ),
            ));
        }
        Err(Trouble::new(
            TroubleReason::BenchlingUnavailable,
            format!("tenant {} does not answer ({last}). It is asked again by itself", self.tenant),
        ))
    }

    async fn take_turn(&self) {
        loop {
            let wait = self.budget.lock().await.wait(Instant::now());
            if wait.is_zero() {
                return;
            }
            tokio::time::sleep(wait).await;
        }
    }
}

struct Answer {
    status: u16,
    rate: RateHeaders,
    body: Value,
}

async fn read(request: reqwest::RequestBuilder) -> Result<Answer, String> {
    let (status, headers, body) = tributary_benchling::read(request, LARGEST).await?;
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok().filter(|n| (0.0..1e9).contains(n));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let rate = RateHeaders {
        limit: number("x-rate-limit-limit").map(|n| n as u32),
        remaining: number("x-rate-limit-remaining").map(|n| n as u32),
        reset: number("x-rate-limit-reset").map(|n| n.ceil() as u64),
    };
    Ok(Answer { status, rate, body: serde_json::from_slice(&body).unwrap_or_default() })
}

/// What Benchling says of an error, cut short.
fn said(body: &Value) -> String {
    let message = body.get("error").and_then(|error| error.get("message")?.as_str()).unwrap_or("no message");
    message.chars().filter(|c| !c.is_control()).take(200).collect()
}
