//! Gateway: from a request to its answer. 2xx only after EventBridge accepted that very event; 5xx where Benchling should send it again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, header};
use tokio::time::{Instant, timeout_at};

use crate::gateway::{
    Gateway,
    batch::Failed,
    envelope::{self, Claim},
    keys::Unverified,
    routes::{Bus, Route},
    seen::Before,
    tally::Outcome,
    verify::{Candidate, Headers, Refused},
};

/// Benchling gives a canvas's webhook 3 seconds (changelog, "Webhook ack timeout changes"); of the others no limit is published.
const ANSWER: Duration = Duration::from_millis(2_500);
/// A body that has not come in full by then.
const BODY: Duration = Duration::from_secs(5);
/// So much of each body takes nothing of the memory that all bodies share: webhooks are thin, and large bodies, of whomever, must not keep them
/// out. The number of connections bounds it.
const THIN: usize = 16 * 1_024;

type Answer = (StatusCode, Outcome, String);

fn no(status: StatusCode, outcome: Outcome, text: impl Into<String>) -> Answer {
    (status, outcome, text.into())
}

pub async fn answer<B>(gateway: &Gateway, request: Request<B>) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes> + Unpin,
{
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/health") => return plain(StatusCode::OK, "OK"),
        (&Method::GET | &Method::HEAD, "/ready") => {
            // What is missing is told at the other port, which is not for everybody.
            let ready = gateway.missing().is_empty();
            return if ready { plain(StatusCode::OK, "OK") } else { plain(StatusCode::SERVICE_UNAVAILABLE, "not ready") };
        }
        _ => {}
    }
    let mut app = None;
    let (status, outcome, text) = webhook(gateway, request, &mut app).await.unwrap_or_else(|answer| answer);
    gateway.tally.request(outcome, app.as_deref());
    let mut response = plain(status, &text);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    }
    response
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{text}\n"))));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// `app`: of whom it is, as soon as that is known.
async fn webhook<B>(gateway: &Gateway, request: Request<B>, app: &mut Option<String>) -> Result<Answer, Answer>
where
    B: Body<Data = Bytes> + Unpin,
{
    let routes = gateway.routes();
    let path = request.uri().path().to_owned();
    if !routes.knows(&path) {
        return Err(no(StatusCode::NOT_FOUND, Outcome::UnknownPath, "no app is served here"));
    }
    if request.method() != Method::POST {
        return Err(no(StatusCode::METHOD_NOT_ALLOWED, Outcome::WrongMethod, "webhooks are posted"));
    }
    let (head, body) = request.into_parts();
    let (body, _budget) = read(gateway, &head.headers, body).await?;
    let deadline = Instant::now() + ANSWER;
    let claim = Claim::read(&body).map_err(|error| no(StatusCode::BAD_REQUEST, Outcome::Malformed, error))?;
    let tenant = claim.tenant().unwrap_or_default();
    let Some(route) = routes.find(&path, claim.definition(), tenant) else {
        return Err(no(StatusCode::NOT_FOUND, Outcome::UnknownApp, "no app of this definition and tenant is served here"));
    };
    *app = Some(route.key.clone());
    let id = verified(gateway, route, &head.headers, &body, deadline).await?;
    let bus = route.bus.as_ref().map_err(|halt| {
        tracing::warn!(app = route.key, %halt, "a verified webhook has no bus");
        no(StatusCode::SERVICE_UNAVAILABLE, Outcome::NoBus, "the app's bus does not take events now")
    })?;
    let event = envelope::event(&body, &id, tenant).map_err(|error| no(StatusCode::BAD_REQUEST, Outcome::Malformed, error))?;
    if !event.known {
        tracing::info!(app = route.key, type_ = event.detail_type, "a type that the catalogue lacks");
    }
    let known = event.known;
    match gateway.seen.begin(&route.key, &id) {
        Before::Accepted => Ok(no(StatusCode::OK, Outcome::Duplicate, "accepted before")),
        Before::UnderWay(mut fate) => {
            let fate = timeout_at(deadline, fate.wait_for(Option::is_some)).await;
            match fate.ok().and_then(Result::ok).and_then(|fate| *fate) {
                Some(true) => Ok(no(StatusCode::OK, Outcome::Duplicate, "accepted before")),
                _ => Err(no(StatusCode::SERVICE_UNAVAILABLE, Outcome::Failed, "another request with this webhook-id has it")),
            }
        }
        Before::New(pending) => {
            let entry = route.entry(bus, tenant, event);
            publish(gateway, route, bus, entry, pending, known, deadline).await
        }
    }
}

async fn publish(
    gateway: &Gateway,
    route: &Route,
    bus: &Bus,
    entry: tributary_aws::Entry,
    pending: crate::gateway::seen::Pending,
    known: bool,
    deadline: Instant,
) -> Result<Answer, Answer> {
    let (gateway, lane, key) = (gateway.clone(), gateway.lane(bus), route.key.clone());
    // A task of its own: it goes on when the connection breaks, so that it is known whether the webhook was accepted when it comes again.
    let task = tokio::spawn(async move {
        let began = Instant::now();
        let outcome = lane.put(entry, deadline).await;
        gateway.seen.end(pending, outcome.is_ok(), std::time::Instant::now());
        match &outcome {
            Ok(()) => gateway.tally.accepted(&key, known, began.elapsed().as_secs_f64()),
            Err(Failed::Full) => gateway.tally.problem(&key, "more events come than EventBridge takes; Benchling sends them again".into()),
            Err(Failed::Late(why) | Failed::Refused(why)) => {
                tracing::warn!(app = key, why, "not accepted");
                gateway.tally.problem(&key, format!("EventBridge did not accept an event: {why}. Benchling sends it again"));
            }
        }
        outcome
    });
    match task.await {
        Ok(Ok(())) => Ok(no(StatusCode::OK, Outcome::Accepted, "accepted")),
        Ok(Err(Failed::Full)) => Err(no(StatusCode::SERVICE_UNAVAILABLE, Outcome::Busy, "too many events wait; send it again")),
        Ok(Err(Failed::Late(_))) => Err(no(StatusCode::SERVICE_UNAVAILABLE, Outcome::Failed, "not accepted in time; send it again")),
        Ok(Err(Failed::Refused(_))) | Err(_) => Err(no(StatusCode::INTERNAL_SERVER_ERROR, Outcome::Failed, "not accepted; send it again")),
    }
}

/// The webhook's id, once its signature is good.
async fn verified(gateway: &Gateway, route: &Route, headers: &HeaderMap, body: &[u8], deadline: Instant) -> Result<String, Answer> {
    let refused = |why: Refused| {
        gateway.tally.refusal(why.into());
        no(StatusCode::UNAUTHORIZED, Outcome::Refused, why.to_string())
    };
    let once = |name: &str| {
        let mut all = headers.get_all(name).iter();
        // Of two of the same name nobody knows which one was signed.
        all.next().filter(|_| all.next().is_none()).and_then(|value| value.to_str().ok()).ok_or_else(|| refused(Refused::MissingHeader))
    };
    let headers = Headers { id: once("webhook-id")?, timestamp: once("webhook-timestamp")?, signature: once("webhook-signature")? };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let candidate = Candidate::new(headers, body, now).map_err(refused)?;
    let no_keys = || no(StatusCode::SERVICE_UNAVAILABLE, Outcome::NoKeys, "there are no keys to verify it with; send it again");
    match timeout_at(deadline, gateway.keys.verify(&route.definition, &candidate)).await {
        Ok(Ok(())) => Ok(headers.id.to_owned()),
        Ok(Err(Unverified::Refused(why))) => Err(refused(why)),
        Ok(Err(Unverified::NoKeys(_))) | Err(_) => Err(no_keys()),
    }
}

/// The whole body, and what it takes of the memory that all bodies together may have.
async fn read<B>(gateway: &Gateway, headers: &HeaderMap, mut body: B) -> Result<(Bytes, tokio::sync::OwnedSemaphorePermit), Answer>
where
    B: Body<Data = Bytes> + Unpin,
{
    let most = gateway.limits.body;
    let too_large = || no(StatusCode::PAYLOAD_TOO_LARGE, Outcome::TooLarge, format!("a body has at most {most} bytes"));
    let busy = || no(StatusCode::SERVICE_UNAVAILABLE, Outcome::Busy, "too many bodies are being read; send it again");
    let said = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<u64>().ok());
    if said.is_some_and(|length| length > most as u64) {
        return Err(too_large());
    }
    let deadline = Instant::now() + BODY;
    let mut budget = gateway.bodies.clone().try_acquire_many_owned(0).map_err(|_| busy())?;
    let mut whole = BytesMut::new();
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(no(StatusCode::REQUEST_TIMEOUT, Outcome::TooSlow, "the body did not come in time")),
            Ok(None) => return Ok((whole.freeze(), budget)),
            Ok(Some(Err(_))) => return Err(no(StatusCode::BAD_REQUEST, Outcome::Malformed, "the body broke off")),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > most {
            return Err(too_large());
        }
        let shared = |length: usize| length.saturating_sub(THIN);
        let more = u32::try_from(shared(whole.len() + data.len()) - shared(whole.len())).unwrap_or(u32::MAX);
        budget.merge(gateway.bodies.clone().try_acquire_many_owned(more).map_err(|_| busy())?);
        whole.extend_from_slice(&data);
    }
}
