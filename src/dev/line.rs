//! What the process reports, one line each: for people, and as JSON. Pure.

use serde_json::{Value, json};

use crate::sync::Row;

/// Longest text of a foreign system in a line, in characters.
const SHOWN: usize = 80;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Whether a sink can be used, at the start and when that changes.
    Sink { sink: String, place: String, problem: Option<(String, String)> },
    /// A verified webhook.
    Webhook { webhook: String, event_type: String, event: String },
    /// A rule matches the event of a webhook, for one of its targets.
    Match { webhook: String, rule: String, target: String, sink: String },
    /// No rule matches the event.
    NoMatch { webhook: String },
    /// The row of an entity is in the table. `is_written`: it was new or older.
    Row { webhook: String, sink: String, row: Row, is_written: bool },
    /// The sink does not sync the schema of the entity.
    Skipped { webhook: String, sink: String },
    /// The target does not get the event.
    Problem { webhook: String, target: String, reason: String, message: String, is_sent_again: bool },
    /// The answer to a request.
    Reply { webhook: Option<String>, path: String, status: u16, text: String },
}

/// How lines look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) is_colored: bool,
}

const RED: u8 = 31;
const GREEN: u8 = 32;
const YELLOW: u8 = 33;

impl Style {
    fn paint(self, color: u8, text: &str) -> String {
        if self.is_colored { format!("\x1b[{color}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Returns foreign text without control characters, cut to a length that fits a line.
fn shown(text: &str) -> String {
    let mut all = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let cut: String = all.by_ref().take(SHOWN).collect();
    if all.next().is_some() { format!("{cut}...") } else { cut }
}

impl Line {
    fn webhook(&self) -> Option<&str> {
        match self {
            Self::Sink { .. } => None,
            Self::Webhook { webhook, .. }
            | Self::Match { webhook, .. }
            | Self::NoMatch { webhook }
            | Self::Row { webhook, .. }
            | Self::Skipped { webhook, .. }
            | Self::Problem { webhook, .. } => Some(webhook),
            Self::Reply { webhook, .. } => webhook.as_deref(),
        }
    }

    /// Returns the line for people. `time` is a time of day.
    pub(crate) fn text(&self, time: &str, style: Style) -> String {
        let (word, color, rest) = match self {
            Self::Sink { sink, place, problem: None } => ("ready", GREEN, format!("EventSink {sink}: {place}")),
            Self::Sink { sink, problem: Some((reason, message)), .. } => ("error", RED, format!("EventSink {sink}: {reason}: {message}")),
            Self::Webhook { event_type, event, .. } => ("event", 0, format!("{} {}", shown(event_type), shown(event))),
            Self::Match { rule, target, sink, .. } => ("match", GREEN, format!("EventRule {rule}, target {target} -> EventSink {sink}")),
            Self::NoMatch { .. } => ("no match", YELLOW, "no rule matches the event".into()),
            Self::Row { sink, row, is_written, .. } => {
                let value = row.value.as_ref().map_or(String::new(), |value| format!(", value {:?}", shown(value)));
                let (word, archived) =
                    (if *is_written { "row" } else { "same row" }, if row.archived.is_some() { ", archived" } else { "" });
                (word, GREEN, format!("{} {:?}{value}{archived} in EventSink {sink}", shown(&row.id), shown(&row.name)))
            }
            Self::Skipped { sink, .. } => ("skipped", YELLOW, format!("EventSink {sink} does not sync the schema of the entity")),
            Self::Problem { target, reason, message, is_sent_again, .. } => {
                let next = if *is_sent_again { " Benchling sends the webhook again." } else { "" };
                ("error", RED, format!("{target}: {reason}: {}{next}", message.replace('\n', " ")))
            }
            Self::Reply { path, status, text, .. } => {
                let color = if *status < 300 { GREEN } else { RED };
                ("reply", color, format!("{status} {text}{}", hint(*status, path)))
            }
        };
        let webhook = self.webhook().map(|webhook| format!("{} ", shown(webhook))).unwrap_or_default();
        let word = if color == 0 { format!("{word:8}") } else { style.paint(color, &format!("{word:8}")) };
        format!("{time} {webhook}{word} {rest}")
    }

    /// Returns the line as JSON. `time` is in RFC 3339.
    pub(crate) fn json(&self, time: &str) -> Value {
        let mut line = match self {
            Self::Sink { sink, place, problem } => {
                let (reason, message) = problem.clone().unzip();
                json!({"type": "sink", "sink": sink, "database": place, "ready": problem.is_none(), "reason": reason, "message": message})
            }
            Self::Webhook { event_type, event, .. } => json!({"type": "event", "eventType": event_type, "event": event}),
            Self::Match { rule, target, sink, .. } => json!({"type": "match", "rule": rule, "target": target, "sink": sink}),
            Self::NoMatch { .. } => json!({"type": "noMatch"}),
            Self::Row { sink, row, is_written, .. } => json!({"type": "row", "sink": sink, "entity": row.id, "name": row.name,
                "value": row.value, "schema": row.schema, "modifiedAt": row.modified_at.to_string(), "archived": row.archived, "written": is_written}),
            Self::Skipped { sink, .. } => json!({"type": "skipped", "sink": sink}),
            Self::Problem { target, reason, message, is_sent_again, .. } => {
                json!({"type": "error", "target": target, "reason": reason, "message": message, "sentAgain": is_sent_again})
            }
            Self::Reply { path, status, text, .. } => json!({"type": "reply", "path": path, "status": status, "text": text}),
        };
        line["time"] = time.into();
        line["webhook"] = self.webhook().into();
        line
    }
}

/// Returns the next step after a rejected request.
fn hint(status: u16, path: &str) -> String {
    match status {
        401 => ". Compare the App Definition ID with the one in Benchling, and the clock of this machine with the time.".into(),
        404 => format!(" ({}). Compare the Webhook URL, the App Definition ID and the tenant with those in Benchling.", shown(path)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { is_colored: false };

    fn row() -> Row {
        let modified_at = k8s_openapi::jiff::Timestamp::UNIX_EPOCH;
        let name = "pUC19\u{1b}[2J\nx".to_owned();
        Row { id: "bfi_1".into(), name, value: Some("v".repeat(200)), schema: None, modified_at, archived: None }
    }

    #[test]
    fn foreign_text_stays_on_its_line_and_is_cut() {
        let line = Line::Row { webhook: "wh_1\n\u{7}".into(), sink: "ns/table".into(), row: row(), is_written: true };
        let text = line.text("12:00:00", PLAIN);
        assert!(!text.contains(['\n', '\u{7}', '\u{1b}']), "{text:?}");
        assert!(text.starts_with("12:00:00 wh_1   row      bfi_1 \"pUC19 [2J x\", value \"vvv") && text.contains("v...\""), "{text}");
        assert_eq!(line.json("t")["value"].as_str().map(str::len), Some(200), "JSON has all of it");
    }

    #[test]
    fn color_is_only_where_it_is_wanted() {
        let line = Line::NoMatch { webhook: "wh_1".into() };
        assert!(line.text("t", Style { is_colored: true }).contains("\x1b[33mno match\x1b[0m"));
        assert!(!line.text("t", PLAIN).contains('\x1b'));
    }

    #[test]
    fn a_rejected_request_has_a_next_step() {
        let reply = |status| Line::Reply { webhook: None, path: "/x".into(), status, text: "why".into() }.text("t", PLAIN);
        assert!(reply(401).contains("App Definition ID") && reply(404).contains("(/x)"));
        assert!(reply(200).ends_with("200 why"));
    }
}
