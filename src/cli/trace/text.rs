//! A trace as a tree of at most 100 columns.

use std::fmt::Write as _;

use tributary_core::trace::{
    Attempt, AttemptResult, IngestionStatus, MatchingStatus, Moment, Outcome, RuleTrace, StepError, TargetOutcome, TargetTrace, Trace,
};

use crate::cli::{
    columns::{continued, cut, pad, prefix, width, wrap},
    trace::{
        logging::{Level, Logging},
        names::Names,
    },
};

/// Widest line.
const WIDTH: usize = 100;
/// Most lines of one error.
const ERROR_LINES: usize = 4;
/// Narrowest error, in a deep tree.
const NARROWEST: usize = 40;

/// What a row is about, for its sign and color.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Good,
    Bad,
    Waiting,
    Unknown,
}

/// A step.
struct Row {
    mark: Mark,
    text: String,
    at: Option<Moment>,
    error: Option<String>,
    children: Vec<Row>,
}

impl Row {
    fn new(mark: Mark, text: impl Into<String>, at: Option<Moment>) -> Self {
        Self { mark, text: text.into(), at, error: None, children: vec![] }
    }

    fn with_error(self, error: Option<&StepError>) -> Self {
        Self { error: error.map(in_words), ..self }
    }
}

/// Returns the trace as a tree, with a line of what and when above it.
pub(super) fn text(trace: &Trace, names: &Names, is_colored: bool) -> String {
    let source = trace.source.as_deref().map(|source| format!(", source {source}")).unwrap_or_default();
    let of_type = trace.detail_type.as_deref().map_or_else(String::new, |type_| format!("  {type_}{source}"));
    let mut out = printable(&format!("{}{of_type}", trace.event_id), WIDTH) + "\n";
    let (mark, outcome) = outcome(trace.outcome);
    let start = trace.ingestion.at.unwrap_or(trace.first_record_at);
    let head = printable(&format!("{}, {start}", names.label(&trace.bus_arn)), WIDTH - width(outcome) - 4);
    let _ = writeln!(out, "{}  {head}", painted(mark, &format!("{} {outcome}", sign(mark)), is_colored));
    let rows = rows(trace, names);
    write_rows(&mut out, &rows, &mut vec![], start, is_colored);
    out
}

fn outcome(outcome: Outcome) -> (Mark, &'static str) {
    match outcome {
        Outcome::Delivered => (Mark::Good, "Delivered"),
        Outcome::NoRuleMatched => (Mark::Bad, "No rule matched"),
        Outcome::InProgress => (Mark::Waiting, "In progress"),
        Outcome::DeadLettered => (Mark::Bad, "Dead-lettered"),
        Outcome::Lost => (Mark::Bad, "Lost"),
        Outcome::Rejected => (Mark::Bad, "Rejected"),
        Outcome::Unknown => (Mark::Unknown, "Unknown"),
    }
}

fn rows(trace: &Trace, names: &Names) -> Vec<Row> {
    let logging = names.logging(&trace.bus_arn);
    let ingestion = &trace.ingestion;
    let ingested = match ingestion.status {
        IngestionStatus::Accepted => Row::new(Mark::Good, "ingested", ingestion.at),
        IngestionStatus::Received => Row::new(Mark::Waiting, "received by the bus", ingestion.at),
        IngestionStatus::Rejected => Row::new(Mark::Bad, "rejected by the bus", ingestion.at).with_error(ingestion.error.as_ref()),
        IngestionStatus::NotLogged => Row::new(Mark::Unknown, logging.missing("ingestion", Level::Info), None),
    };
    let matching = match trace.matching.status {
        MatchingStatus::NoRuleMatched => Some(Row::new(Mark::Bad, "no rule matched", trace.matching.at)),
        MatchingStatus::Started => Some(Row::new(Mark::Waiting, "matching of rules began", trace.matching.at)),
        MatchingStatus::NotLogged if trace.rules.is_empty() && ingestion.status != IngestionStatus::Rejected => {
            Some(Row::new(Mark::Unknown, logging.missing("matching of rules", Level::Info), None))
        }
        MatchingStatus::NotLogged | MatchingStatus::Matched => None,
    };
    std::iter::once(ingested).chain(matching).chain(trace.rules.iter().map(|rule| rule_row(rule, names, &logging))).collect()
}

fn rule_row(rule: &RuleTrace, names: &Names, logging: &Logging) -> Row {
    let targets: Vec<Row> = rule.targets.iter().map(|target| target_row(target, &rule.rule_arn, names, logging)).collect();
    let mark = match targets.iter().map(|target| target.mark).max_by_key(|mark| mark.weight()) {
        Some(mark) if mark != Mark::Good => mark,
        _ => Mark::Good,
    };
    let name = if rule.rule_arn.is_empty() { "a rule".to_owned() } else { names.label(&rule.rule_arn) };
    Row { children: targets, ..Row::new(mark, format!("{name} matched"), rule.matched_at) }
}

fn target_row(target: &TargetTrace, rule: &str, names: &Names, logging: &Logging) -> Row {
    let attempts = target.total_attempts.unwrap_or_else(|| i64::try_from(target.attempts.len()).unwrap_or(i64::MAX));
    let (mark, state) = match target.outcome {
        TargetOutcome::Delivered if attempts > 1 => (Mark::Good, format!("delivered at attempt {attempts}")),
        TargetOutcome::Delivered => (Mark::Good, "delivered".to_owned()),
        TargetOutcome::DeadLettered => (Mark::Bad, format!("not delivered after {}", counted(attempts))),
        TargetOutcome::Failed => (Mark::Bad, format!("lost after {}", counted(attempts))),
        TargetOutcome::Retrying => (Mark::Waiting, format!("{} failed, to be retried", counted(attempts))),
        TargetOutcome::Started => (Mark::Waiting, "delivery began".to_owned()),
        TargetOutcome::Pending => (Mark::Waiting, "delivery not logged yet".to_owned()),
    };
    let name = if target.target_arn.is_empty() { "a target".to_owned() } else { names.label(&target.target_arn) };
    let mut row = Row::new(mark, format!("{name}: {state}"), target.ended_at.or(target.started_at));
    row.children = target.attempts.iter().enumerate().map(|(index, attempt)| attempt_row(index + 1, attempt)).collect();
    match target.outcome {
        TargetOutcome::DeadLettered => {
            let queue = names.dead_letter(rule, &target.target_arn).map_or_else(String::new, |queue| format!(" {queue}"));
            let sent = Row::new(
                Mark::Bad,
                format!("sent to the dead-letter queue{queue}{}", status(target.final_status.as_ref())),
                target.ended_at,
            );
            row.children.push(last_error(sent, target));
        }
        TargetOutcome::Failed => {
            let text = match &target.dead_letter_error {
                Some(_) => "dropped: the dead-letter queue did not take it",
                None => "dropped: no dead-letter queue took it",
            };
            let dropped = Row::new(Mark::Bad, format!("{text}{}", status(target.final_status.as_ref())), target.ended_at);
            row.children.push(match &target.dead_letter_error {
                Some(error) => dropped.with_error(Some(error)),
                None => last_error(dropped, target),
            });
        }
        TargetOutcome::Retrying if logging.level == Some(Level::Error) => {
            row.children.push(Row::new(Mark::Unknown, logging.missing("a later success", Level::Info), None));
        }
        _ => {}
    }
    row
}

/// Adds the error of the delivery, unless the last attempt shows it.
fn last_error(row: Row, target: &TargetTrace) -> Row {
    let is_shown = target.attempts.last().is_some_and(|attempt| attempt.error == target.error);
    if is_shown { row } else { row.with_error(target.error.as_ref()) }
}

fn attempt_row(number: usize, attempt: &Attempt) -> Row {
    let (mark, result) = match attempt.result {
        AttemptResult::Succeeded => (Mark::Good, "succeeded"),
        AttemptResult::RetryableFailure => (Mark::Bad, "failed, retryable"),
        AttemptResult::PermanentFailure => (Mark::Bad, "failed, permanent"),
        AttemptResult::Throttled => (Mark::Bad, "throttled"),
        AttemptResult::Started => (Mark::Waiting, "began"),
    };
    let took = attempt.target_duration_ms.map(|ms| format!(", target took {ms} ms")).unwrap_or_default();
    let status = if attempt.result == AttemptResult::Succeeded { String::new() } else { status(attempt.status.as_ref()) };
    Row::new(mark, format!("attempt {number} {result}{took}{status}"), attempt.ended_at.or(attempt.started_at))
        .with_error(attempt.error.as_ref())
}

fn status(status: Option<&String>) -> String {
    status.map(|status| format!(" ({status})")).unwrap_or_default()
}

fn counted(attempts: i64) -> String {
    if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") }
}

/// The error in the words of the service, and which service that is.
fn in_words(error: &StepError) -> String {
    let status = error.http_status.map(|status| format!("HTTP {status}"));
    let origin: Vec<String> = error.service.clone().into_iter().chain(status).collect();
    let origin = if origin.is_empty() { String::new() } else { format!(" ({})", origin.join(", ")) };
    let message = if error.message.is_empty() { "no message" } else { &error.message };
    format!("{message}{origin}")
}

fn write_rows(out: &mut String, rows: &[Row], branches: &mut Vec<bool>, start: Moment, is_colored: bool) {
    for (index, row) in rows.iter().enumerate() {
        branches.push(index + 1 == rows.len());
        let before = prefix(branches);
        let offset = row.at.map(|at| offset(at.0.saturating_sub(start.0))).unwrap_or_default();
        let column = WIDTH - width(&before) - 2 - if offset.is_empty() { 0 } else { width(&offset) + 1 };
        let text = pad(&printable(&row.text, column), column);
        let line = format!("{before}{} {text} {offset}", painted(row.mark, sign(row.mark), is_colored));
        let _ = writeln!(out, "{}", line.trim_end());
        let before = continued(branches, !row.children.is_empty());
        let room = WIDTH.saturating_sub(width(&before)).max(NARROWEST);
        let lines = row.error.as_ref().map(|error| wrap(&printable(error, usize::MAX), room)).unwrap_or_default();
        for (index, line) in lines.iter().take(ERROR_LINES).enumerate() {
            let is_cut = index + 1 == ERROR_LINES && lines.len() > ERROR_LINES;
            let line = if is_cut { cut(line, room - 1) + "…" } else { line.clone() };
            let _ = writeln!(out, "{before}{line}");
        }
        write_rows(out, &row.children, branches, start, is_colored);
        branches.pop();
    }
}

/// Returns the time since the start as people say it.
fn offset(ms: i64) -> String {
    let (sign, ms) = (if ms < 0 { '-' } else { '+' }, ms.unsigned_abs());
    match ms {
        0..1_000 => format!("{sign}{ms} ms"),
        1_000..120_000 => format!("{sign}{}.{} s", ms / 1_000, ms % 1_000 / 100),
        120_000..7_200_000 => format!("{sign}{} min", ms / 60_000),
        _ => format!("{sign}{} h", ms / 3_600_000),
    }
}

/// Returns the text without control characters, which come from services and could change the terminal, and not longer than this.
fn printable(text: &str, most: usize) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut(&text, most)
}

impl Mark {
    fn weight(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Unknown => 1,
            Self::Waiting => 2,
            Self::Bad => 3,
        }
    }
}

fn sign(mark: Mark) -> &'static str {
    match mark {
        Mark::Good => "✓",
        Mark::Bad => "✗",
        Mark::Waiting => "…",
        Mark::Unknown => "?",
    }
}

fn painted(mark: Mark, text: &str, is_colored: bool) -> String {
    let color = match mark {
        Mark::Good => 32,
        Mark::Bad => 31,
        Mark::Waiting | Mark::Unknown => 33,
    };
    if is_colored { format!("\x1b[{color}m{text}\x1b[0m") } else { text.to_owned() }
}
