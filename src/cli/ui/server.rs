//! Routes: `/TOKEN/` is the page, `/TOKEN/assets/` its files, `/TOKEN/api/` what it reads.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{Method, Request, StatusCode, header};
use kube::Client;
use percent_encoding::percent_decode_str;
use serde_json::json;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::cli::ui::{
    assets::{self, Asset},
    event,
    feed::Feed,
    guard::{Token, check_origin},
    map, object,
    reply::{Answer, Problem, content, json, moved},
};

/// Maximum size of an event, in bytes: that of an entry of `PutEvents`.
const MAX_EVENT: usize = 1 << 20;
/// Time limit for a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request for changes is held open.
const POLL: Duration = Duration::from_secs(25);

/// What the page is served from.
pub(super) struct Server {
    token: Token,
    /// Which namespaces are shown, for people.
    scope: String,
    client: Client,
    feed: Feed,
    stopping: watch::Receiver<bool>,
}

/// What a path names.
enum Route {
    Page,
    Asset(&'static Asset),
    Graph,
    Types,
    Changes,
    Who,
    Sample,
    Object(String),
    Match,
}

impl Route {
    fn of(path: &str) -> Option<Self> {
        Some(match path {
            "" => Self::Page,
            "api/graph" => Self::Graph,
            "api/types" => Self::Types,
            "api/changes" => Self::Changes,
            "api/who" => Self::Who,
            "api/sample" => Self::Sample,
            "api/match" => Self::Match,
            _ => match path.strip_prefix("api/object/") {
                Some(object) => Self::Object(object::id(object)?),
                None => Self::Asset(assets::find(path.strip_prefix("assets/")?)?),
            },
        })
    }

    fn method(&self) -> Method {
        if matches!(self, Self::Match) { Method::POST } else { Method::GET }
    }
}

impl Server {
    /// Returns a server, and what tells its open requests that it stops.
    pub(super) fn new(token: Token, scope: String, client: Client, feed: Feed) -> (Self, watch::Sender<bool>) {
        let (sender, stopping) = watch::channel(false);
        (Self { token, scope, client, feed, stopping }, sender)
    }

    /// Answers a request.
    pub(super) async fn answer<B>(self: Arc<Self>, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.checked(request).await.unwrap_or_else(Problem::into_answer)
    }

    async fn checked<B>(&self, request: Request<B>) -> Result<Answer, Problem>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        check_origin(request.headers()).map_err(|why| Problem::new(StatusCode::FORBIDDEN, why))?;
        let path = request.uri().path().to_owned();
        let path = path.strip_prefix('/').unwrap_or_default();
        let (token, path) = path.split_once('/').map_or((path, None), |(token, path)| (token, Some(path)));
        if !self.token.is(token) {
            let message = "the URL has no valid token. Open the URL that `tributary ui` printed: it is a new one for each run.";
            return Err(Problem::new(StatusCode::FORBIDDEN, message));
        }
        // The files of the page are relative to it.
        let Some(path) = path else { return Ok(moved(&format!("/{token}/"))) };
        let route = Route::of(path).ok_or_else(|| Problem::not_found("unknown path. Open the URL that `tributary ui` printed."))?;
        if *request.method() != route.method() {
            let mut answer = Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("use method {}.", route.method())).into_answer();
            let allowed = if route.method() == Method::POST { "POST" } else { "GET" };
            answer.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allowed));
            return Ok(answer);
        }
        self.routed(route, request).await
    }

    async fn routed<B>(&self, route: Route, request: Request<B>) -> Result<Answer, Problem>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let query = |name: &str| parameter(request.uri().query().unwrap_or_default(), name);
        let required = |name: &str| query(name).ok_or_else(|| Problem::bad_request(format!("parameter {name} is missing. Add it.")));
        let current = self.feed.current();
        Ok(match route {
            Route::Page => asset(&assets::PAGE),
            Route::Asset(found) => asset(found),
            Route::Graph => json(&map::map(&current, &self.scope)),
            Route::Types => json(&event::types(&current.graph)),
            Route::Changes => {
                let since = required("since")?.parse().map_err(|_| Problem::bad_request("parameter since must be a version."))?;
                self.changed(since).await;
                json(&json!({"version": self.feed.current().version}))
            }
            Route::Who => json(&event::who(&current.graph, &required("type")?)),
            Route::Sample => json(&event::sample(&required("type")?)?),
            Route::Object(id) => json(&object::details(&self.client, &current.graph, &id).await?),
            Route::Match => {
                let bus = query("bus");
                let text = body(request).await?;
                json(&event::matches(&current.graph, &text, bus.as_deref())?)
            }
        })
    }

    /// Waits until there is another version, for a limited time.
    async fn changed(&self, since: u64) {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            () = self.feed.changed(since) => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = sleep(POLL) => {}
        }
    }
}

fn asset(asset: &'static Asset) -> Answer {
    content(asset.type_, asset.text)
}

/// Returns the value of a parameter, decoded.
fn parameter(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').filter_map(|part| part.split_once('=')).find(|(key, _)| *key == name)?.1;
    percent_decode_str(value).decode_utf8().ok().filter(|value| !value.is_empty()).map(|value| value.into_owned())
}

/// Reads a body of JSON. Browsers ask this server before they send one from another site.
async fn body<B>(request: Request<B>) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let type_ = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if type_.split(';').next().map(str::trim) != Some("application/json") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "header Content-Type must be application/json."));
    }
    let limited = std::pin::pin!(Limited::new(request.into_body(), MAX_EVENT));
    match timeout(BODY_TIMEOUT, limited.collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the event exceeds {MAX_EVENT} bytes, the limit of EventBridge. Shorten it."),
        )),
        Ok(Err(_)) => Err(Problem::bad_request("the body is incomplete. Send it again.")),
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body was not received in time. Send it again.")),
    }
}
