//! An API server in the test's process: serves lists of objects in pages, and refuses what the user may not read. It is not a Kubernetes; the
//! target `commands` tests against a real one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Path, State},
    http::{Method, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

use crate::{Folder, tributary};

/// What the server knows.
struct Served {
    /// By plural.
    objects: BTreeMap<String, Vec<Value>>,
    /// Plural and namespace; no namespace is all namespaces. `*` is every plural.
    forbidden: Vec<(&'static str, Option<&'static str>)>,
    /// Method and path of each request.
    requests: Mutex<Vec<String>>,
    /// Most objects in a page.
    page: usize,
}

/// The server, and a kubeconfig for it whose context has the namespace `prod`.
pub(crate) struct Cluster {
    served: Arc<Served>,
    pub(crate) folder: Folder,
}

impl Cluster {
    pub(crate) fn new(objects: Vec<Value>) -> Self {
        Self::with(objects, vec![], 500)
    }

    pub(crate) fn with(objects: Vec<Value>, forbidden: Vec<(&'static str, Option<&'static str>)>, page: usize) -> Self {
        let mut by_plural: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for mut object in objects {
            object["apiVersion"] = json!("tributary.dev/v1alpha1");
            let kind = object["kind"].as_str().unwrap().to_lowercase();
            by_plural.entry(if kind == "eventbus" { "eventbuses".into() } else { format!("{kind}s") }).or_default().push(object);
        }
        let served = Arc::new(Served { objects: by_plural, forbidden, requests: Mutex::default(), page });
        let app = Router::new()
            .route("/apis/tributary.dev/v1alpha1/{plural}", get(all))
            .route("/apis/tributary.dev/v1alpha1/namespaces/{namespace}/{plural}", get(namespaced))
            .fallback(|| async { StatusCode::NOT_FOUND })
            .layer(axum::middleware::from_fn_with_state(served.clone(), record))
            .with_state(served.clone());
        let (sender, address) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                sender.send(listener.local_addr().unwrap()).unwrap();
                axum::serve(listener, app).await.unwrap();
            });
        });
        let kubeconfig = kubeconfig(&format!("http://{}", address.recv().unwrap()));
        Self { served, folder: Folder::new(&[("kubeconfig", &kubeconfig)]) }
    }

    /// A command with the kubeconfig.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = tributary(arguments);
        command.current_dir(self.folder.path()).env("KUBECONFIG", self.folder.path().join("kubeconfig"));
        command
    }

    /// Requests that are no reads.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.requests().into_iter().filter(|request| !request.starts_with("GET ")).collect()
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.served.requests.lock().unwrap().clone()
    }
}

pub(crate) fn kubeconfig(server: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "k", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "canary-token-7Qm2"}}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "prod"}}],
    })
    .to_string()
}

async fn record(
    State(served): State<Arc<Served>>,
    method: Method,
    uri: Uri,
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> Response {
    served.requests.lock().unwrap().push(format!("{method} {uri}"));
    next.run(request).await
}

async fn all(State(served): State<Arc<Served>>, Path(plural): Path<String>, uri: Uri) -> Response {
    list(&served, &plural, None, &uri)
}

async fn namespaced(State(served): State<Arc<Served>>, Path((namespace, plural)): Path<(String, String)>, uri: Uri) -> Response {
    list(&served, &plural, Some(&namespace), &uri)
}

fn list(served: &Served, plural: &str, namespace: Option<&str>, uri: &Uri) -> Response {
    if served.forbidden.iter().any(|(kind, place)| (*kind == plural || *kind == "*") && *place == namespace) {
        let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403, "message": "no"});
        return answer(StatusCode::FORBIDDEN, &body);
    }
    let is_there = |object: &&Value| namespace.is_none_or(|namespace| object["metadata"]["namespace"] == namespace);
    let objects: Vec<&Value> = served.objects.get(plural).into_iter().flatten().filter(is_there).collect();
    let number = |name: &str| {
        let parameters = uri.query().unwrap_or_default().split('&').filter_map(|parameter| parameter.split_once('='));
        parameters.filter(|(key, _)| *key == name).find_map(|(_, value)| value.parse::<usize>().ok())
    };
    let (from, limit) = (number("continue").unwrap_or(0), number("limit").unwrap_or(usize::MAX).min(served.page));
    let next = if from + limit < objects.len() { (from + limit).to_string() } else { String::new() };
    let page: Vec<_> = objects.into_iter().skip(from).take(limit).collect();
    let body = json!({"kind": "List", "apiVersion": "tributary.dev/v1alpha1", "metadata": {"resourceVersion": "7", "continue": next}, "items": page});
    answer(StatusCode::OK, &body)
}

fn answer(code: StatusCode, body: &Value) -> Response {
    (code, [("content-type", "application/json")], body.to_string()).into_response()
}
