//! `tributary tree`: event sources, buses, rules, sinks and dead-letter queues of a cluster, and the health of each.

mod draw;
mod forest;
mod select;
mod text;

use std::{
    io::{IsTerminal, Write, stderr, stdout},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, ValueEnum};
use k8s_openapi::jiff::Timestamp;

use crate::cli::{
    Error,
    graph::{self, Graph, Health, Snapshot},
    kube_flags::{Cluster, KubeFlags},
    tree::{
        draw::{dot, mermaid, svg},
        select::Reference,
        text::Style,
    },
};

/// How often ages are updated with `--watch`.
const REDRAW: Duration = Duration::from_secs(30);
/// Exit code with `--unhealthy` if an object is not healthy.
const UNHEALTHY: u8 = 2;

/// Exits with 0 if the objects were read, and with 1 if not. With `--unhealthy`, exits with 2 if an object is not healthy.
#[derive(Args, Debug)]
pub(super) struct Tree {
    /// Show only this object, what sends to it, and what it sends to, such as `erule/orders`. Kinds are names, plurals or short names.
    #[arg(value_name = "KIND/NAME")]
    object: Option<Reference>,
    #[command(flatten)]
    kube: KubeFlags,
    /// Format of the output.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Show only what is not healthy, and what sends to it. Paused objects count as healthy.
    #[arg(long)]
    unhealthy: bool,
    /// Follow changes. On a terminal the tree is drawn in place; otherwise each version is printed, as one line with `-o json`.
    #[arg(short, long)]
    watch: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Tree of at most 100 columns.
    Text,
    /// Tree with accounts, ARNs and whole messages.
    Wide,
    Json,
    /// Graph for Graphviz.
    Dot,
    /// Flowchart for Mermaid.
    Mermaid,
    Svg,
}

impl Tree {
    pub(super) async fn run(self) -> Result<ExitCode, Error> {
        let cluster = self.kube.connect().await?;
        if self.watch {
            return self.watch(&cluster).await;
        }
        let snapshot = graph::read(&cluster, &self.kube.namespaces(&cluster)).await?;
        let graph = self.select(snapshot)?;
        let is_unhealthy = graph.nodes.iter().any(|node| select::is_unhealthy(node));
        let text = self.render(&graph, Timestamp::now());
        stdout().lock().write_all(text.as_bytes())?;
        self.print_notes(&graph);
        Ok(if self.unhealthy && is_unhealthy { ExitCode::from(UNHEALTHY) } else { ExitCode::SUCCESS })
    }

    fn select(&self, snapshot: Snapshot) -> Result<Graph, Error> {
        let mut graph = snapshot.graph();
        if let Some(reference) = &self.object {
            graph = select::around(graph, reference)?;
        }
        Ok(if self.unhealthy { select::unhealthy(graph) } else { graph })
    }

    fn render(&self, graph: &Graph, now: Timestamp) -> String {
        let is_colored = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        match self.output {
            Output::Text => text::text(graph, &Style { is_colored, is_wide: false, now }),
            Output::Wide => text::text(graph, &Style { is_colored, is_wide: true, now }),
            Output::Json if self.watch => serde_json::to_string(graph).unwrap_or_default() + "\n",
            Output::Json => serde_json::to_string_pretty(graph).unwrap_or_default() + "\n",
            Output::Dot => dot::dot(graph),
            Output::Mermaid => mermaid::mermaid(graph),
            Output::Svg => svg::svg(graph),
        }
    }

    /// Prints what could not be read, where the format has no place for it. JSON has `notes`.
    fn print_notes(&self, graph: &Graph) {
        if matches!(self.output, Output::Json) {
            return;
        }
        let mut err = stderr().lock();
        for note in &graph.notes {
            let _ = writeln!(err, "tributary: not shown: {}", note.message);
        }
    }

    async fn watch(&self, cluster: &Cluster) -> Result<ExitCode, Error> {
        let mut live = graph::live(cluster, &self.kube.namespaces(cluster));
        let in_place = stdout().is_terminal();
        let mut snapshot = live.next().await;
        let (mut last, mut last_notes) = (String::new(), Vec::new());
        loop {
            let text = match self.select(snapshot.clone()) {
                Ok(graph) => {
                    if graph.notes != last_notes && !in_place {
                        self.print_notes(&graph);
                    }
                    last_notes.clone_from(&graph.notes);
                    let notes = if in_place { notes(&graph) } else { String::new() };
                    self.render(&graph, Timestamp::now()) + &notes
                }
                // The object may appear, or be created again.
                Err(error) => format!("{error}\n"),
            };
            if text != last {
                let mut out = stdout().lock();
                // Home, and clear the screen: the tree may be shorter than the last one.
                let before = if in_place { "\x1b[H\x1b[2J\x1b[3J" } else { "" };
                write!(out, "{before}{text}")?;
                out.flush()?;
                last = text;
            }
            snapshot = tokio::select! {
                changed = live.next() => changed,
                () = tokio::time::sleep(REDRAW), if in_place => snapshot,
            };
        }
    }
}

fn notes(graph: &Graph) -> String {
    graph.notes.iter().flat_map(|note| ["not shown: ", &note.message, "\n"]).collect()
}

/// Returns a letter and a sign for a health, for those who see no color.
fn sign(health: Health) -> &'static str {
    match health {
        Health::Healthy => "✓",
        Health::Degraded => "✗",
        Health::Progressing => "…",
        Health::Paused => "‖",
        Health::Unknown => "?",
    }
}
