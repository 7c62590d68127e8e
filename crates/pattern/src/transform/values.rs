//! The values of a template's variables in an event.
use std::collections::BTreeMap;

use super::Context;
use super::path::{Found, JsonPath};
use super::tree::{Content, Node};

/// The variable of the event without `detail`.
pub(super) const EVENT: &str = "aws.events.event";
/// The variable of the whole event.
pub(super) const EVENT_JSON: &str = "aws.events.event.json";
const RULE_ARN: &str = "aws.events.rule-arn";
const RULE_NAME: &str = "aws.events.rule-name";
const INGESTION_TIME: &str = "aws.events.event.ingestion-time";

/// Whether AWS defines the variable.
pub(super) fn is_reserved(name: &str) -> bool {
    matches!(name, EVENT | EVENT_JSON | RULE_ARN | RULE_NAME | INGESTION_TIME)
}

/// Keys of `<aws.events.event>` in the order in which AWS writes them (docs/aws-facts.md, X5).
const EVENT_ORDER: [&str; 8] = ["id", "account", "detail-type", "time", "source", "region", "resources", "version"];

/// The value of a variable.
#[derive(Debug)]
pub(super) enum Value {
    /// The event has no value at its path.
    Missing,
    Text(String),
    /// A number, `true`, `false` or `null`, as the event spells it.
    Word(String),
    /// An object or array, as JSON without space.
    Json(String, &'static str),
}

/// The values of all variables.
pub(super) struct Values<'v> {
    paths: &'v BTreeMap<String, JsonPath>,
    root: &'v Node<'v>,
    context: &'v Context<'v>,
}

impl<'v> Values<'v> {
    pub(super) fn new(paths: &'v BTreeMap<String, JsonPath>, root: &'v Node<'v>, context: &'v Context<'v>) -> Self {
        Self { paths, root, context }
    }

    /// The value of a variable.
    pub(super) fn get(&self, name: &str) -> Value {
        match name {
            RULE_ARN => Value::Text(self.context.rule_arn.to_owned()),
            RULE_NAME => Value::Text(self.context.rule_name.to_owned()),
            INGESTION_TIME => Value::Text(self.context.ingestion_time.to_owned()),
            EVENT => Value::Json(self.event_without_detail(), "the event"),
            EVENT_JSON => Value::Json(self.root.json(), "the event"),
            _ => self.paths.get(name).and_then(|path| path.find(self.root)).map_or(Value::Missing, |found| value(&found)),
        }
    }

    /// The variables without a value, sorted.
    pub(super) fn missing(&self) -> Vec<String> {
        self.paths.iter().filter(|(_, path)| path.find(self.root).is_none()).map(|(name, _)| name.clone()).collect()
    }

    fn event_without_detail(&self) -> String {
        let Content::Object(members) = &self.root.content else {
            return "{}".to_owned();
        };
        let others = members.iter().map(|(key, _)| key.as_ref()).filter(|key| *key != "detail" && !EVENT_ORDER.contains(key));
        let all = EVENT_ORDER.into_iter().chain(others).filter_map(|key| {
            let name = if key == "detail-type" { "detailType" } else { key };
            self.root.member(key).map(|node| format!("{}:{}", quote(name), node.json()))
        });
        format!("{{{}}}", all.collect::<Vec<_>>().join(","))
    }
}

fn value(found: &Found<'_>) -> Value {
    match found {
        Found::Many(_) => Value::Json(found.json(), "an array"),
        Found::One(node) => match &node.content {
            Content::Object(_) => Value::Json(node.json(), "an object"),
            Content::Array(_) => Value::Json(node.json(), "an array"),
            Content::Text(text) => Value::Text(text.to_string()),
            Content::Word => Value::Word(node.json()),
        },
    }
}

/// A text as JSON.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => out.extend(["\\u", &format!("{:04x}", u32::from(c))]),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
