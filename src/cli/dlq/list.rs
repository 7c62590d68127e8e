//! `tributary dlq list`: the queues, and their messages by rule, target and error code.

use std::{
    collections::BTreeMap,
    io::{Write, stdout},
    process::ExitCode,
};

use clap::Args;
use k8s_openapi::jiff::Timestamp;
use tributary_core::redrive::{Filter, Letter};

use super::{
    flags::{FilterFlags, Output, SourceFlags},
    queues::{Queue, Work},
    reader::{HIDDEN, Reader},
    report::{Group, QueueReport, Report},
    text,
};
use crate::cli::{Error, progress::ProgressFlags};

/// Exits with 1 if a queue could not be read. Each message is received once, which counts towards `maxReceiveCount` of a queue that has a
/// dead-letter queue itself.
#[derive(Args, Debug)]
pub(super) struct List {
    #[command(flatten)]
    source: SourceFlags,
    #[command(flatten)]
    filter: FilterFlags,
    /// Maximum number of messages to read in each queue.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    max: u32,
    /// Format of the report.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    #[command(flatten)]
    progress: ProgressFlags,
}

impl List {
    pub(super) async fn run(&self) -> Result<ExitCode, Error> {
        let mut work = Work::read(&self.source).await?;
        let (filter, queues) = (self.filter.filter(Timestamp::now()), work.queues.clone());
        let progress = self.progress.counter("reading messages");
        let mut report = Report { queues: vec![], problems: work.problems.clone() };
        for queue in queues {
            let mut found = QueueReport {
                sink: queue.sink.clone(),
                arn: queue.arn.clone(),
                messages: None,
                in_flight: None,
                complete: false,
                letters: vec![],
                problem: None,
            };
            found.problem = self.count(&mut work, &queue, &filter, &mut found, &progress).await.err();
            report.queues.push(found);
        }
        drop(progress);
        let mut out = stdout().lock();
        match self.output {
            Output::Text => out.write_all(text::list(&report).as_bytes())?,
            Output::Json => writeln!(out, "{:#}", serde_json::to_value(&report)?)?,
        }
        let is_whole = report.problems.is_empty() && report.queues.iter().all(|queue| queue.problem.is_none());
        Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn count(
        &self,
        work: &mut Work<'_>,
        queue: &Queue,
        filter: &Filter,
        found: &mut QueueReport,
        progress: &crate::cli::progress::Progress,
    ) -> Result<(), String> {
        let session = work.session(&queue.arn).await?;
        let url = session.queue_to_read(queue.name()).await.map_err(|error| error.message)?;
        let depths = session.queue_depths(&url).await.map_err(|error| error.to_string())?;
        (found.messages, found.in_flight) = (Some(depths.waiting), Some(depths.in_flight));
        let mut reader = Reader::new(session, queue.name(), HIDDEN);
        let (mut groups, mut read) = (BTreeMap::new(), 0);
        let most = usize::try_from(self.max).unwrap_or(usize::MAX);
        let ended = loop {
            if read >= most {
                break Ok(());
            }
            let letters = match reader.next(most - read).await {
                Ok(letters) if letters.is_empty() => {
                    found.complete = true;
                    break Ok(());
                }
                Ok(letters) => letters,
                Err(error) => break Err(error),
            };
            read += letters.len();
            progress.set(read);
            for letter in &letters {
                let rule = letter.rule_arn.as_ref().and_then(|arn| work.rules.get(arn));
                if filter.admits(letter, rule) {
                    count(&mut groups, work.place(letter), letter);
                }
            }
        };
        let given_back = reader.give_back().await;
        found.letters = groups.into_values().collect();
        ended.and(given_back).map_err(|error| error.message)
    }
}

type Groups = BTreeMap<(Option<String>, Option<String>, Option<String>), Group>;

fn count(groups: &mut Groups, (rule, target): (Option<String>, Option<String>), letter: &Letter) {
    let key = (rule.clone(), target.clone(), letter.error_code.clone());
    let sent = letter.sent_at.map(|at| at.to_string());
    let group = groups.entry(key).or_insert_with(|| Group {
        rule,
        target,
        error_code: letter.error_code.clone(),
        count: 0,
        oldest: sent.clone(),
        newest: sent.clone(),
    });
    group.count += 1;
    let times = [group.oldest.take(), group.newest.take(), sent];
    let times: Vec<_> = times.into_iter().flatten().filter_map(|time| time.parse::<Timestamp>().ok()).collect();
    group.oldest = times.iter().min().map(ToString::to_string);
    group.newest = times.iter().max().map(ToString::to_string);
}
