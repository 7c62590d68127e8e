//! Input of `put-events`: JSON in four forms. Invalid entries are reported by index, and never cause a panic.

use std::io::Read;

use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Number, value::RawValue};

use tributary_aws::{Entry, LARGEST_CALL};

/// One entry of the input and its position.
#[derive(Debug)]
pub(crate) struct Item {
    pub file: String,
    /// Counted from 0 in each file.
    pub index: usize,
    /// The entry, or error code and message.
    pub entry: Result<Entry, (String, String)>,
}

/// An entry in the format of the AWS CLI.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Written {
    source: Option<String>,
    detail_type: Option<String>,
    /// JSON, or JSON in a string. Kept as written: numbers beyond `f64` are preserved.
    detail: Option<Box<RawValue>>,
    event_bus_name: Option<String>,
    time: Option<When>,
    resources: Option<Vec<String>>,
    trace_header: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum When {
    Text(String),
    Epoch(Number),
}

/// Reads a file, or stdin for `-`.
pub(super) fn read(file: &str, bus: &str) -> Result<Vec<Item>, String> {
    let mut bytes = Vec::new();
    let read = if file == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|mut opened| opened.read_to_end(&mut bytes))
    };
    read.map_err(|error| format!("{file}: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|error| format!("{file}: byte {} is not UTF-8", error.utf8_error().valid_up_to()))?;
    parse(file, &text, bus)
}

/// Returns all entries of a text.
///
/// # Errors
/// The text is not JSON: entries after an invalid part cannot be found.
pub(super) fn parse(file: &str, text: &str, bus: &str) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for value in serde_json::Deserializer::from_str(text).into_iter::<Box<RawValue>>() {
        let value = value.map_err(|error| format!("{file}: not JSON: {error}. No events sent."))?;
        for raw in unwrap(&value).map_err(|error| format!("{file}: {error}. No events sent."))? {
            items.push(Item { file: file.to_owned(), index: items.len(), entry: entry(&raw, bus) });
        }
    }
    Ok(items)
}

/// The entries of one JSON value: an array, `{"Entries": [...]}`, or a single entry.
fn unwrap(value: &RawValue) -> Result<Vec<Box<RawValue>>, String> {
    #[derive(Deserialize)]
    struct Wrapped {
        #[serde(rename = "Entries")]
        entries: Option<Vec<Box<RawValue>>>,
    }
    let text = value.get();
    if text.starts_with('[') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    match serde_json::from_str::<Wrapped>(text) {
        Ok(Wrapped { entries: Some(entries) }) => Ok(entries),
        Err(_) if text.starts_with('{') => Err("Entries is not an array".into()),
        // Anything else is reported as an invalid entry, by its index.
        Ok(_) | Err(_) => Ok(vec![value.to_owned()]),
    }
}

fn entry(raw: &RawValue, bus: &str) -> Result<Entry, (String, String)> {
    let invalid = |message: String| ("InvalidEntry".to_owned(), message);
    let written: Written = serde_json::from_str(raw.get()).map_err(|error| invalid(without_place(&error)))?;
    let needed = |name: &str, text: Option<String>| {
        text.filter(|text| !text.is_empty()).ok_or_else(|| invalid(format!("{name} is missing or empty")))
    };
    let detail = written.detail.ok_or_else(|| invalid("Detail is missing".into()))?;
    let entry = Entry {
        bus: written.event_bus_name.filter(|bus| !bus.is_empty()).unwrap_or_else(|| bus.to_owned()),
        source: needed("Source", written.source)?,
        detail_type: needed("DetailType", written.detail_type)?,
        detail: object(detail.get()).ok_or_else(|| invalid("Detail is neither a JSON object nor a string that contains one".into()))?,
        time: written.time.map(|when| moment(&when)).transpose().map_err(invalid)?,
        resources: written.resources.unwrap_or_default(),
        trace_header: written.trace_header,
    };
    if is_partners(&entry.bus) {
        return Err((
            "PartnerBus".into(),
            format!("{} is a partner event bus; only the partner can publish to it. Use a custom bus or the default bus.", entry.bus),
        ));
    }
    let bytes = entry.size();
    if bytes > LARGEST_CALL {
        return Err((
            "EntryTooLarge".into(),
            format!(
                "the entry has {bytes} bytes, more than the limit of {LARGEST_CALL}. Store large data elsewhere, such as in S3, and send a reference."
            ),
        ));
    }
    Ok(entry)
}

/// The text of a JSON object, given as such or within a JSON string.
fn object(detail: &str) -> Option<String> {
    if detail.starts_with('"') {
        let text: String = serde_json::from_str(detail).ok()?;
        let parsed: &RawValue = serde_json::from_str(&text).ok()?;
        return parsed.get().starts_with('{').then_some(text);
    }
    detail.starts_with('{').then(|| compact(detail))
}

/// JSON without the white space between its parts, which counts as size.
fn compact(json: &str) -> String {
    let (mut text, mut quoted, mut escaped) = (String::with_capacity(json.len()), false, false);
    for c in json.chars() {
        if quoted || !c.is_ascii_whitespace() {
            text.push(c);
        }
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && c == '\\' && !escaped;
    }
    text
}

fn moment(when: &When) -> Result<Timestamp, String> {
    let bad = |text: &str| format!("Time {text:?} is neither RFC 3339, such as 2026-03-01T12:00:00Z, nor seconds since 1970");
    match when {
        When::Text(text) => text.parse().or_else(|_| text.parse().ok().and_then(epoch).ok_or_else(|| bad(text))),
        When::Epoch(number) => number.as_f64().and_then(epoch).ok_or_else(|| bad(&number.to_string())),
    }
}

fn epoch(seconds: f64) -> Option<Timestamp> {
    // To the millisecond, as AWS's clients send it.
    let millis = (seconds * 1_000.0).round();
    #[allow(clippy::cast_possible_truncation)] // Checked: beyond it no Timestamp is.
    (millis.abs() < 1e15).then(|| Timestamp::from_millisecond(millis as i64).ok()).flatten()
}

/// By name or ARN.
fn is_partners(bus: &str) -> bool {
    bus.rsplit_once(":event-bus/").map_or(bus, |(_, name)| name).contains('/')
}

/// The place is that within the entry, not within the file.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(said, _)| said.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"Source": "a", "DetailType": "t", "Detail": {"n": 12345678901234567890123, "s": "a \"b\" c"}}"#;

    fn entries(text: &str) -> Vec<Item> {
        parse("f", text, "default").unwrap_or_default()
    }

    fn refused(text: &str) -> String {
        let items = entries(text);
        assert_eq!(items.len(), 1, "{text}");
        items[0].entry.as_ref().err().map(|(code, message)| format!("{code}: {message}")).unwrap_or_default()
    }

    #[test]
    fn every_form_gives_the_same_entries() {
        let lines = format!("{ONE}\n\n{ONE}\n");
        for text in [format!("[{ONE}, {ONE}]"), lines, format!("{{\"Entries\": [{ONE}, {ONE}]}}"), format!("\u{feff}{ONE} [{ONE}]")] {
            let items = entries(&text);
            assert_eq!(items.iter().map(|item| (item.index, item.entry.is_ok())).collect::<Vec<_>>(), [(0, true), (1, true)], "{text}");
            let entry = items[1].entry.as_ref().ok();
            assert_eq!(entry.map(|entry| entry.detail.as_str()), Some(r#"{"n":12345678901234567890123,"s":"a \"b\" c"}"#));
        }
        assert!(entries("").is_empty() && entries("[]").is_empty());
    }

    #[test]
    fn detail_is_an_object_or_the_text_of_one() {
        let with = |detail: &str| format!(r#"{{"Source": "a", "DetailType": "t", "Detail": {detail}}}"#);
        assert_eq!(refused(&with(r#""{\"a\": 1}""#)), "");
        for detail in ["[]", "3", "null", r#""text""#, r#""[1]""#, r#""{\"a\":""#] {
            assert!(refused(&with(detail)).starts_with("InvalidEntry: Detail"), "{detail}");
        }
        let deep = format!("{}1{}", r#"{"d":"#.repeat(5_000), "}".repeat(5_000));
        assert_eq!(refused(&with(&deep)), "", "however deep");
    }

    #[test]
    fn an_error_names_its_entry() {
        assert!(refused(r#"{"source": "a"}"#).contains("unknown field `source`"));
        assert!(refused(r#"{"Source": "", "DetailType": "t", "Detail": {}}"#).contains("Source is missing or empty"));
        assert!(refused("3").contains("InvalidEntry"));
        let partner = r#"{"Source": "a", "DetailType": "t", "Detail": {}, "EventBusName": "aws.partner/benchling.com/acme/app"}"#;
        assert!(refused(partner).starts_with("PartnerBus"));
        assert!(parse("f", &format!("{ONE}\n{{\"Source\":"), "default").is_err(), "a cut file sends nothing");
        assert!(parse("f", r#"{"Entries": 3}"#, "default").is_err());
    }

    #[test]
    fn a_time_is_text_or_seconds() {
        let with = |time: &str| format!(r#"{{"Source": "a", "DetailType": "t", "Detail": {{}}, "Time": {time}}}"#);
        for time in [r#""2026-03-01T12:00:00Z""#, r#""2026-03-01T13:00:00+01:00""#, "1772366400", "1772366400.0", r#""1772366400""#] {
            let items = entries(&with(time));
            let entry = items[0].entry.as_ref().ok();
            assert_eq!(entry.and_then(|entry| entry.time).map(Timestamp::as_second), Some(1_772_366_400), "{time}");
        }
        for time in [r#""yesterday""#, "1e300", "-1e18"] {
            assert!(refused(&with(time)).contains("Time"), "{time}");
        }
    }

    #[test]
    fn entries_that_are_too_large_are_not_sent() {
        let large = format!(r#"{{"Source": "a", "DetailType": "t", "Detail": {{"x": "{}"}}}}"#, "x".repeat(LARGEST_CALL));
        assert!(refused(&large).starts_with("EntryTooLarge"));
    }
}
