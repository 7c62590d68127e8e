//! The gateway within another process, without a cluster: fixed objects, and events that are delivered instead of published.
//!
//! Routes, signatures, limits and duplicates are those of `tributary gateway`.

use std::{future::Future, sync::Arc};

use http_body_util::BodyExt;
use hyper::{Method, Request, body::Incoming};
use tokio::net::TcpListener;

use tributary_benchling::Urls;
use tributary_core::view::View;

use crate::{
    gateway::{
        handle,
        lane::Lane,
        options::Limits,
        routes::Bus,
        run::{refresh_keys, server_limits},
        state::{Gateway, State},
    },
    http_server,
    put_events::PutEvents,
    telemetry::health::Health,
};

/// A gateway that serves the apps in a view.
pub(crate) struct LocalGateway(Gateway);

/// The answer to a request that can be a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    /// Header `webhook-id`, as the sender wrote it.
    pub(crate) webhook: Option<String>,
    pub(crate) path: String,
    pub(crate) status: u16,
    /// Why the request was rejected, or `accepted`.
    pub(crate) text: String,
}

impl LocalGateway {
    /// Returns a gateway that passes verified events to `put`. A webhook is accepted only after that.
    pub(crate) fn new(view: View, urls: Urls, put: impl PutEvents + Clone + Send + 'static) -> Self {
        let open = Box::new(move |_: &Bus| Lane::open(put.clone()));
        Self(Gateway(Arc::new(State::new(view, Limits::default(), urls, Arc::new(Health::default()), open))))
    }

    /// Serves webhooks until `stop` completes, then answers open requests. `report` receives each answer to a webhook.
    pub(crate) async fn serve<R>(self, listener: TcpListener, stop: impl Future<Output = ()>, report: R)
    where
        R: Fn(Answered) + Clone + Send + Sync + 'static,
    {
        let (gateway, limits) = (self.0.clone(), server_limits(self.0.limits));
        let refreshing = tokio::spawn(refresh_keys(gateway.clone()));
        let gauge = gateway.metrics.connections.clone();
        let answer = move |request: Request<Incoming>| {
            let (gateway, report) = (gateway.clone(), report.clone());
            async move {
                let is_webhook = request.method() == Method::POST;
                let webhook = request.headers().get("webhook-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
                let path = request.uri().path().to_owned();
                let response = handle::answer(&gateway, request).await;
                if is_webhook {
                    let text = response.body().clone().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                    let text = String::from_utf8_lossy(&text).trim_end().to_owned();
                    report(Answered { webhook, path, status: response.status().as_u16(), text });
                }
                response
            }
        };
        http_server::serve(listener, limits, gauge, stop, answer).await;
        refreshing.abort();
    }
}
