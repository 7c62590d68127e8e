//! `tributary diff`: what differs between two tenants or environments, apart from what is declared to differ.

mod accounts;
mod compare;
mod declared;
mod fields;
mod ignore;
mod manifests;
mod namespace;
mod report;
mod side;
mod text;

use std::{
    io::{IsTerminal, Write, stderr, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};

use crate::cli::{
    Error,
    diff::{ignore::Ignore, side::Side},
    kube_flags::ClusterFlags,
};

/// Exit code if the two sides differ.
const DIFFERENT: u8 = 2;
/// Makes `--from` and `--to` a namespace although there is a file of this name.
const NAMESPACE: &str = "namespace:";

/// Exits with 0 if both sides are the same apart from declared differences, with 2 if they differ, and with 1 if one cannot be read.
#[derive(Args, Debug)]
pub(super) struct Diff {
    /// File or folder of manifests, `-` for standard input, or a namespace of the cluster. `namespace:NAME` is always a namespace.
    #[arg(long, value_name = "NAMESPACE|PATH")]
    from: String,
    /// The other side, as for `--from`.
    #[arg(long, value_name = "NAMESPACE|PATH")]
    to: String,
    /// File of further differences to ignore.
    #[arg(long, value_name = "FILE")]
    ignore: Option<PathBuf>,
    /// Format of the report.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    #[command(flatten)]
    cluster: ClusterFlags,
    /// Context of the kubeconfig for `--from`, if it is not that of `--to`.
    #[arg(long, value_name = "NAME")]
    from_context: Option<String>,
    /// Context of the kubeconfig for `--to`, if it is not that of `--from`.
    #[arg(long, value_name = "NAME")]
    to_context: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

impl Diff {
    pub(super) async fn run(self) -> Result<ExitCode, Error> {
        let ignore = self.ignore.as_deref().map(Ignore::read).transpose()?.unwrap_or_default();
        let from = self.side(&self.from, self.from_context.as_deref()).await?;
        let to = self.side(&self.to, self.to_context.as_deref()).await?;
        let problems: Vec<_> = from.problems.iter().chain(&to.problems).cloned().collect();
        for problem in &problems {
            let _ = writeln!(stderr().lock(), "tributary: {problem}");
        }
        if problems.is_empty() && from.objects.is_empty() && to.objects.is_empty() {
            return Err("neither side has objects to compare. Correct --from and --to.".into());
        }
        let report = compare::compare(&from, &to, &ignore);
        let is_colored = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let text = match self.output {
            Output::Text => text::text(&report, is_colored),
            Output::Json => format!("{:#}\n", report.json(&problems)),
        };
        stdout().lock().write_all(text.as_bytes())?;
        Ok(match (problems.is_empty(), report.is_same()) {
            (false, _) => ExitCode::FAILURE,
            (true, false) => ExitCode::from(DIFFERENT),
            (true, true) => ExitCode::SUCCESS,
        })
    }

    async fn side(&self, name: &str, context: Option<&str>) -> Result<Side, Error> {
        let namespace = name.strip_prefix(NAMESPACE);
        if namespace.is_none() && is_path(name) {
            return Ok(manifests::side(Path::new(name)));
        }
        let cluster = self.cluster.with_context(context).connect().await?;
        namespace::side(&cluster, namespace.unwrap_or(name)).await
    }
}

/// Returns whether the name is that of a file, or cannot be that of a namespace.
fn is_path(name: &str) -> bool {
    name == "-" || name.contains(['/', '.']) || Path::new(name).exists()
}
