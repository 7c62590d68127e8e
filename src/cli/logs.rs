//! What `run` and `gateway` share: logs, the client of the API server, signals.

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
pub struct Logs {
    #[arg(long, env = "TRIBUTARY_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    log_format: LogFormat,
    /// Filter of the logs, such as `info` or `tributary=debug`. Trace is of the operator's own code only: the SDK's tells of session tokens.
    #[arg(long, env = "TRIBUTARY_LOG", default_value = "info,kube_runtime=warn")]
    log: String,
}

impl Logs {
    pub fn init(&self) -> Result<(), Error> {
        let filter = EnvFilter::try_new(&self.log)?;
        let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        let tellable = filter_fn(tellable);
        match self.log_format {
            LogFormat::Json => logs.json().flatten_event(true).with_current_span(true).with_span_list(false).finish().with(tellable).init(),
            LogFormat::Text => logs.finish().with(tellable).init(),
        }
        Ok(())
    }
}

/// At trace the SDK writes whole requests with their session tokens: whatever `--log` says, only our own code is heard there.
fn tellable(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::DEBUG || metadata.target().starts_with("tributary")
}

/// What is wrong with the kubeconfig, without its text: a parser quotes the line that it cannot read, and a token may stand there.
fn without_its_text(error: kube::Error) -> Error {
    let source = std::error::Error::source(&error).and_then(std::error::Error::source);
    match source.and_then(<dyn std::error::Error>::downcast_ref) {
        Some(KubeconfigError::Parse(_)) => {
            "no ServiceAccount of a pod was found, and the kubeconfig ($KUBECONFIG, or ~/.kube/config) is no YAML of a Config. `kubectl config view` says where".into()
        }
        _ => error.into(),
    }
}

/// Of the pod's ServiceAccount, or of the kubeconfig.
pub async fn client() -> Result<Client, Error> {
    Client::try_default().await.map_err(without_its_text)
}

/// Ends at SIGTERM or SIGINT.
pub fn terminated() -> Result<impl Future<Output = ()> + Send + 'static, Error> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::info!("asked to stop; finishing what is under way");
    })
}
