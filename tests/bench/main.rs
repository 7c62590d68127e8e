//! Benchmark, entry: the operator beside the raw floor, against an AWS stand-in with a fixed latency. Prints figures and aims; an aim that
//! does not hold is no failure. Run by `make bench`, inside a test bed. How to read it: `docs/operations/benchmarks.md`.

#![allow(unreachable_pub)]

mod audit;
mod cluster;
mod figures;
mod fleet;
mod floor;
mod gateway;
mod load;
mod objects;
mod observe;
mod operator;
mod partner;
mod peer;
mod perfect;
mod phases;
mod plan;
mod ready;
mod scale;
mod settings;
mod slow;
mod standin;
mod webhooks;

use std::process::ExitCode;

use cluster::Cluster;
use figures::Report;
use settings::Settings;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Error>;

/// On standard error: what is being done now. The table goes to standard output.
fn say(text: &str) {
    eprintln!("bench: {text}");
}

async fn bench() -> Result<()> {
    let settings = Settings::from_env()?;
    let cluster = Cluster::prepare(&fleet::secrets(&settings), fleet::shards(&settings)).await?;
    let mut outcome = Ok(());
    let mut report = Report::new(settings.title(), &settings.json());
    if !settings.fleet.is_empty() {
        // It takes long, and the figures before a failure are worth something.
        outcome = fleet::run(&cluster, &settings, &mut report).await;
    } else if settings.scale.is_empty() {
        if settings.rules > 0 && settings.has("rules") {
            phases::without_bucket(&cluster, &settings, &mut report).await?;
            phases::with_bucket(&cluster, &settings, &mut report).await?;
        }
        if settings.rules > 0 && settings.has("observe") {
            observe::run(&cluster, &settings, &mut report).await?;
        }
        if settings.has("partner") {
            partner::waiting(&cluster, &settings, &mut report).await?;
            partner::sinks(&cluster, &settings, &mut report).await?;
        }
        if settings.has("gateway") {
            gateway::run(&cluster, &settings, &mut report).await?;
        }
    } else {
        scale::run(&cluster, &settings, &mut report).await?;
    }
    println!("{}", report.table());
    let path = settings.json.clone();
    std::fs::write(&path, format!("{:#}\n", report.json()))?;
    say(&format!("the same as JSON, with details: {}", path.display()));
    outcome
}

#[tokio::main]
async fn main() -> ExitCode {
    match bench().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("failed: {error}"));
            ExitCode::FAILURE
        }
    }
}
