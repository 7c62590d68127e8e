//! `tributary backfill`: flags, and the way from Benchling's list of events to a bus: list, skip, send, keep a checkpoint, report.

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
use tributary_benchling::{AppClient, Urls};

use crate::{
    backfill::{
        KEPT,
        checkpoint::{Checkpoint, Run},
        run::{self, Ended},
    },
    cli::{Error, aws_flags::AwsFlags, backfill::report::Eyes},
    sync::reader::Reader,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// Reads what Benchling sent, or would have sent, in a window of time, and puts it on a bus. A partner's bus takes events of its partner only: name a custom
/// one, with rules to the same sinks. Exits with 1 if anything was not taken.
#[derive(Args, Debug)]
pub struct Backfill {
    /// The tenant: `acme` of acme.benchling.com.
    #[arg(long)]
    tenant: String,
    /// Client id of an app that may read the events.
    #[arg(long, env = "BENCHLING_CLIENT_ID")]
    client_id: String,
    /// File with the client's secret; left out: the environment variable `BENCHLING_CLIENT_SECRET`.
    #[arg(long)]
    client_secret_file: Option<PathBuf>,
    /// From when on, such as `2026-11-20T00:00:00Z`. Benchling keeps two weeks.
    #[arg(long)]
    from: Timestamp,
    /// Until when; left out: now.
    #[arg(long)]
    until: Option<Timestamp>,
    /// Only events of this type; may be given several times.
    #[arg(long = "event-type")]
    event_types: Vec<String>,
    /// Name or ARN of the bus.
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    bus: String,
    /// `source` of the events; left out: `benchling.backfill/<tenant>`. AWS keeps `aws.` for its partners.
    #[arg(long, value_parser = source)]
    source: Option<String>,
    /// File with ids of events (`evt_…`) that arrived already, one a line.
    #[arg(long)]
    seen: Option<PathBuf>,
    /// File in which it is kept how far the run came; if it exists, the run goes on from there.
    #[arg(long)]
    checkpoint: Option<PathBuf>,
    /// Requests to Benchling in 30 seconds, at most. An app has 300.
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u32).range(4..=300))]
    budget: u32,
    /// Read and count, and send nothing.
    #[arg(long)]
    dry_run: bool,
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// URL of a tenant's API, with `{tenant}` for its name.
    #[arg(long, hide = true)]
    benchling_url: Option<String>,
    #[command(flatten)]
    aws: AwsFlags,
}

fn source(text: &str) -> Result<String, String> {
    if text.starts_with("aws.") {
        return Err("PutEvents takes no source that begins with `aws.`".into());
    }
    if text.is_empty() || text.len() > 256 { Err("it has 1 to 256 characters".into()) } else { Ok(text.to_owned()) }
}

impl Backfill {
    pub async fn run(self) -> Result<(), Error> {
        let now = Timestamp::now();
        let until = self.until.unwrap_or(now);
        if self.from >= until {
            return Err("--from is not before --until".into());
        }
        if self.from < now - KEPT {
            eprintln!("tributary: Benchling keeps events for two weeks: what is older than that is not listed");
        }
        if self.bus.contains("aws.partner/") {
            return Err(
                "a partner's bus takes events of its partner only. Make a custom bus, and rules on it to the same sinks: docs/how-to/backfill-benchling-events.md"
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
        let list = Reader::new(urls, self.tenant.clone(), client, self.budget)?;
        let publisher = if self.dry_run { None } else { Some(self.publisher().await?) };
        let stop = interruption();
        let mut eyes = Eyes::new(self.checkpoint.clone().filter(|_| !self.dry_run), stop);
        let ended = run::run(&*list, publisher.as_ref(), seen, &mut checkpoint, &mut eyes).await;
        eyes.end();
        let ended = ended.map_err(|error| self.goes_on(&error.to_string()))?;
        let mut out = stdout().lock();
        match self.output {
            Output::Text => report::text(&mut out, &checkpoint, &ended, self.dry_run)?,
            Output::Json => report::json(&mut out, &checkpoint, &ended, self.dry_run)?,
        }
        match ended {
            Ended::Complete => Ok(()),
            Ended::Interrupted => Err(self.goes_on("it was interrupted").into()),
            Ended::Refused(refused) => Err(self.goes_on(&format!("AWS did not take {} events", refused.len())).into()),
        }
    }

    fn goes_on(&self, what: &str) -> String {
        let then = match &self.checkpoint {
            Some(path) if !self.dry_run => format!("The same command goes on from {}", path.display()),
            _ => "Nothing says how far it came: with --checkpoint the next run would go on from there".to_owned(),
        };
        format!("{what}. {then}")
    }

    fn secret(&self) -> Result<SecretString, Error> {
        let text = match &self.client_secret_file {
            Some(path) => std::fs::read_to_string(path).map_err(|error| format!("--client-secret-file {}: {error}", path.display()))?,
            None => std::env::var("BENCHLING_CLIENT_SECRET")
                .map_err(|_| "the client's secret is missing: set BENCHLING_CLIENT_SECRET, or give --client-secret-file")?,
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
        match publisher.bus(&self.bus).await.map_err(|error| format!("nothing is sent: {error}"))? {
            BusState::There => {}
            BusState::Missing => {
                return Err(format!("there is no event bus {} here: EventBridge would take the events and drop them", self.bus).into());
            }
            BusState::Unknown(why) => eprintln!("tributary: whether event bus {} exists is not known: {why}", self.bus),
        }
        Ok(publisher)
    }
}

/// Set by the first Ctrl-C; the second one ends the process at once.
fn interruption() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            seen.store(true, Ordering::Relaxed);
            eprintln!("tributary: ends after this call; once more to end at once");
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(130);
            }
        }
    });
    stop
}
