//! `tributary dlq show`: single messages, which stay in their queue.

use std::{
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
    report::Shown,
    text,
};
use crate::cli::Error;

/// Messages that are received in each queue at most, to find those that a filter admits.
const RECEIVED: usize = 1000;

/// Exits with 1 if a queue could not be read.
#[derive(Args, Debug)]
pub(super) struct Show {
    #[command(flatten)]
    source: SourceFlags,
    #[command(flatten)]
    filter: FilterFlags,
    /// Maximum number of messages to show.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    max: u32,
    /// Print the events too. They can contain confidential data.
    #[arg(long)]
    body: bool,
    /// Format of the report.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Show {
    pub(super) async fn run(&self) -> Result<ExitCode, Error> {
        let mut work = Work::read(&self.source).await?;
        let (filter, queues) = (self.filter.filter(Timestamp::now()), work.queues.clone());
        let (mut shown, mut problems) = (Vec::new(), work.problems.clone());
        for queue in queues {
            if let Err(problem) = self.read(&mut work, &queue, &filter, &mut shown).await {
                problems.push(format!("EventSink {}: {problem}", queue.sink));
            }
        }
        let mut out = stdout().lock();
        match self.output {
            Output::Text => out.write_all(text::show(&shown, &problems).as_bytes())?,
            Output::Json => writeln!(out, "{:#}", serde_json::json!({"letters": shown, "problems": problems}))?,
        }
        Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn read(&self, work: &mut Work<'_>, queue: &Queue, filter: &Filter, shown: &mut Vec<Shown>) -> Result<(), String> {
        let most = usize::try_from(self.max).unwrap_or(usize::MAX);
        if shown.len() >= most {
            return Ok(());
        }
        let session = work.session(&queue.arn).await?;
        let mut reader = Reader::new(session, queue.name(), HIDDEN);
        let mut received = 0;
        let ended = loop {
            let letters = match reader.next(10).await {
                Ok(letters) if letters.is_empty() => break Ok(()),
                Ok(letters) => letters,
                Err(error) => break Err(error),
            };
            received += letters.len();
            for letter in letters {
                let rule = letter.rule_arn.as_ref().and_then(|arn| work.rules.get(arn));
                if shown.len() < most && filter.admits(&letter, rule) {
                    shown.push(self.shown(queue, work.place(&letter), letter));
                }
            }
            if shown.len() >= most || received >= RECEIVED {
                break Ok(());
            }
        };
        let given_back = reader.give_back().await;
        ended.and(given_back).map_err(|error| error.message)
    }

    fn shown(&self, queue: &Queue, (rule, target): (Option<String>, Option<String>), letter: Letter) -> Shown {
        Shown {
            queue: queue.sink.clone(),
            event_id: letter.event_id(),
            message_id: letter.message_id,
            sent_at: letter.sent_at.map(|at| at.to_string()),
            rule,
            target,
            rule_arn: letter.rule_arn,
            target_arn: letter.target_arn,
            error_code: letter.error_code,
            error_message: letter.error_message,
            exhausted_retry_condition: letter.exhausted_retry_condition,
            retry_attempts: letter.retry_attempts,
            body: self.body.then_some(letter.body),
        }
    }
}
