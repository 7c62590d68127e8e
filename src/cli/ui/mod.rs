//! `tributary ui`: a page on loopback that shows the graph of integrations, and evaluates events against its rules. It only reads: with the
//! user's kubeconfig, and nothing from AWS.
//!
//! `server` decides who is answered and by which module; `map` lays out the graph, `object` shows one object, `event` evaluates events.

mod assets;
mod event;
mod feed;
mod guard;
mod map;
mod object;
mod redact;
mod reply;
mod server;
#[cfg(test)]
mod tests;

use std::{
    io::{Write, stderr, stdout},
    net::Ipv4Addr,
    sync::Arc,
    time::Duration,
};

use clap::Args;
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::TcpListener;

use crate::{
    cli::{
        Error,
        kube_flags::{KubeFlags, Namespaces},
        logs::terminated,
        ui::{feed::Feed, guard::Token, server::Server},
    },
    http_server::{self, ServerLimits, WhenFull},
};

/// A browser opens about six connections per page.
const LIMITS: ServerLimits = ServerLimits {
    connections: 64,
    when_full: WhenFull::CloseOldest,
    head: Duration::from_mins(1),
    write: Duration::from_secs(30),
    age: Duration::from_hours(1),
};

/// Shows your integrations in the browser, on this machine only. Prints the URL and serves until it is interrupted. Nothing is written.
#[derive(Args, Debug)]
pub(super) struct Ui {
    #[command(flatten)]
    kube: KubeFlags,
    /// Port on 127.0.0.1. Defaults to a free port.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
}

impl Ui {
    pub(super) async fn run(self) -> Result<(), Error> {
        let cluster = self.kube.connect().await?;
        let namespaces = self.kube.namespaces(&cluster);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))
            .await
            .map_err(|error| format!("--port {}: {error}. Choose another port, or omit the flag.", self.port))?;
        let stop = terminated()?;
        let token = Token::random()?;
        writeln!(stdout().lock(), "http://{}/{}/", listener.local_addr()?, token.text())?;
        writeln!(
            stderr().lock(),
            "tributary: open the URL in a browser on this machine. It grants read access: do not share it. Ctrl-C ends."
        )?;
        let scope = match &namespaces {
            Namespaces::All => "all namespaces".to_owned(),
            Namespaces::Only(names) => format!("namespace {}", names.join(", ")),
        };
        let (feed, follow) = Feed::follow(&cluster, &namespaces);
        let (server, stopping) = Server::new(token, scope, cluster.client.clone(), feed);
        let server = Arc::new(server);
        let stopped = async move {
            stop.await;
            stopping.send_replace(true);
        };
        let service = move |request| {
            let server = server.clone();
            async move { server.answer(request).await }
        };
        tokio::select! {
            () = http_server::serve(listener, LIMITS, Gauge::default(), stopped, service) => {}
            () = follow => {}
        }
        Ok(())
    }
}
