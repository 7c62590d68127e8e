//! Reports as text. Lines fit 100 columns, except for ARNs and error messages of AWS, which are never cut.

use std::fmt::Write;

use super::report::{Group, Report, Shown};

/// Widest column of names.
const NAMES: usize = 30;

/// Returns the text of `tributary dlq list`.
pub(super) fn list(report: &Report) -> String {
    let mut out = String::new();
    for problem in &report.problems {
        let _ = writeln!(out, "! {problem}");
    }
    if report.queues.is_empty() {
        out.push_str("No rule has a dead-letter queue. Set deadLetter of its targets.\n");
    }
    for queue in &report.queues {
        let _ = match (queue.messages, queue.in_flight) {
            (Some(messages), Some(0) | None) => writeln!(out, "EventSink {}: {messages} messages", queue.sink),
            (Some(messages), Some(hidden)) => writeln!(out, "EventSink {}: {messages} messages, {hidden} in flight", queue.sink),
            (None, _) => writeln!(out, "EventSink {}: not read", queue.sink),
        };
        let _ = writeln!(out, "  {}", queue.arn);
        if let Some(problem) = &queue.problem {
            let _ = writeln!(out, "  ! {problem}");
        }
        if !queue.letters.is_empty() {
            table(&mut out, &queue.letters);
        }
        if !queue.complete && queue.problem.is_none() {
            out.push_str("  Not all messages were read. Raise --max.\n");
        }
    }
    out
}

fn table(out: &mut String, letters: &[Group]) {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
    let mut rows = vec![["RULE", "TARGET", "ERROR CODE", "COUNT", "OLDEST"].map(str::to_owned)];
    rows.extend(letters.iter().map(|group| {
        let oldest = group.oldest.as_deref().map(|time| time.get(..19).map_or_else(|| time.to_owned(), |second| format!("{second}Z")));
        [cut(&text(&group.rule)), cut(&text(&group.target)), cut(&text(&group.error_code)), group.count.to_string(), text(&oldest)]
    }));
    let widths: Vec<usize> = (0..5).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()).collect();
    for row in rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(out, "  {}", cells.join("  ").trim_end());
    }
}

/// Shortens a name; of an ARN its end is kept, which tells it apart.
fn cut(text: &str) -> String {
    let length = text.chars().count();
    if length <= NAMES {
        return text.to_owned();
    }
    let end: String = text.chars().skip(length + 1 - NAMES).collect();
    format!("…{end}")
}

/// Returns the text of `tributary dlq show`.
pub(super) fn show(shown: &[Shown], problems: &[String]) -> String {
    let mut out = String::new();
    for problem in problems {
        let _ = writeln!(out, "! {problem}");
    }
    if shown.is_empty() {
        out.push_str("no messages\n");
    }
    for letter in shown {
        let _ = writeln!(out, "{}", letter.message_id);
        let rows = [
            ("queue", Some(&letter.queue)),
            ("sent", letter.sent_at.as_ref()),
            ("event", letter.event_id.as_ref()),
            ("rule", letter.rule.as_ref()),
            ("target", letter.target.as_ref()),
            ("target ARN", letter.target_arn.as_ref()),
            ("error code", letter.error_code.as_ref()),
            ("error", letter.error_message.as_ref()),
            ("exhausted", letter.exhausted_retry_condition.as_ref()),
            ("retries", letter.retry_attempts.as_ref()),
            ("body", letter.body.as_ref()),
        ];
        for (name, value) in rows {
            let Some(value) = value else { continue };
            let _ = writeln!(out, "  {name:<10}  {}", plain(value));
        }
    }
    out
}

/// Escapes control characters: a message has whatever its sender wrote, and a terminal would act on them.
fn plain(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::dlq::report::QueueReport;

    fn group(rule: &str, code: Option<&str>, count: u64) -> Group {
        Group {
            rule: Some(rule.into()),
            target: Some("t".into()),
            error_code: code.map(str::to_owned),
            count,
            oldest: Some("2026-11-20T10:00:00.123Z".into()),
            newest: None,
        }
    }

    fn queue(letters: Vec<Group>) -> QueueReport {
        let (sink, arn) = ("prod/d".to_owned(), "arn:aws:sqs:eu-west-1:111122223333:d".to_owned());
        QueueReport { sink, arn, messages: Some(12), in_flight: Some(0), complete: true, letters, problem: None }
    }

    #[test]
    fn a_list_is_a_table_that_fits() {
        let long = "arn:aws:events:eu-west-1:111122223333:rule/a-very-long-name-of-a-bus/and-a-very-long-name-of-a-rule";
        let letters = vec![group("prod/r", Some("NO_PERMISSIONS"), 11), group(long, None, 1)];
        let text = list(&Report { queues: vec![queue(letters)], problems: vec![] });
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "EventSink prod/d: 12 messages");
        assert_eq!(lines[2].split_whitespace().collect::<Vec<_>>(), ["RULE", "TARGET", "ERROR", "CODE", "COUNT", "OLDEST"]);
        assert_eq!(lines[3].split_whitespace().collect::<Vec<_>>(), ["prod/r", "t", "NO_PERMISSIONS", "11", "2026-11-20T10:00:00Z"]);
        assert!(lines[4].contains("…") && lines[4].contains("a-very-long-name-of-a-rule"), "{text}");
    }

    #[test]
    fn a_message_cannot_control_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
    }
}
