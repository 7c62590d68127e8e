//! From a request to its reply: 2xx only after EventBridge accepted that very event, 5xx where Benchling should send it again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use tributary_aws::Entry;

use crate::{
    gateway::{
        accepted_events::{Earlier, Pending},
        body::read,
        envelope::{self, Claim},
        keys::Unverified,
        lane::NotAccepted,
        metrics::Outcome,
        reply::Reply,
        routes::{Bus, Route},
        spans,
        state::Gateway,
        verify::{Candidate, Headers, Refused},
    },
    http_server::plain,
    telemetry::traces::exemplar,
};

/// Time limit for the reply after the body. Benchling gives a canvas's webhook 3 seconds (changelog, "Webhook ack timeout changes") and
/// publishes no limit for others.
const REPLY_TIMEOUT: Duration = Duration::from_millis(2_500);

/// Answers a request.
pub(crate) async fn answer<B>(gateway: &Gateway, request: Request<B>) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes> + Unpin,
{
    if matches!(request.method(), &Method::GET | &Method::HEAD) {
        match request.uri().path() {
            "/health" => return plain(StatusCode::OK, "OK"),
            // What is missing is reported at the admin port only, which is not public.
            "/ready" if gateway.missing().is_empty() => return plain(StatusCode::OK, "OK"),
            "/ready" => return plain(StatusCode::SERVICE_UNAVAILABLE, "not ready"),
            _ => {}
        }
    }
    let mut app = None;
    let span = spans::request(request.method(), request.headers());
    let reply = webhook(gateway, request, &mut app).instrument(span.clone()).await;
    gateway.metrics.request(reply.outcome, app.as_deref());
    spans::end(&span, &reply, app.as_deref());
    reply.into_response()
}

/// Answers a webhook. `app` receives the app's `namespace/name` as soon as it is known.
async fn webhook<B>(gateway: &Gateway, request: Request<B>, app: &mut Option<String>) -> Reply
where
    B: Body<Data = Bytes> + Unpin,
{
    try_webhook(gateway, request, app).await.unwrap_or_else(|rejection| rejection)
}

async fn try_webhook<B>(gateway: &Gateway, request: Request<B>, app: &mut Option<String>) -> Result<Reply, Reply>
where
    B: Body<Data = Bytes> + Unpin,
{
    let routes = gateway.routes();
    let path = request.uri().path().to_owned();
    if !routes.has_path(&path) {
        return Err(Reply::reject(StatusCode::NOT_FOUND, Outcome::UnknownPath, "unknown webhook path"));
    }
    if request.method() != Method::POST {
        return Err(Reply::reject(StatusCode::METHOD_NOT_ALLOWED, Outcome::WrongMethod, "webhooks require POST"));
    }
    let malformed = |error: String| Reply::reject(StatusCode::BAD_REQUEST, Outcome::Malformed, error);
    let (head, body) = request.into_parts();
    // Held to the end: it counts towards the memory of all bodies.
    let body = read(gateway, &head.headers, body).await?;
    let deadline = Instant::now() + REPLY_TIMEOUT;
    let claim = Claim::read(&body.bytes).map_err(malformed)?;
    let tenant = claim.tenant().unwrap_or_default();
    let Some(route) = routes.find(&path, claim.definition(), tenant) else {
        return Err(Reply::reject(StatusCode::NOT_FOUND, Outcome::UnknownApp, "unknown app definition or tenant"));
    };
    *app = Some(route.key.clone());
    let id = verified(gateway, route, &head.headers, &body.bytes, deadline).await?;
    let bus = route.bus.as_ref().map_err(|error| {
        tracing::warn!(app = route.key, %error, "webhook verified, but the app's bus is not available");
        Reply::retry_later(Outcome::NoBus, "event bus of the app not available; retry")
    })?;
    let event = envelope::event(&body.bytes, &id, tenant).map_err(malformed)?;
    if !event.known {
        tracing::info!(app = route.key, type_ = event.detail_type, "event type not in the catalogue");
    }
    let known_type = event.known;
    match gateway.accepted_events.begin(&route.key, &id) {
        Earlier::Accepted => Ok(Reply::ok(Outcome::Duplicate, "already accepted")),
        Earlier::InFlight(mut decision) => {
            let decided = timeout_at(deadline, decision.wait_for(Option::is_some)).await;
            match decided.ok().and_then(Result::ok).and_then(|decision| *decision) {
                Some(true) => Ok(Reply::ok(Outcome::Duplicate, "already accepted")),
                Some(false) | None => {
                    Err(Reply::retry_later(Outcome::Failed, "another request with this webhook-id is in progress; retry"))
                }
            }
        }
        Earlier::New(pending) => {
            let webhook = Webhook { app: route.key.clone(), entry: route.entry(bus, tenant, event), known_type, pending, deadline };
            Ok(publish(gateway, bus, webhook).await)
        }
    }
}

/// A verified webhook.
struct Webhook {
    /// `namespace/name` of the app.
    app: String,
    entry: Entry,
    known_type: bool,
    pending: Pending,
    deadline: Instant,
}

async fn publish(gateway: &Gateway, bus: &Bus, webhook: Webhook) -> Reply {
    let (gateway, lane) = (gateway.clone(), gateway.lane(bus));
    let Webhook { app, mut entry, known_type, pending, deadline } = webhook;
    let span = spans::publish(&app, &mut entry);
    let exemplar = exemplar(&span);
    // A task of its own continues after the connection breaks, so that the result is known when the webhook is sent again.
    let publishing = async move {
        let started = Instant::now();
        let result = lane.put(entry, deadline).await;
        gateway.accepted_events.end(pending, result.is_ok(), std::time::Instant::now());
        match &result {
            Ok(()) => gateway.metrics.accepted(&app, known_type, started.elapsed().as_secs_f64(), exemplar),
            Err(NotAccepted::QueueFull) => {
                gateway.metrics.problem(&app, "more events arrive than EventBridge accepts. Benchling sends them again.".into());
            }
            Err(NotAccepted::Late(cause) | NotAccepted::Rejected(cause)) => {
                tracing::warn!(app, cause, "event not accepted by EventBridge");
                gateway.metrics.problem(&app, format!("EventBridge did not accept an event: {cause}. Benchling sends it again."));
            }
        }
        if result.is_err() {
            spans::not_accepted();
        }
        result
    };
    match tokio::spawn(publishing.instrument(span)).await {
        Ok(Ok(())) => Reply::ok(Outcome::Accepted, "accepted"),
        Ok(Err(NotAccepted::QueueFull)) => Reply::retry_later(Outcome::Busy, "too many events in progress; retry"),
        Ok(Err(NotAccepted::Late(_))) => Reply::retry_later(Outcome::Failed, "event not accepted in time; retry"),
        Ok(Err(NotAccepted::Rejected(_))) | Err(_) => {
            Reply::reject(StatusCode::INTERNAL_SERVER_ERROR, Outcome::Failed, "event not accepted; retry")
        }
    }
}

/// Returns the webhook's id if its signature is valid.
async fn verified(gateway: &Gateway, route: &Route, headers: &HeaderMap, body: &[u8], deadline: Instant) -> Result<String, Reply> {
    let refused = |reason: Refused| {
        gateway.metrics.refusal(reason.into());
        Reply::reject(StatusCode::UNAUTHORIZED, Outcome::Refused, reason.to_string())
    };
    let once = |name: &str| {
        let mut all = headers.get_all(name).iter();
        // Of two headers with the same name, the signed one is unknown.
        all.next().filter(|_| all.next().is_none()).and_then(|value| value.to_str().ok()).ok_or_else(|| refused(Refused::MissingHeader))
    };
    let headers = Headers { id: once("webhook-id")?, timestamp: once("webhook-timestamp")?, signature: once("webhook-signature")? };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let candidate = Candidate::new(headers, body, now).map_err(refused)?;
    match timeout_at(deadline, gateway.keys.verify(&route.definition, &candidate)).await {
        Ok(Ok(())) => {
            spans::verified(headers.id);
            Ok(headers.id.to_owned())
        }
        Ok(Err(Unverified::Refused(reason))) => Err(refused(reason)),
        Ok(Err(Unverified::NoKeys(_))) | Err(_) => Err(Reply::retry_later(Outcome::NoKeys, "public keys of the app not available; retry")),
    }
}
