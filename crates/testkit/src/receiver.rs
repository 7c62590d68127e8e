//! An HTTP endpoint of a customer: records the requests of API destinations, and issues OAuth tokens. It has a host name of its own, which
//! the stand-in is configured with.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::StatusCode,
    response::Response,
};
use serde_json::{Value, json};

use crate::aws::{Aws, until};

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Received {
    /// Such as `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
}

impl Received {
    /// The value of this header, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

#[derive(Default)]
struct Shared {
    received: Vec<Received>,
    /// The client secret that `/token` gives a token for.
    client_secret: String,
}

/// A customer's HTTPS endpoint; it ends when dropped.
pub struct Receiver {
    /// Its host name, which the stand-in resolves to it.
    pub host: String,
    shared: Arc<Mutex<Shared>>,
    task: tokio::task::JoinHandle<()>,
}

impl Receiver {
    /// Starts one for API destinations of this account.
    pub async fn start(aws: &Aws) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Mutex::new(Shared::default()));
        let handler = {
            let shared = shared.clone();
            move |request: Request| take(shared.clone(), request)
        };
        let task = tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await.unwrap() });
        let host = format!("hooks-{}.example.com", aws.account);
        aws.tell_host(&host, port).await;
        Self { host, shared, task }
    }

    /// URL of this path.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.host)
    }

    /// The client secret that gets a token from now on.
    pub fn accept_client_secret(&self, secret: &str) {
        secret.clone_into(&mut self.shared.lock().unwrap().client_secret);
    }

    /// What came in besides requests for tokens.
    pub fn received(&self) -> Vec<Received> {
        self.shared.lock().unwrap().received.iter().filter(|it| !it.path.starts_with("/token")).cloned().collect()
    }

    /// Requests for tokens.
    pub fn token_requests(&self) -> Vec<Received> {
        self.shared.lock().unwrap().received.iter().filter(|it| it.path.starts_with("/token")).cloned().collect()
    }

    /// The event with this mark, once it is there.
    pub async fn event(&self, mark: &str) -> Received {
        let look = || async { self.received().into_iter().find(|it| it.json()["detail"]["mark"] == mark) };
        until(&format!("event {mark} arrives"), look).await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(shared: Arc<Mutex<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let received = Received {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: String::from_utf8_lossy(&to_bytes(body, 1 << 20).await.unwrap()).into_owned(),
    };
    let mut shared = shared.lock().unwrap();
    let (status, answer) = if received.path.starts_with("/token") {
        let fits = received.body.split('&').any(|pair| pair == format!("client_secret={}", shared.client_secret));
        let token = format!("token-for-{}", shared.client_secret);
        if fits {
            (StatusCode::OK, json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600}))
        } else {
            (StatusCode::UNAUTHORIZED, json!({"error": "invalid_client"}))
        }
    } else {
        // `/status/500` answers so.
        let asked = received.path.strip_prefix("/status/").and_then(|code| code.parse().ok());
        (asked.unwrap_or(StatusCode::OK), json!({}))
    };
    shared.received.push(received);
    Response::builder().status(status).header("content-type", "application/json").body(Body::from(answer.to_string())).unwrap()
}

impl Aws {
    /// From now on `https://host` stands for a server of ours.
    pub async fn tell_host(&self, host: &str, port: u16) {
        let body = json!({"host": host, "port": port}).to_string();
        let answer = self.http.post(format!("{}/_emu/hosts", self.emulator)).body(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// The connection, as `DescribeConnection` returns it.
    pub async fn connection(&self, name: &str) -> Option<Value> {
        self.call("events", "DescribeConnection", json!({"Name": name})).await.ok()
    }

    /// The API destination, as `DescribeApiDestination` returns it.
    pub async fn api_destination(&self, name: &str) -> Option<Value> {
        self.call("events", "DescribeApiDestination", json!({"Name": name})).await.ok()
    }

    async fn names_of(&self, op: &str, rows: &str) -> Vec<String> {
        let answer = self.events(op, json!({})).await;
        let rows = answer[rows].as_array().cloned().unwrap_or_default();
        rows.iter().filter_map(|row| row["Name"].as_str().map(str::to_owned)).collect()
    }

    /// Names of all connections.
    pub async fn connections(&self) -> Vec<String> {
        self.names_of("ListConnections", "Connections").await
    }

    /// Names of all API destinations.
    pub async fn api_destinations(&self) -> Vec<String> {
        self.names_of("ListApiDestinations", "ApiDestinations").await
    }

    /// What differs from one making to the next is taken out: the ids that AWS makes up, and the version of the Secrets.
    pub(crate) async fn add_destinations(&self, all: &mut std::collections::BTreeMap<String, Value>) {
        let plain = |mut value: Value| {
            if let Some(object) = value.as_object_mut() {
                object.retain(|key, _| !key.ends_with("Time") && key != "SecretArn");
                for (key, text) in object.iter_mut() {
                    let Some(before) = text.as_str().map(str::to_owned) else { continue };
                    if key.ends_with("Arn") {
                        *text = json!(before.rsplit_once('/').map_or(before.as_str(), |(head, _)| head));
                    } else if key == "Description" {
                        *text = json!(before.split("; secrets=").next());
                    }
                }
            }
            value
        };
        for name in self.connections().await {
            if let Some(found) = self.connection(&name).await.filter(|found| found["ConnectionState"] != "DELETING") {
                all.insert(format!("connection {name}"), plain(found));
            }
        }
        for name in self.api_destinations().await {
            if let Some(found) = self.api_destination(&name).await {
                all.insert(format!("API destination {name}"), plain(found));
            }
        }
    }
}
