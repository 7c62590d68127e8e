//! `tributary backfill`: its flags, and the report of a run.

mod file;
mod report;

use std::{
    collections::HashSet,
    io::stdout,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use clap::{Args, ValueEnum};
use k8s_openapi::jiff::Timestamp;
use secrecy::SecretString;

use tributary_aws::{BusState, Publisher};
use tributary_benchling::{AppClient, Budget, TenantClient, Urls};

use crate::{
    backfill::{
        KEPT,
        checkpoint::{Checkpoint, Run},
        run::{self, Ended},
    },
    cli::{Error, aws_flags::AwsFlags, backfill::report::ProgressObserver, progress::ProgressFlags},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// Publishes the events that Benchling lists for a time window. Partner event buses accept events of the partner only: use a custom bus,
/// with rules to the same sinks. Exits with status 1 if any event was not accepted.
#[derive(Args, Debug)]
pub(super) struct Backfill {
    /// Name of the tenant, such as `acme` of acme.benchling.com.
    #[arg(long)]
    tenant: String,
    /// Client id of an app with access to the events.
    #[arg(long, env = "BENCHLING_CLIENT_ID")]
    client_id: String,
    /// File with the client secret. Defaults to the environment variable `BENCHLING_CLIENT_SECRET`.
    #[arg(long)]
    client_secret_file: Option<PathBuf>,
    /// Start of the window, such as `2026-11-20T00:00:00Z`. Benchling keeps events for two weeks.
    #[arg(long)]
    from: Timestamp,
    /// End of the window. Defaults to now.
    #[arg(long)]
    until: Option<Timestamp>,
    /// Event type to publish. Can be repeated. Defaults to all types.
    #[arg(long = "event-type")]
    event_types: Vec<String>,
    /// Name or ARN of the bus.
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    bus: String,
    /// `source` of the events. Defaults to `benchling.backfill/<tenant>`. AWS reserves `aws.` for partners.
    #[arg(long, value_parser = source)]
    source: Option<String>,
    /// File with ids of events to skip (`evt_…`), one per line.
    #[arg(long)]
    seen: Option<PathBuf>,
    /// File for the progress of the run. If it exists, the run continues there.
    #[arg(long)]
    checkpoint: Option<PathBuf>,
    /// Maximum number of requests to Benchling per 30 seconds. Benchling allows 300 per app.
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u32).range(4..=300))]
    budget: u32,
    /// List and count events without sending them.
    #[arg(long)]
    dry_run: bool,
    /// Format of the report.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    #[command(flatten)]
    progress: ProgressFlags,
    /// URL of the Benchling API. `{tenant}` is replaced by the tenant's name.
    #[arg(long, hide = true)]
    benchling_url: Option<String>,
    #[command(flatten)]
    aws: AwsFlags,
}

fn source(text: &str) -> Result<String, String> {
    if text.starts_with("aws.") {
        return Err("must not start with `aws.`, which AWS reserves".into());
    }
    if text.is_empty() || text.len() > 256 { Err("must have 1 to 256 characters".into()) } else { Ok(text.to_owned()) }
}

impl Backfill {
    pub(super) async fn run(self) -> Result<(), Error> {
        let now = Timestamp::now();
        let until = self.until.unwrap_or(now);
        if self.from >= until {
            return Err("--from must be before --until".into());
        }
        if self.from < now - KEPT {
            eprintln!("tributary: Benchling keeps events for two weeks; older events are not listed");
        }
        if self.bus.contains("aws.partner/") {
            return Err(
                "--bus is a partner event bus; only the partner can publish to it. Use a custom bus with rules to the same sinks: docs/how-to/backfill-benchling-events.md"
                    .into(),
            );
        }
        let run = Run {
            tenant: self.tenant.clone(),
            bus: self.bus.clone(),
            source: self.source.clone().unwrap_or_else(|| format!("benchling.backfill/{}", self.tenant)),
            from: self.from,
            until,
            event_types: self.event_types.clone(),
            object: None,
        };
        let mut checkpoint = match &self.checkpoint {
            Some(path) => file::open(path, run, self.until.is_some())?,
            None => Checkpoint::new(run),
        };
        let seen = self.seen()?;
        let urls = Urls { tenant: self.benchling_url.clone().unwrap_or_else(|| Urls::default().tenant), ..Urls::default() };
        let client = AppClient { id: self.client_id.clone(), secret: self.secret()? };
        let tenant_client =
            TenantClient::new(urls, self.tenant.clone(), client, Budget::new(self.budget)).map_err(|error| error.message)?;
        let publisher = if self.dry_run { None } else { Some(self.publisher().await?) };
        let stop = interruption();
        let mut observer = ProgressObserver::new(self.checkpoint.clone().filter(|_| !self.dry_run), stop, self.progress);
        let ended = run::run(&*tenant_client, publisher.as_ref(), seen, &mut checkpoint, &mut observer).await;
        drop(observer);
        let ended = ended.map_err(|error| self.continuation(&error.to_string()))?;
        let mut out = stdout().lock();
        match self.output {
            Output::Text => report::text(&mut out, &checkpoint, &ended, self.dry_run)?,
            Output::Json => report::json(&mut out, &checkpoint, &ended, self.dry_run)?,
        }
        match ended {
            Ended::Complete => Ok(()),
            Ended::Interrupted => Err(self.continuation("interrupted").into()),
            Ended::Refused(refused) => Err(self.continuation(&format!("AWS did not accept {} events", refused.len())).into()),
        }
    }

    fn continuation(&self, what: &str) -> String {
        let then = match &self.checkpoint {
            Some(path) if !self.dry_run => format!("The same command goes on from {}.", path.display()),
            _ => "Progress was not saved: use --checkpoint to continue an interrupted run.".to_owned(),
        };
        format!("{what}. {then}")
    }

    fn secret(&self) -> Result<SecretString, Error> {
        let text = match &self.client_secret_file {
            Some(path) => std::fs::read_to_string(path).map_err(|error| format!("--client-secret-file {}: {error}", path.display()))?,
            None => std::env::var("BENCHLING_CLIENT_SECRET")
                .map_err(|_| "no client secret: set BENCHLING_CLIENT_SECRET or --client-secret-file")?,
        };
        Ok(SecretString::from(text.trim_end().to_owned()))
    }

    fn seen(&self) -> Result<HashSet<String>, Error> {
        let Some(path) = &self.seen else { return Ok(HashSet::new()) };
        let text = std::fs::read_to_string(path).map_err(|error| format!("--seen {}: {error}", path.display()))?;
        Ok(text.split_whitespace().map(str::to_owned).collect())
    }

    async fn publisher(&self) -> Result<Publisher, Error> {
        let publisher = Publisher::new(self.aws.options()?).await?;
        match publisher.bus(&self.bus).await.map_err(|error| format!("no events sent: {error}"))? {
            BusState::There => {}
            BusState::Missing => {
                return Err(format!(
                    "event bus {} not found: EventBridge would accept the events and drop them. Correct --bus or the Region.",
                    self.bus
                )
                .into());
            }
            BusState::Unknown(why) => eprintln!("tributary: whether event bus {} exists is not known: {why}", self.bus),
        }
        Ok(publisher)
    }
}

/// Returns a flag that the first Ctrl-C sets. The second one ends the process.
fn interruption() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            seen.store(true, Ordering::Relaxed);
            eprintln!("tributary: stopping after the current call. Press Ctrl-C again to stop now.");
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(130);
            }
        }
    });
    stop
}
