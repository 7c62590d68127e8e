//! A fault proxy in front of the API server, for one client.
//!
//! It cuts the client off, loses, stalls, expires or mangles its watches, and answers lists with recorded contents. It serves plain HTTP
//! and forwards requests with the permissions of its upstream client.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use futures::StreamExt;
use kube::{Client, Config};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    apifaults::{Chunks, Control, failure},
    apiwatch::{self, Mangle},
};

/// A request by its verb (`list`, `get`, `watch`, `patch` and so on) and the plural of its resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Operation {
    verb: String,
    plural: String,
}

/// What a request gets instead of its response.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This status, with this reason in a `Status` object.
    Answer(u16, &'static str),
    /// No response, ever.
    Silence,
    /// The response, after this delay.
    Delay(Duration),
    /// The recorded response of the same list, with its objects and its resourceVersion.
    Recorded,
}

type Recording = HashMap<String, (u16, Bytes)>;

#[derive(Default)]
struct Rules {
    faults: Vec<(Operation, Fault, usize)>,
    /// Plurals whose faults end with the next list.
    until_listed: Vec<String>,
    mangle: Option<Mangle>,
    recording: bool,
    recorded: Recording,
    requests: HashMap<Operation, usize>,
}

struct Shared {
    upstream: Client,
    control: watch::Sender<Control>,
    rules: Mutex<Rules>,
}

/// The proxy; it stops when dropped, and its connections with it.
pub struct ApiProxy {
    url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl ApiProxy {
    /// Starts a proxy that forwards requests through this client.
    pub async fn new(upstream: Client) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { upstream, control: watch::Sender::default(), rules: Mutex::default() });
        let app = axum::Router::new().fallback(handle).with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, shared, task }
    }

    /// Returns the proxy's URL, for a kubeconfig.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns a client that connects through the proxy.
    pub fn client(&self) -> Client {
        Client::try_from(Config::new(self.url.parse().unwrap())).unwrap()
    }

    /// Partitions the network: connections stay open, and nothing passes in either direction.
    pub fn cut(&self) {
        self.shared.control.send_modify(|control| control.cut = true);
    }

    /// Ends the partition. Connections that were open during it break.
    pub fn mend(&self) {
        self.shared.control.send_modify(|control| {
            control.cut = false;
            control.mended += 1;
        });
    }

    /// Breaks all running watches.
    pub fn break_watches(&self) {
        self.shared.control.send_modify(|control| control.broken += 1);
    }

    /// Stalls all running watches: they stay open and deliver nothing.
    pub fn stall_watches(&self) {
        self.shared.control.send_modify(|control| control.stalled += 1);
    }

    /// Ends all running watches with an ERROR event of code 410, as after a compaction.
    pub fn expire_watches(&self) {
        self.shared.control.send_modify(|control| control.expired += 1);
    }

    /// Injects the fault into the next `times` requests of this kind.
    pub fn fault(&self, verb: &str, plural: &str, times: usize, fault: Fault) {
        let operation = Operation { verb: verb.into(), plural: plural.into() };
        self.rules().faults.push((operation, fault, times));
    }

    /// Injects the fault into watches of this plural until the client lists again.
    pub fn fault_until_listed(&self, plural: &str, fault: Fault) {
        self.fault("watch", plural, usize::MAX, fault);
        self.rules().until_listed.push(plural.into());
    }

    /// Mangles the events of watches of one plural; `None` stops it.
    pub fn mangle(&self, mangle: Option<Mangle>) {
        self.rules().mangle = mangle;
    }

    /// Records the current lists of these plurals for [`Fault::Recorded`].
    pub async fn record(&self, group: &str, plurals: &[&str]) {
        self.rules().recording = true;
        for plural in plurals {
            // The watcher's own query, because a recording is found by its path.
            let path = format!("{}/apis/{group}/{plural}?&limit=500", self.url);
            let answer = reqwest::get(path).await.unwrap();
            assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        }
        self.rules().recording = false;
    }

    /// Removes all faults.
    pub fn clear(&self) {
        let mut rules = self.rules();
        rules.faults.clear();
        rules.until_listed.clear();
        rules.mangle = None;
    }

    /// Number of requests of this kind so far.
    pub fn requests(&self, verb: &str, plural: &str) -> usize {
        self.rules().requests.get(&Operation { verb: verb.into(), plural: plural.into() }).copied().unwrap_or_default()
    }

    /// Number of events mangled so far.
    pub fn mangled(&self) -> usize {
        self.rules().mangle.as_ref().map_or(0, Mangle::done)
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, Rules> {
        self.shared.rules.lock().unwrap()
    }
}

impl Drop for ApiProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// `/apis/GROUP/VERSION[/namespaces/NS]/PLURAL[/NAME[/SUBRESOURCE]]`, and the same below `/api/v1`.
fn operation(request: &Request) -> Operation {
    let parts: Vec<_> = request.uri().path().split('/').filter(|part| !part.is_empty()).collect();
    let rest = if parts.first() == Some(&"apis") { parts.get(3..) } else { parts.get(2..) }.unwrap_or_default();
    let rest = if rest.first() == Some(&"namespaces") && rest.len() > 2 { &rest[2..] } else { rest };
    let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
    let verb = match (request.method().as_str(), rest.len()) {
        ("GET", _) if watches => "watch".into(),
        ("GET", 0 | 1) => "list".into(),
        (method, _) => method.to_lowercase(),
    };
    Operation { verb, plural: rest.first().copied().unwrap_or_default().to_owned() }
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let mut control = shared.control.subscribe();
    let began = *control.borrow_and_update();
    if began.cut {
        return lost(&mut control).await;
    }
    let operation = operation(&request);
    let (fault, mangle) = {
        let mut rules = shared.rules.lock().unwrap();
        *rules.requests.entry(operation.clone()).or_default() += 1;
        if operation.verb == "list" && rules.until_listed.contains(&operation.plural) {
            rules.until_listed.retain(|plural| *plural != operation.plural);
            rules.faults.retain(|(of, ..)| of.verb != "watch" || of.plural != operation.plural);
        }
        let hit = rules.faults.iter_mut().find(|(of, _, times)| *of == operation && *times > 0);
        let fault = hit.map(|(_, fault, times)| {
            *times -= 1;
            fault.clone()
        });
        (fault, rules.mangle.clone().filter(|mangle| mangle.plural == operation.plural))
    };
    let path = request.uri().path().to_owned();
    match fault {
        Some(Fault::Answer(code, reason)) => return status(code, reason),
        Some(Fault::Silence) => return std::future::pending().await,
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        Some(Fault::Recorded) => {
            let recorded = shared.rules.lock().unwrap().recorded.get(&path).cloned();
            let (code, body) = recorded.unwrap_or_else(|| panic!("no record of {path}"));
            return answer(code, Body::from(body));
        }
        None => {}
    }
    let mut hidden = control.clone();
    let answered = tokio::select! {
        answered = forward(&shared, request) => answered.ok(),
        _ = hidden.wait_for(|control| control.cut) => None,
    };
    if control.borrow().cut {
        return lost(&mut control).await;
    }
    let Some((code, chunks)) = answered else { return broken() };
    if operation.verb == "watch" {
        return answer(code, Body::from_stream(apiwatch::watch(chunks, began, control, mangle)));
    }
    let Some(body) = whole(chunks).await else { return broken() };
    {
        let mut rules = shared.rules.lock().unwrap();
        if rules.recording && operation.verb == "list" {
            rules.recorded.insert(path, (code, body.clone()));
        }
    }
    answer(code, Body::from(body))
}

/// Forwards the request; returns the status and body of the response.
async fn forward(shared: &Shared, request: Request) -> Result<(u16, Chunks), kube::Error> {
    let (mut parts, body) = request.into_parts();
    parts.headers.remove("host");
    parts.headers.remove("content-length");
    let body = axum::body::to_bytes(body, 16 << 20).await.unwrap();
    // The path alone: the upstream client knows the server.
    parts.uri = parts.uri.path_and_query().unwrap().as_str().parse().unwrap();
    let response = shared.upstream.send(Request::from_parts(parts, kube::client::Body::from(body.to_vec()))).await?;
    let code = response.status().as_u16();
    let chunks = Body::new(response.into_body()).into_data_stream().map(|chunk| chunk.map_err(|error| error.to_string()));
    Ok((code, chunks.boxed()))
}

async fn whole(mut chunks: Chunks) -> Option<Bytes> {
    let mut all = Vec::new();
    while let Some(chunk) = chunks.next().await {
        all.extend_from_slice(&chunk.ok()?);
    }
    Some(all.into())
}

/// Waits for the end of the partition, then breaks the connection.
async fn lost(control: &mut watch::Receiver<Control>) -> Response {
    let _ = control.wait_for(|control| !control.cut).await;
    broken()
}

fn broken() -> Response {
    answer(200, Body::from_stream(futures::stream::iter([Err::<Bytes, _>("the connection broke")])))
}

fn status(code: u16, reason: &str) -> Response {
    answer(code, Body::from(failure(code, reason).to_string()))
}

fn answer(code: u16, body: Body) -> Response {
    let status = StatusCode::from_u16(code).unwrap();
    Response::builder().status(status).header("content-type", "application/json").body(body).unwrap()
}
