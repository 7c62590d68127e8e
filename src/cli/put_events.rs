//! `tributary put-events`: read the files, check the buses, send in batches, report.

mod input;
mod report;

use std::{
    collections::BTreeMap,
    io::{Write, stdout},
    time::Duration,
};

use clap::{Args, ValueEnum};
use tokio::time::{Instant, sleep_until};

use tributary_aws::{Answer, BusState, Entry, MOST_ENTRIES, Publisher};

use crate::{
    cli::{Error, aws_flags::AwsFlags, progress::ProgressFlags, put_events::input::Item},
    put_events::{batch, send_all},
};

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// Exits with status 1 if any entry failed.
#[derive(Args, Debug)]
pub(super) struct PutEvents {
    /// JSON files: an array of entries, one entry, one entry per line, or `{"Entries": [...]}` as for the AWS CLI. `-` is stdin.
    #[arg(default_value = "-")]
    files: Vec<String>,
    /// Name or ARN of the bus for entries without `EventBusName`.
    #[arg(long, default_value = "default", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    bus: String,
    #[command(flatten)]
    aws: AwsFlags,
    /// Maximum number of entries per second. Defaults to no limit.
    #[arg(long, value_parser = rate)]
    rate: Option<f64>,
    /// Format of the report.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Validate the input and report the number of calls. Sends nothing to AWS.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    progress: ProgressFlags,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().map_err(|error| error.to_string())?;
    if (0.001..=1e6).contains(&rate) { Ok(rate) } else { Err("must be a number from 0.001 to 1000000".into()) }
}

/// Returns the number of entries per call that keeps each second within the rate.
fn entries_per_call(rate: Option<f64>) -> usize {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // From 1 to 10.
    rate.map_or(MOST_ENTRIES, |rate| rate.clamp(1.0, 10.0) as usize)
}

impl PutEvents {
    pub(super) async fn run(self) -> Result<(), Error> {
        let mut items = Vec::new();
        for file in &self.files {
            items.extend(input::read(file, &self.bus)?);
        }
        if items.is_empty() {
            return Err("the input contains no entries".into());
        }
        if self.dry_run {
            return self.dry(&items);
        }
        let publisher = Publisher::new(self.aws.options()?).await?;
        check_buses(&publisher, &mut items).await?;
        let (answers, sent) = self.send(&publisher, &items).await;
        self.report(&items, &answers, sent)
    }

    fn dry(&self, items: &[Item]) -> Result<(), Error> {
        let good: Vec<_> = items.iter().filter_map(|item| item.entry.as_ref().ok()).map(|entry| (entry, entry.size())).collect();
        let (calls, bytes) = (batch::batches(&good, entries_per_call(self.rate)).len(), good.iter().map(|(_, size)| size).sum::<usize>());
        let answers: Vec<Answer> = items.iter().map(|item| item.entry.as_ref().map(|_| String::new()).map_err(Clone::clone)).collect();
        let bad = answers.iter().filter(|answer| answer.is_err()).count();
        let mut out = stdout().lock();
        match self.output {
            Output::Text => {
                if bad > 0 {
                    report::text(&mut out, items, &answers, &report::summary(&answers, 0))?;
                }
                writeln!(out, "dry run: {} entries of {bytes} bytes would go in {calls} calls, {bad} are not valid", good.len())?;
            }
            Output::Json => {
                let wrong = items.iter().zip(&answers).filter_map(|(item, answer)| {
                    let (code, message) = answer.as_ref().err()?;
                    Some(serde_json::json!({"file": item.file, "index": item.index, "errorCode": code, "errorMessage": message}))
                });
                let summary =
                    serde_json::json!({"entries": items.len(), "valid": good.len(), "invalid": bad, "bytes": bytes, "calls": calls});
                let document = serde_json::json!({"dryRun": summary, "entries": wrong.collect::<Vec<_>>()});
                writeln!(out, "{document:#}")?;
            }
        }
        if bad == 0 { Ok(()) } else { Err(format!("{bad} of {} entries are not valid", items.len()).into()) }
    }

    /// Returns the answer to each entry and the number of sent entries. Stops between two calls when interrupted.
    async fn send(&self, publisher: &Publisher, items: &[Item]) -> (Vec<Answer>, usize) {
        let mut answers: Vec<Answer> = items
            .iter()
            .map(|item| match &item.entry {
                Ok(_) => Err(("NotSent".into(), "interrupted before this entry was sent".into())),
                Err(wrong) => Err(wrong.clone()),
            })
            .collect();
        let good: Vec<_> = items.iter().enumerate().filter_map(|(index, item)| Some((index, item.entry.as_ref().ok()?))).collect();
        let sized: Vec<_> = good.iter().map(|&(index, entry)| ((index, entry), entry.size())).collect();
        let (progress, mut sent, mut next) = (self.progress.bar("sending entries", good.len()), 0, Instant::now());
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        for batch in batch::batches(&sized, entries_per_call(self.rate)) {
            tokio::select! {
                biased;
                _ = &mut interrupted => break,
                () = sleep_until(next) => {}
            }
            if let Some(rate) = self.rate {
                #[allow(clippy::cast_precision_loss)] // At most ten.
                let pause = Duration::from_secs_f64(batch.len() as f64 / rate);
                next = Instant::now() + pause;
            }
            let entries: Vec<&Entry> = batch.iter().map(|(_, entry)| *entry).collect();
            for ((index, _), answer) in batch.iter().zip(send_all(publisher, &entries).await) {
                answers[*index] = answer;
            }
            sent += batch.len();
            progress.set(sent);
        }
        (answers, sent)
    }

    fn report(&self, items: &[Item], answers: &[Answer], sent: usize) -> Result<(), Error> {
        let (summary, mut out) = (report::summary(answers, sent), stdout().lock());
        match self.output {
            Output::Text => report::text(&mut out, items, answers, &summary)?,
            Output::Json => report::json(&mut out, items, answers, &summary)?,
        }
        if summary.failed == 0 { Ok(()) } else { Err(format!("{} of {} entries failed", summary.failed, summary.entries).into()) }
    }
}

/// Fails entries for a bus that does not exist: EventBridge would accept and drop them.
async fn check_buses(publisher: &Publisher, items: &mut [Item]) -> Result<(), Error> {
    let mut buses: BTreeMap<String, BusState> = BTreeMap::new();
    for item in items {
        let Ok(entry) = &item.entry else { continue };
        let bus = entry.bus.clone();
        if !buses.contains_key(&bus) {
            let state = publisher.bus(&bus).await.map_err(|error| format!("no events sent: {error}"))?;
            if let BusState::Unknown(why) = &state {
                eprintln!(
                    "tributary: whether event bus {bus} exists is not known: {why}. EventBridge silently drops events for a bus that does not exist."
                );
            }
            buses.insert(bus.clone(), state);
        }
        if buses.get(&bus) == Some(&BusState::Missing) {
            let message = format!(
                "event bus {bus} not found: EventBridge would accept the event and drop it. Correct --bus, EventBusName or the Region."
            );
            item.entry = Err(("BusNotFound".into(), message));
        }
    }
    Ok(())
}
