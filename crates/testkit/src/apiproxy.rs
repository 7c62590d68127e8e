//! A fault proxy in front of the API server, for one client: cuts it off, loses, stalls, expires or mangles its watches, and answers
//! lists with what they said before. Plain HTTP towards the client; the requests go on with the rights that the proxy was given.

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
use futures::{StreamExt, stream::BoxStream};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle};

use crate::apiwatch::{self, Mangle};

/// What is asked of the API server: `list`, `get`, `watch`, `patch` and so on, of which plural.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    pub verb: String,
    pub plural: String,
}

/// What a request gets instead of its answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This status, with this reason in a `Status` object.
    Answer(u16, &'static str),
    /// Nothing, ever.
    Silence,
    /// The answer, this much later.
    Delay(Duration),
    /// What the same list said when it was recorded: its objects, its resourceVersion.
    Recorded,
}

/// What concerns all watches that run: each count tells those that started before to do it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Control {
    /// Nothing comes through, in either direction; connections stay.
    pub cut: bool,
    pub mended: u64,
    pub broken: u64,
    pub stalled: u64,
    pub expired: u64,
}

type Recording = HashMap<String, (u16, Bytes)>;

#[derive(Default)]
struct Rules {
    faults: Vec<(Asked, Fault, usize)>,
    /// Plurals whose faults end with the next list.
    until_listed: Vec<String>,
    mangle: Option<Mangle>,
    recording: bool,
    recorded: Recording,
    asked: HashMap<Asked, usize>,
}

struct Shared {
    upstream: Client,
    control: watch::Sender<Control>,
    rules: Mutex<Rules>,
}

/// Ends when dropped, and with it all that goes through it.
pub struct ApiProxy {
    url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl ApiProxy {
    /// In front of what this client reaches, with its rights.
    pub async fn new(upstream: Client) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { upstream, control: watch::Sender::default(), rules: Mutex::default() });
        let app = axum::Router::new().fallback(handle).with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, shared, task }
    }

    /// For a kubeconfig.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The client whose line this is.
    pub fn client(&self) -> Client {
        Client::try_from(Config::new(self.url.parse().unwrap())).unwrap()
    }

    /// Cuts the client off: connections stay, and nothing comes through, as when a network is partitioned.
    pub fn cut(&self) {
        self.shared.control.send_modify(|control| control.cut = true);
    }

    /// What was open during the cut is broken off now: the other side forgot it.
    pub fn mend(&self) {
        self.shared.control.send_modify(|control| {
            control.cut = false;
            control.mended += 1;
        });
    }

    /// Breaks off all watches that run.
    pub fn break_watches(&self) {
        self.shared.control.send_modify(|control| control.broken += 1);
    }

    /// All watches that run deliver nothing more, and stay open.
    pub fn stall_watches(&self) {
        self.shared.control.send_modify(|control| control.stalled += 1);
    }

    /// All watches that run end with an ERROR event of code 410, as after a compaction.
    pub fn expire_watches(&self) {
        self.shared.control.send_modify(|control| control.expired += 1);
    }

    /// The next `times` requests of this kind get the fault.
    pub fn fault(&self, verb: &str, plural: &str, times: usize, fault: Fault) {
        let asked = Asked { verb: verb.into(), plural: plural.into() };
        self.rules().faults.push((asked, fault, times));
    }

    /// Watches of this plural get the fault until the client lists anew.
    pub fn fault_until_listed(&self, plural: &str, fault: Fault) {
        self.fault("watch", plural, usize::MAX, fault);
        self.rules().until_listed.push(plural.into());
    }

    /// What watches of this plural deliver is mangled from now on; `None`: no more.
    pub fn mangle(&self, mangle: Option<Mangle>) {
        self.rules().mangle = mangle;
    }

    /// Takes down what lists say now, by asking each of these anew; `Fault::Recorded` gives it later.
    pub async fn record(&self, group: &str, plurals: &[&str]) {
        self.rules().recording = true;
        for plural in plurals {
            // As the watcher asks it, for a list is known by its question.
            let path = format!("{}/apis/{group}/{plural}?&limit=500", self.url);
            let answer = reqwest::get(path).await.unwrap();
            assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        }
        self.rules().recording = false;
    }

    /// No faults, no mangling.
    pub fn clear(&self) {
        let mut rules = self.rules();
        rules.faults.clear();
        rules.until_listed.clear();
        rules.mangle = None;
    }

    /// How often this was asked so far.
    pub fn asked(&self, verb: &str, plural: &str) -> usize {
        self.rules().asked.get(&Asked { verb: verb.into(), plural: plural.into() }).copied().unwrap_or_default()
    }

    /// How many events were mangled so far.
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
fn asked(request: &Request) -> Asked {
    let parts: Vec<_> = request.uri().path().split('/').filter(|part| !part.is_empty()).collect();
    let rest = if parts.first() == Some(&"apis") { parts.get(3..) } else { parts.get(2..) }.unwrap_or_default();
    let rest = if rest.first() == Some(&"namespaces") && rest.len() > 2 { &rest[2..] } else { rest };
    let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
    let verb = match (request.method().as_str(), rest.len()) {
        ("GET", _) if watches => "watch".into(),
        ("GET", 0 | 1) => "list".into(),
        (method, _) => method.to_lowercase(),
    };
    Asked { verb, plural: rest.first().copied().unwrap_or_default().to_owned() }
}

pub(crate) type Chunks = BoxStream<'static, Result<Bytes, String>>;

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let mut control = shared.control.subscribe();
    let began = *control.borrow_and_update();
    if began.cut {
        return lost(&mut control).await;
    }
    let asked = asked(&request);
    let (fault, mangle) = {
        let mut rules = shared.rules.lock().unwrap();
        *rules.asked.entry(asked.clone()).or_default() += 1;
        if asked.verb == "list" && rules.until_listed.contains(&asked.plural) {
            rules.until_listed.retain(|plural| *plural != asked.plural);
            rules.faults.retain(|(of, ..)| of.verb != "watch" || of.plural != asked.plural);
        }
        let hit = rules.faults.iter_mut().find(|(of, _, times)| *of == asked && *times > 0);
        let fault = hit.map(|(_, fault, times)| {
            *times -= 1;
            fault.clone()
        });
        (fault, rules.mangle.clone().filter(|mangle| mangle.plural == asked.plural))
    };
    let question = request.uri().path().to_owned();
    match fault {
        Some(Fault::Answer(code, reason)) => return status(code, reason),
        Some(Fault::Silence) => return std::future::pending().await,
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        Some(Fault::Recorded) => {
            let recorded = shared.rules.lock().unwrap().recorded.get(&question).cloned();
            let (code, body) = recorded.unwrap_or_else(|| panic!("no record of {question}"));
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
    if asked.verb == "watch" {
        return answer(code, Body::from_stream(apiwatch::watch(chunks, began, control, mangle)));
    }
    let Some(body) = whole(chunks).await else { return broken() };
    {
        let mut rules = shared.rules.lock().unwrap();
        if rules.recording && asked.verb == "list" {
            rules.recorded.insert(question, (code, body.clone()));
        }
    }
    answer(code, Body::from(body))
}

/// Passes the request on, and gives the answer's status and body.
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

/// Silence until the cut is mended, then a connection that breaks.
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

pub(crate) fn failure(code: u16, reason: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason, "code": code, "message": "injected"})
}

fn answer(code: u16, body: Body) -> Response {
    let status = StatusCode::from_u16(code).unwrap();
    Response::builder().status(status).header("content-type", "application/json").body(body).unwrap()
}
