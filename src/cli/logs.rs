//! Logging, the Kubernetes client and signals, for all long-running commands.

use std::future::Future;

use clap::{Args, ValueEnum};
use kube::{Client, config::KubeconfigError};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, LevelFilter, filter_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};
use tributary_core::spans::TARGET;

use crate::{
    cli::Error,
    telemetry::traces::{BoxedLayer, Settings, Traces, WithTraceIds},
};

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Json,
    Text,
}

#[derive(Args, Debug)]
pub(super) struct Logs {
    /// Format of the logs.
    #[arg(long, env = "TRIBUTARY_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    log_format: LogFormat,
    /// Log filter, such as `info` or `tributary=debug`. Trace messages of dependencies are never logged: they contain session tokens.
    #[arg(long, env = "TRIBUTARY_LOG", default_value = "info,kube_runtime=warn")]
    log: String,
    /// URL of an OpenTelemetry collector for traces by OTLP over HTTP, such as `http://collector:4318`. Without it, there are no traces. Further settings are variables of OpenTelemetry: see docs/operations/tracing.md.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true, value_name = "URL")]
    otlp_endpoint: Option<String>,
}

impl Logs {
    /// Starts the logs, and the export of traces if an endpoint is set. `service` and `replica` are the names of the process in traces.
    ///
    /// # Errors
    /// The filter is not valid, or the settings of the export cannot be used.
    pub(super) fn init(&self, service: &'static str, replica: &str) -> Result<Traces, Error> {
        let Some(settings) = Settings::read(self.otlp_endpoint.as_deref()) else {
            self.subscribe(None)?;
            return Ok(Traces::OFF);
        };
        let (traces, layer) = Traces::start(&settings, service, replica)?;
        self.subscribe(Some(layer))?;
        tracing::info!(endpoint = settings.shown_endpoint(), "exporting traces");
        settings.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        Ok(traces)
    }

    fn subscribe(&self, traces: Option<BoxedLayer>) -> Result<(), Error> {
        // The hint keeps that of the other filter: it is the lower one.
        let loggable = filter_fn(is_loggable).with_max_level_hint(LevelFilter::TRACE);
        let filter = EnvFilter::try_new(&self.log)?.and(loggable);
        let logs = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let logs = match self.log_format {
            LogFormat::Json => {
                let json = logs.json().flatten_event(true).with_current_span(true).with_span_list(false);
                if traces.is_some() {
                    json.map_event_format(WithTraceIds).with_filter(filter).boxed()
                } else {
                    json.with_filter(filter).boxed()
                }
            }
            LogFormat::Text => logs.with_filter(filter).boxed(),
        };
        let layers: Vec<_> = traces.into_iter().chain([logs]).collect();
        tracing_subscriber::registry().with(layers).init();
        Ok(())
    }
}

/// Writes warnings as text to standard error, for commands that a person watches.
///
/// # Errors
/// The filter is not valid.
pub(super) fn init_text(filter: &str) -> Result<(), Error> {
    Logs { log_format: LogFormat::Text, log: filter.to_owned(), otlp_endpoint: None }.subscribe(None)
}

/// At trace level the SDK logs whole requests with session tokens. Only trace messages of this program are logged, whatever the filter.
/// Spans of traces are exported, and not part of the log.
fn is_loggable(metadata: &Metadata<'_>) -> bool {
    metadata.target() != TARGET && (*metadata.level() <= Level::DEBUG || metadata.target().starts_with("tributary"))
}

/// Removes the text of the kubeconfig from an error: a parser quotes the line that it cannot read, which may contain a token.
fn without_contents(error: kube::Error) -> Error {
    let source = std::error::Error::source(&error).and_then(std::error::Error::source);
    match source.and_then(<dyn std::error::Error>::downcast_ref) {
        Some(KubeconfigError::Parse(_)) => {
            "not running in a pod, and the kubeconfig ($KUBECONFIG or ~/.kube/config) is not valid. Run `kubectl config view` to find the line.".into()
        }
        _ => error.into(),
    }
}

/// Returns a client with the pod's ServiceAccount, or else the kubeconfig.
pub(super) async fn client() -> Result<Client, Error> {
    Client::try_default().await.map_err(without_contents)
}

/// Completes on SIGTERM or SIGINT.
pub(super) fn terminated() -> Result<impl Future<Output = ()> + Send + 'static, Error> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::info!("stopping; completing work in progress");
    })
}
