//! A stand-in for an OpenTelemetry collector: decodes OTLP over HTTP, refuses what is malformed, and can be slow or down.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::StatusCode,
    response::Response,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{AnyValue, KeyValue, any_value::Value as Any},
    trace::v1::{Span as Proto, span::SpanKind, status::StatusCode as SpanStatus},
};
use prost::Message;

use crate::aws::until_within;

/// How the collector answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// It accepts what is well-formed.
    Accept,
    /// It refuses everything with this HTTP status.
    Refuse(u16),
    /// It takes the request and never answers.
    Never,
}

/// A finished span.
#[derive(Clone, Debug)]
pub struct Span {
    /// Value of `service.name`.
    pub service: String,
    /// Attributes of the process.
    pub resource: BTreeMap<String, String>,
    /// Id of the trace in hex.
    pub trace: String,
    /// Id of the span in hex.
    pub id: String,
    /// Id of the parent in hex; empty for the first of a trace.
    pub parent: String,
    /// Name.
    pub name: String,
    /// Such as `Client`.
    pub kind: String,
    /// Attributes as text.
    pub attributes: BTreeMap<String, String>,
    /// Names and attributes of its events.
    pub events: Vec<(String, BTreeMap<String, String>)>,
    /// Ids of the traces and spans that it links to.
    pub links: Vec<(String, String)>,
    /// Whether its status is an error.
    pub failed: bool,
}

impl Span {
    /// The value of an attribute; empty without it.
    pub fn get(&self, attribute: &str) -> &str {
        self.attributes.get(attribute).map(String::as_str).unwrap_or_default()
    }
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Export {
    /// Names and values of its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// HTTP status of the answer, if there was one.
    pub status: Option<u16>,
}

#[derive(Default)]
struct Shared {
    spans: Vec<Span>,
    exports: Vec<Export>,
    answers: Option<Answers>,
}

/// The collector; it ends when dropped.
pub struct Collector {
    /// URL without a path, as `OTEL_EXPORTER_OTLP_ENDPOINT` has it.
    pub url: String,
    shared: Arc<Mutex<Shared>>,
    task: tokio::task::JoinHandle<()>,
}

impl Collector {
    /// Starts one that accepts.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Mutex::new(Shared::default()));
        let handler = {
            let shared = shared.clone();
            move |request: Request| take(shared.clone(), request)
        };
        let task = tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await.unwrap() });
        Self { url, shared, task }
    }

    /// Answers so from now on.
    pub fn answer(&self, answers: Answers) {
        self.shared.lock().unwrap().answers = Some(answers);
    }

    /// Spans that were accepted.
    pub fn spans(&self) -> Vec<Span> {
        self.shared.lock().unwrap().spans.clone()
    }

    /// Requests so far, whatever the answer.
    pub fn exports(&self) -> Vec<Export> {
        self.shared.lock().unwrap().exports.clone()
    }

    /// Waits until the spans pass the check.
    pub async fn wait<T>(&self, what: &str, check: impl Fn(&[Span]) -> Option<T>) -> T {
        until_within(Duration::from_secs(40), what, || async { check(&self.spans()) }).await
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(shared: Arc<Mutex<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 64 << 20).await.unwrap().to_vec();
    let headers =
        head.headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect();
    let answers = shared.lock().unwrap().answers.unwrap_or(Answers::Accept);
    let is_otlp = head.method == "POST"
        && head.uri.path() == "/v1/traces"
        && head.headers.get("content-type").is_some_and(|it| it == "application/x-protobuf");
    let (status, spans) = match answers {
        Answers::Never => (None, vec![]),
        Answers::Refuse(status) => (Some(status), vec![]),
        Answers::Accept if !is_otlp => (Some(404), vec![]),
        Answers::Accept => match ExportTraceServiceRequest::decode(body.as_slice()).ok().and_then(spans_of) {
            Some(spans) => (Some(200), spans),
            None => (Some(400), vec![]),
        },
    };
    {
        let mut shared = shared.lock().unwrap();
        shared.spans.extend(spans);
        shared.exports.push(Export { headers, body, status });
    }
    let Some(status) = status else { return std::future::pending().await };
    let answer = ExportTraceServiceResponse::default().encode_to_vec();
    let response = Response::builder().status(StatusCode::from_u16(status).unwrap()).header("content-type", "application/x-protobuf");
    response.body(Body::from(answer)).unwrap()
}

/// The spans of a request. `None` if it breaks a rule of OTLP that decoding does not check.
fn spans_of(request: ExportTraceServiceRequest) -> Option<Vec<Span>> {
    let mut spans = Vec::new();
    for of_resource in request.resource_spans {
        let resource = texts(&of_resource.resource.unwrap_or_default().attributes);
        for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            spans.push(span_of(span, &resource)?);
        }
    }
    Some(spans)
}

fn span_of(span: Proto, resource: &BTreeMap<String, String>) -> Option<Span> {
    let is_id = |id: &[u8], bytes| id.len() == bytes && id.iter().any(|byte| *byte != 0);
    let in_order = span.start_time_unix_nano > 0 && span.start_time_unix_nano <= span.end_time_unix_nano;
    if !is_id(&span.trace_id, 16) || !is_id(&span.span_id, 8) || span.name.is_empty() || !in_order {
        return None;
    }
    Some(Span {
        service: resource.get("service.name")?.clone(),
        resource: resource.clone(),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        kind: format!("{:?}", SpanKind::try_from(span.kind).ok()?),
        attributes: texts(&span.attributes),
        events: span.events.iter().map(|event| (event.name.clone(), texts(&event.attributes))).collect(),
        links: span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
        failed: span.status.is_some_and(|status| status.code == SpanStatus::Error as i32),
        name: span.name,
    })
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    attributes.iter().map(|attribute| (attribute.key.clone(), text(attribute.value.as_ref()))).collect()
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Any::StringValue(text)) => text.clone(),
        Some(Any::BoolValue(value)) => value.to_string(),
        Some(Any::IntValue(value)) => value.to_string(),
        Some(Any::DoubleValue(value)) => value.to_string(),
        other => format!("{other:?}"),
    }
}
