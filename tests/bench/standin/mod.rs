//! Benchmark, part 1: a stand-in for AWS. In memory, a fixed latency for each call, a log of all calls, and AWS's hard limit if configured.
//! It judges nothing but what the figures need; the strict one is `tests/bed`.

mod accounts;
mod cbor;
mod events;
mod lambda;
mod log;
mod log_deliveries;
mod logs;
mod metrics;
mod query;
mod sqs;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use accounts::{Account, Accounts};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::StatusCode,
    response::Response,
    serve::ListenerExt,
};
pub use log::{Call, Log, Service};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::Result;

pub const ACCOUNT: &str = "111122223333";
pub const REGION: &str = "us-east-1";
const LARGEST_BODY: usize = 1 << 20;

#[derive(Clone, Copy)]
pub struct Options {
    pub latency: Duration,
    /// `EventBridge` calls of an account in any rolling second; what comes beyond is refused, as AWS does.
    pub throttle: Option<usize>,
}

/// An error of AWS: its code and text. HTTP 400, as all of those that are used here have.
#[derive(Debug)]
pub struct Refusal {
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

struct Shared {
    accounts: Accounts,
    calls: Mutex<Vec<Call>>,
    lambda: Mutex<lambda::Functions>,
    logs: Mutex<logs::Logs>,
    roles: Mutex<query::Roles>,
    topics: Mutex<query::Topics>,
    in_flight: AtomicUsize,
}

pub struct StandIn {
    pub url: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl StandIn {
    pub async fn start(options: Options) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            accounts: Accounts::new(&url, options),
            calls: Mutex::default(),
            lambda: Mutex::default(),
            logs: Mutex::default(),
            roles: Mutex::default(),
            topics: Mutex::default(),
            in_flight: AtomicUsize::new(0),
        });
        let app = Router::new().fallback(answer).with_state(shared.clone());
        // Nagle's algorithm would add its own latency to ours.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let server = tokio::spawn(async move { drop(axum::serve(listener, app).await) });
        Ok(Self { url, shared, server })
    }

    /// All calls so far, in the order of their arrival.
    pub fn log(&self) -> Log {
        let mut calls = lock(&self.shared.calls).clone();
        calls.sort_by_key(|call| call.at);
        Log(calls)
    }

    /// A partner makes this event source.
    pub fn appear(&self, source: &str) {
        lock(&self.main().events).appear(source);
    }

    /// `Detail` of each event that was put on a bus.
    pub fn put(&self) -> Vec<String> {
        lock(&self.main().events).put().to_vec()
    }

    /// When a bus took the source.
    pub fn taken(&self, source: &str) -> Option<Instant> {
        lock(&self.main().events).taken(source)
    }

    /// Everything that is there in the account of most phases, as the requests that would make it.
    pub fn contents(&self) -> Value {
        let account = self.main();
        let (events, queues) = (lock(&account.events).contents(), lock(&account.sqs).contents());
        json!({"buses": events, "queues": queues})
    }

    /// Buses and queues of all accounts.
    pub fn left(&self) -> usize {
        self.shared.accounts.all().iter().map(|account| lock(&account.events).buses() + lock(&account.sqs).len()).sum()
    }

    /// From now on the account has another latency and limit.
    pub fn set(&self, account: &str, options: Options) {
        self.shared.accounts.of(account).set(options);
    }

    /// Calls that were answered so far, and those in progress.
    pub fn activity(&self) -> (usize, usize) {
        (lock(&self.shared.calls).len(), self.shared.in_flight.load(Ordering::Relaxed))
    }

    fn main(&self) -> Arc<Account> {
        self.shared.accounts.of(ACCOUNT)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn perform(&self, account: &Account, service: Service, op: &str, path: &str, body: &[u8]) -> std::result::Result<Value, Refusal> {
        let request: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        match service {
            Service::Events => lock(&account.events).call(op, &request),
            Service::Sqs => lock(&account.sqs).call(op, &request),
            Service::Logs => lock(&self.logs).call(op, &request),
            Service::Lambda => lock(&self.lambda).call(op, path, &request),
            Service::Iam => lock(&self.roles).call(op, &query::form(body)).map(Value::String),
            Service::Sns => lock(&self.topics).call(op, &query::form(body)).map(Value::String),
            // An existing state machine is there, and nothing else is read.
            Service::States => Ok(
                json!({"stateMachineArn": request["stateMachineArn"], "name": "m", "definition": "{}", "roleArn": "r", "type": "STANDARD",
                "creationDate": 0, "status": "ACTIVE"}),
            ),
            Service::Sts => Ok(Value::String(caller_identity(&account.id))),
            Service::CloudWatch => metrics::call(op, &cbor::read(body).unwrap_or_default()),
        }
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let at = Instant::now();
    let in_flight = shared.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (account, replica) = (shared.accounts.of(accounts::caller(request.headers())), accounts::replica(request.headers()));
    let (method, path) = (request.method().as_str().to_owned(), request.uri().path().to_owned());
    let body = to_bytes(request.into_body(), LARGEST_BODY).await.unwrap_or_default();
    let form = if target.is_empty() { query::form(&body) } else { BTreeMap::new() };
    let (service, op) = match target.split_once('.') {
        Some(("AWSEvents", op)) => (Service::Events, op),
        Some(("AmazonSQS", op)) => (Service::Sqs, op),
        Some(("Logs_20140328", op)) => (Service::Logs, op),
        Some(("AWSStepFunctions", op)) => (Service::States, op),
        None if path.contains("/operation/") => (Service::CloudWatch, path.rsplit('/').next().unwrap_or_default()),
        None if path.starts_with("/2015-03-31/") => (Service::Lambda, lambda::operation(&method, &path)),
        _ => (Service::of_version(form.get("Version").map(String::as_str)), form.get("Action").map(String::as_str).unwrap_or_default()),
    };
    let throttled = account.throttled(service, at);
    tokio::time::sleep_until((at + account.latency()).into()).await;
    let result = if throttled {
        Err(Refusal::new("ThrottlingException", "Rate exceeded"))
    } else {
        shared.perform(&account, service, op, &path, &body)
    };
    shared.in_flight.fetch_sub(1, Ordering::Relaxed);
    let refused = result.as_ref().err().map(|refusal| refusal.code);
    lock(&shared.calls).push(Call { account: account.id.clone(), replica, service, op: op.to_owned(), at, in_flight, refused });
    respond(service, result)
}

fn respond(service: Service, result: std::result::Result<Value, Refusal>) -> Response {
    let (status, kind, body) = match result {
        Ok(answer) if service == Service::CloudWatch => (StatusCode::OK, service.content_type(), cbor::write(&answer)),
        Ok(Value::String(xml)) => (StatusCode::OK, service.content_type(), xml.into_bytes()),
        Err(Refusal { code, message }) if service.content_type() == "text/xml" => {
            let body =
                format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>");
            (StatusCode::NOT_FOUND, "text/xml", body.into_bytes())
        }
        Ok(answer) => (StatusCode::OK, service.content_type(), answer.to_string().into_bytes()),
        Err(Refusal { code, message }) => {
            let status = if service == Service::Lambda { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
            (status, service.content_type(), json!({"__type": code, "message": message}).to_string().into_bytes())
        }
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", axum::http::HeaderValue::from_static(kind));
    if service == Service::CloudWatch {
        response.headers_mut().insert("smithy-protocol", axum::http::HeaderValue::from_static("rpc-v2-cbor"));
    }
    response
}

fn caller_identity(account: &str) -> String {
    format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::{account}:user/bench</Arn><UserId>AIDABENCH</UserId><Account>{account}</Account>\
         </GetCallerIdentityResult><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    )
}
