//! Logging, the Kubernetes client and signals, for all long-running commands.

use std::future::Future;

use clap::{Args, ValueEnum};
use kube::{Client, config::KubeconfigError};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{Level, Metadata};
use tracing_subscriber::{EnvFilter, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt};

use crate::cli::Error;

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
}

impl Logs {
    pub(super) fn init(&self) -> Result<(), Error> {
        let filter = EnvFilter::try_new(&self.log)?;
        let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        let is_loggable = filter_fn(is_loggable);
        match self.log_format {
            LogFormat::Json => {
                logs.json().flatten_event(true).with_current_span(true).with_span_list(false).finish().with(is_loggable).init();
            }
            LogFormat::Text => logs.finish().with(is_loggable).init(),
        }
        Ok(())
    }
}

/// Writes warnings as text to standard error, for commands that a person watches.
///
/// # Errors
/// The filter is not valid.
pub(super) fn init_text(filter: &str) -> Result<(), Error> {
    Logs { log_format: LogFormat::Text, log: filter.to_owned() }.init()
}

/// At trace level the SDK logs whole requests with session tokens. Only trace messages of this program are logged, whatever the filter.
fn is_loggable(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::DEBUG || metadata.target().starts_with("tributary")
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
