//! The HTTP client of the exporter. It follows no redirect, which could carry the headers to another host, and bounds time and answer.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::{Certificate, redirect::Policy};
use tokio::runtime::Handle;

/// Maximum bytes of an answer: it reports the number of spans that were refused.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Why the last request had no answer. The exporter's own error does not say.
pub(crate) type LastError = Arc<Mutex<Option<String>>>;

/// Sends requests on the runtime of the process: the thread that exports has none.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    runtime: Handle,
    last_error: LastError,
}

impl Client {
    /// A client with this time limit, which trusts the certificates of the file in addition to the system's.
    ///
    /// # Errors
    /// The certificates cannot be used.
    pub(crate) fn new(timeout: Duration, certificate: Option<&Path>) -> Result<(Self, LastError), String> {
        let mut builder = reqwest::Client::builder()
            .timeout(timeout)
            .redirect(Policy::none())
            .user_agent(concat!("tributary/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = certificate {
            let unusable = |error: &dyn std::fmt::Display| format!("OTEL_EXPORTER_OTLP_CERTIFICATE {}: {error}", path.display());
            let certificates = fs::read(path).map_err(|error| unusable(&error))?;
            let certificates = Certificate::from_pem_bundle(&certificates).map_err(|error| unusable(&error))?;
            builder = builder.tls_certs_merge(certificates);
        }
        let http = builder.build().map_err(|error| format!("the HTTP client of OTLP cannot be set up: {error}"))?;
        let last_error = LastError::default();
        Ok((Self { http, runtime: Handle::current(), last_error: last_error.clone() }, last_error))
    }
}

impl HttpClient for Client {
    fn send_bytes<'client, 'answer>(&'client self, request: Request<Bytes>) -> BoxFuture<'answer, Result<Response<Bytes>, HttpError>>
    where
        'client: 'answer,
        Self: 'answer,
    {
        let http = self.http.clone();
        let task = self.runtime.spawn(async move { send(&http, request).await });
        Box::pin(async move {
            let answer = match task.await {
                Ok(answer) => answer,
                Err(_) => Err("the process is stopping".to_owned()),
            };
            *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = answer.as_ref().err().cloned();
            answer.map_err(HttpError::from)
        })
    }
}

/// # Errors
/// Why there is no answer, without the URL.
async fn send(http: &reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
    let request = reqwest::Request::try_from(request).map_err(describe)?;
    let mut answer = http.execute(request).await.map_err(describe)?;
    let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(describe)? {
        if body.len() + part.len() > LARGEST_ANSWER {
            return Err(format!("the answer is larger than {LARGEST_ANSWER} bytes"));
        }
        body.extend_from_slice(&part);
    }
    let mut response = Response::new(Bytes::from(body));
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    Ok(response)
}

fn describe(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer within the time limit".to_owned();
    }
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
