//! Output of `put-events`: the result of each entry.

use std::io::{self, Write};

use serde_json::{Value, json};

use tributary_aws::Answer;

use crate::cli::put_events::input::Item;

/// Counts of the whole run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) entries: usize,
    /// Sent to AWS at least once.
    pub(super) sent: usize,
    pub(super) accepted: usize,
    pub(super) failed: usize,
}

pub(super) fn summary(answers: &[Answer], sent: usize) -> Summary {
    let accepted = answers.iter().filter(|answer| answer.is_ok()).count();
    Summary { entries: answers.len(), sent, accepted, failed: answers.len() - accepted }
}

/// Writes a table of failed entries, and the counts.
pub(super) fn text(out: &mut impl Write, items: &[Item], answers: &[Answer], summary: &Summary) -> io::Result<()> {
    let failed = items.iter().zip(answers).filter_map(|(item, answer)| Some((item, answer.as_ref().err()?)));
    let rows: Vec<_> =
        failed.map(|(item, (code, message))| [item.file.clone(), item.index.to_string(), code.clone(), message.clone()]).collect();
    if !rows.is_empty() {
        let head = ["FILE", "INDEX", "CODE", "MESSAGE"];
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).chain([head[column].len()]).max().unwrap_or(0);
        let (file, index, code) = (width(0), width(1), width(2));
        for [a, b, c, d] in std::iter::once(&head.map(str::to_owned)).chain(&rows) {
            writeln!(out, "{a:file$}  {b:>index$}  {c:code$}  {d}")?;
        }
    }
    writeln!(out, "{} entries: {} sent, {} accepted, {} failed", summary.entries, summary.sent, summary.accepted, summary.failed)
}

/// Writes one JSON document with the `EventId` or error of each entry.
pub(super) fn json(out: &mut impl Write, items: &[Item], answers: &[Answer], summary: &Summary) -> io::Result<()> {
    let entries: Vec<Value> = items
        .iter()
        .zip(answers)
        .map(|(item, answer)| match answer {
            Ok(id) => json!({"file": item.file, "index": item.index, "eventId": id}),
            Err((code, message)) => json!({"file": item.file, "index": item.index, "errorCode": code, "errorMessage": message}),
        })
        .collect();
    let Summary { entries: all, sent, accepted, failed } = summary;
    let document = json!({"summary": {"entries": all, "sent": sent, "accepted": accepted, "failed": failed}, "entries": entries});
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_named_and_counted() {
        let item = |index| Item { file: "f.json".into(), index, entry: Err((String::new(), String::new())) };
        let (items, answers) = ([item(0), item(1)], [Ok("id".to_owned()), Err(("MalformedDetail".into(), "Detail is malformed.".into()))]);
        let summary = summary(&answers, 2);
        assert_eq!(summary, Summary { entries: 2, sent: 2, accepted: 1, failed: 1 });
        let mut out = Vec::new();
        assert!(text(&mut out, &items, &answers, &summary).is_ok());
        let output = String::from_utf8_lossy(&out).into_owned();
        assert!(
            output.contains("f.json      1  MalformedDetail  Detail is malformed.") && output.contains("1 accepted, 1 failed"),
            "{output}"
        );
        let mut out = Vec::new();
        assert!(json(&mut out, &items, &answers, &summary).is_ok());
        let output: Value = serde_json::from_slice(&out).unwrap_or_default();
        assert_eq!(
            (output["entries"][0]["eventId"].as_str(), output["entries"][1]["errorCode"].as_str()),
            (Some("id"), Some("MalformedDetail"))
        );
    }
}
