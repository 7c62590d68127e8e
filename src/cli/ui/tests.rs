//! The server as its clients see it, with objects that are written here instead of a cluster.

mod answer_tests;
mod request_tests;

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, StatusCode, header};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::sync::watch;
use tributary_api::{AwsAccount, EventBus, EventRule, EventSink};
use tributary_core::guarded::Guarded;

use crate::cli::{
    graph::{Graph, GraphKind, Snapshot, item},
    ui::{
        feed::{Current, Feed},
        guard::Token,
        reply::Answer,
        server::Server,
    },
};

const PARTNER: &str = "aws.partner/benchling.com/acme/seq";

/// A server, and what a test changes about it.
struct Fixture {
    server: Arc<Server>,
    token: String,
    feed: watch::Sender<Current>,
    stop: watch::Sender<bool>,
}

fn object<K: GraphKind>(snapshot: &mut Snapshot, kind: &str, name: &str, spec: &Value, status: &Value) {
    let meta = if kind == "AwsAccount" { json!({"name": name}) } else { json!({"name": name, "namespace": "prod"}) };
    let whole = json!({"apiVersion": "tributary.dev/v1alpha1", "kind": kind, "metadata": meta, "spec": spec, "status": status});
    let item = item::<K>(&Guarded::readable(serde_json::from_value(whole).unwrap()));
    snapshot.apply(item);
}

fn ready() -> Value {
    json!([{"type": "Ready", "status": "True", "reason": "InSync", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}])
}

fn identity(name: &str, arn: &str) -> Value {
    json!({"account": "default", "accountId": "111122223333", "partition": "aws", "region": "eu-west-1", "name": name, "arn": arn})
}

/// A partner event bus with two rules, of which one is disabled; a sink that is missing; a bus without rules.
fn snapshot() -> Snapshot {
    let mut all = Snapshot::default();
    object::<AwsAccount>(
        &mut all,
        "AwsAccount",
        "default",
        &json!({"accountId": "111122223333", "region": "eu-west-1"}),
        &json!({"conditions": ready()}),
    );
    let bus = json!({"conditions": ready(), "identity": identity(PARTNER, &format!("arn:aws:events:eu-west-1:111122223333:event-bus/{PARTNER}"))});
    object::<EventBus>(&mut all, "EventBus", "lims", &json!({"eventSourceName": PARTNER}), &bus);
    object::<EventBus>(&mut all, "EventBus", "empty", &json!({}), &json!({"conditions": ready()}));
    object::<EventSink>(&mut all, "EventSink", "queue", &json!({"sqs": {"managed": {}}}), &json!({"conditions": ready()}));
    object::<EventSink>(&mut all, "EventSink", "dead", &json!({"sqs": {"managed": {}}}), &json!({"conditions": ready()}));
    let pattern = json!({"detail-type": ["v2.entity.registered"], "detail": {"schema": {"name": ["Plasmid"]}}});
    let transformer =
        json!({"inputPathsMap": {"id": "$.detail.entity.id"}, "inputTemplate": "{\"id\": <id>, \"rule\": <aws.events.rule-name>}"});
    let registered = json!({"busRef": {"name": "lims"}, "eventPattern": pattern, "targets": [
        {"name": "queue", "sinkRef": {"name": "queue"}, "inputTransformer": transformer, "deadLetter": {"sinkRef": {"name": "dead"}}},
        {"name": "gone", "sinkRef": {"name": "gone"}},
    ]});
    let status = json!({"conditions": ready(), "identity": identity("prod-registered", "arn:aws:events:eu-west-1:111122223333:rule/b/prod-registered")});
    object::<EventRule>(&mut all, "EventRule", "registered", &registered, &status);
    let paused = json!({"busRef": {"name": "lims"}, "state": "Disabled", "eventPattern": {"source": [PARTNER]}});
    object::<EventRule>(&mut all, "EventRule", "disabled", &paused, &json!({"conditions": ready()}));
    all
}

/// An API server that has one rule, and refuses to list Events.
fn cluster() -> Client {
    let service = tower::service_fn(|request: Request<Body>| async move {
        let path = request.uri().path().to_owned();
        let (status, body) = if path.ends_with("/events") {
            (
                403,
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "events is forbidden", "reason": "Forbidden", "code": 403}),
            )
        } else {
            let spec = json!({"apiDestination": {"managed": {"connection": {"invocationHttp": {"headers": {"x-key": {"value": "canary-4711"}}}}}}});
            (
                200,
                json!({"apiVersion": "tributary.dev/v1alpha1", "kind": "EventSink", "metadata": {
                "name": "queue", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "canary-4711"}},
                "spec": spec, "status": {"requiredStatement": "{\"Effect\":\"Allow\"}"}}),
            )
        };
        Ok::<_, tower::BoxError>(Response::builder().status(status).body(Body::from(body.to_string().into_bytes())).unwrap())
    });
    Client::new(service, "default")
}

fn graph() -> Graph {
    snapshot().graph()
}

fn start() -> Fixture {
    let token = Token::random().unwrap();
    let text = token.text().to_owned();
    let (feed, receiver) = Feed::of(graph());
    let (server, stop) = Server::new(token, "namespace prod".into(), cluster(), receiver);
    Fixture { server: Arc::new(server), token: text, feed, stop }
}

impl Fixture {
    /// A request as the page makes it.
    fn request(&self, method: &Method, path: &str, body: &str) -> Request<Full<Bytes>> {
        let request = Request::builder().method(method).uri(format!("/{}/{path}", self.token)).header(header::HOST, "127.0.0.1:4711");
        let request = request.header(header::CONTENT_TYPE, "application/json");
        request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Answer {
        self.server.clone().answer(request).await
    }

    async fn json(&self, method: &Method, path: &str, body: &str) -> (StatusCode, Value) {
        let answer = self.answer(self.request(method, path, body)).await;
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.json(&Method::GET, path, "").await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }
}
