//! `tributary put-events`: flags, and the way from files to AWS: read all, look for the buses, send in batches, report.

mod input;
pub(super) mod report;

use std::{
    collections::BTreeMap,
    io::{Write, stdout},
    time::Duration,
};

use clap::{Args, ValueEnum};
use tokio::time::{Instant, sleep_until};

use tributary_aws::{Answer, BusState, Entry, MOST_ENTRIES, Publisher};

use crate::{
    cli::{
        Error,
        aws_flags::AwsFlags,
        put_events::{input::Item, report::Progress},
    },
    put_events::{batch, send},
};

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// Exits with 1 if any entry failed.
#[derive(Args, Debug)]
pub struct PutEvents {
    /// Files of events as JSON: an array of entries, one entry, one a line, or `{"Entries": [...]}` as the AWS CLI takes it; `-` is stdin.
    #[arg(default_value = "-")]
    files: Vec<String>,
    /// Name or ARN of the bus, for entries that name none in `EventBusName`.
    #[arg(long, default_value = "default", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    bus: String,
    #[command(flatten)]
    aws: AwsFlags,
    /// Entries a second at most; left out, as fast as AWS takes them.
    #[arg(long, value_parser = rate)]
    rate: Option<f64>,
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Check the input, say how many calls it would take, and send nothing. AWS is not asked.
    #[arg(long)]
    dry_run: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().map_err(|error| error.to_string())?;
    if (0.001..=1e6).contains(&rate) { Ok(rate) } else { Err("it is a number from 0.001 to 1000000".into()) }
}

/// How many entries go into one call, so that no second sees more than the rate.
fn most(rate: Option<f64>) -> usize {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // From 1 to 10.
    rate.map_or(MOST_ENTRIES, |rate| rate.clamp(1.0, 10.0) as usize)
}

impl PutEvents {
    pub async fn run(self) -> Result<(), Error> {
        let mut items = Vec::new();
        for file in &self.files {
            items.extend(input::read(file, &self.bus)?);
        }
        if items.is_empty() {
            return Err("there is no entry in the input".into());
        }
        if self.dry_run {
            return self.dry(&items);
        }
        let publisher = Publisher::new(self.aws.options()?).await?;
        look_for_buses(&publisher, &mut items).await?;
        let (answers, sent) = self.send(&publisher, &items).await;
        self.report(&items, &answers, sent)
    }

    fn dry(&self, items: &[Item]) -> Result<(), Error> {
        let good: Vec<_> = items.iter().filter_map(|item| item.entry.as_ref().ok()).map(|entry| (entry, entry.size())).collect();
        let (calls, bytes) = (batch::batches(&good, most(self.rate)).len(), good.iter().map(|(_, size)| size).sum::<usize>());
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

    /// What became of each entry, and how many were handed to AWS. Stops between two calls when it is interrupted.
    async fn send(&self, publisher: &Publisher, items: &[Item]) -> (Vec<Answer>, usize) {
        let mut answers: Vec<Answer> = items
            .iter()
            .map(|item| match &item.entry {
                Ok(_) => Err(("NotSent".into(), "it was interrupted before this entry was sent".into())),
                Err(wrong) => Err(wrong.clone()),
            })
            .collect();
        let good: Vec<_> = items.iter().enumerate().filter_map(|(index, item)| Some((index, item.entry.as_ref().ok()?))).collect();
        let sized: Vec<_> = good.iter().map(|&(index, entry)| ((index, entry), entry.size())).collect();
        let (mut progress, mut sent, mut next) = (Progress::new(), 0, Instant::now());
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        for batch in batch::batches(&sized, most(self.rate)) {
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
            for ((index, _), answer) in batch.iter().zip(send::send(publisher, &entries).await) {
                answers[*index] = answer;
            }
            sent += batch.len();
            progress.at(|| format!("{sent} of {} entries", good.len()));
        }
        progress.end();
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

/// Entries for a bus that does not exist would be accepted and dropped: they fail here.
async fn look_for_buses(publisher: &Publisher, items: &mut [Item]) -> Result<(), Error> {
    let mut buses: BTreeMap<String, BusState> = BTreeMap::new();
    for item in items {
        let Ok(entry) = &item.entry else { continue };
        let bus = entry.bus.clone();
        if !buses.contains_key(&bus) {
            let state = publisher.bus(&bus).await.map_err(|error| format!("nothing is sent: {error}"))?;
            if let BusState::Unknown(why) = &state {
                eprintln!(
                    "tributary: whether event bus {bus} exists is not known: {why}. EventBridge drops events for a bus that does not exist, and says nothing"
                );
            }
            buses.insert(bus.clone(), state);
        }
        if buses.get(&bus) == Some(&BusState::Missing) {
            let message = format!(
                "there is no event bus {bus} here: EventBridge would take the event and drop it. Correct --bus or EventBusName, or the Region"
            );
            item.entry = Err(("BusNotFound".into(), message));
        }
    }
    Ok(())
}
