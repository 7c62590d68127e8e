//! Templates: JSON with variables, or lines of text in double quotes.
use std::collections::BTreeMap;

use super::error::{InputError, InputField, InputWarning, NotDelivered, within};
use super::path::JsonPath;
use super::tree::{self, Content};
use super::values::{EVENT, EVENT_JSON, Value, Values, is_reserved, quote};
use crate::json::{Reader, SyntaxError, Token};

const NEITHER: &str = "is neither JSON nor text in double quotes";

/// A template that AWS accepts.
#[derive(Debug, Clone)]
pub(super) struct Template {
    /// JSON, and not lines of text in double quotes.
    json: bool,
    parts: Vec<Part>,
    /// The keys of the object that the template is.
    pub(super) keys: Option<Vec<String>>,
}

#[derive(Debug, Clone)]
enum Part {
    Literal(String),
    Variable { name: String, quoted: bool },
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// `PutTargets` would refuse it.
    pub(super) fn compile(text: &str, paths: &BTreeMap<String, JsonPath>) -> Result<Self, InputError> {
        within(&InputField::InputTemplate, text, super::MAX_TEXT)?;
        let scanned = Scanned::new(text);
        for (offset, name) in &scanned.variables {
            if !paths.contains_key(*name) && !is_reserved(name) {
                let reason = format!("uses <{name}>, which inputPathsMap does not define");
                let aws = Some(format!("InputTemplate for target {{}} contains invalid placeholder {name}."));
                return Err(InputError { aws, ..InputError::at(InputField::InputTemplate, reason, text, *offset) });
            }
        }
        let json = !text.trim_start().starts_with('"');
        let checked = if json { scanned.check_json() } else { scanned.check_lines().map(|()| None) };
        let keys = checked.map_err(|wrong| InputError::at(InputField::InputTemplate, wrong.reason, text, wrong.offset))?;
        Ok(Self { json, parts: scanned.parts, keys })
    }

    /// Adds what AWS accepts and does not do as it reads.
    pub(super) fn warn(&self, paths: &BTreeMap<String, JsonPath>, warnings: &mut Vec<InputWarning>) {
        let used = |name: &str| self.parts.iter().any(|part| matches!(part, Part::Variable { name: used, .. } if used == name));
        for (name, path) in paths {
            if !used(name) && path.is_evaluated() {
                let field = InputField::Variable(name.clone());
                warnings.push(InputWarning { field, reason: format!("is not used: the template has no <{name}>") });
            }
        }
        for part in &self.parts {
            if let Part::Variable { name, quoted: true } = part
                && matches!(name.as_str(), EVENT | EVENT_JSON)
            {
                let reason = format!("has <{name}> in double quotes, which AWS allows only as a value of JSON: no event is ever delivered");
                warnings.push(InputWarning { field: InputField::InputTemplate, reason });
            }
        }
    }

    /// The text for an event.
    ///
    /// # Errors
    /// EventBridge never delivers it.
    pub(super) fn fill(&self, values: &Values<'_>) -> Result<String, NotDelivered> {
        let (mut out, mut unsafe_in_quotes) = (String::new(), None);
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Variable { name, quoted: false } => out.push_str(&json_of(values.get(name))),
                Part::Variable { name, quoted: true } => {
                    let text = self.bare(name, values.get(name))?;
                    if text.contains(|c: char| matches!(c, '"' | '\\') || c < ' ') {
                        unsafe_in_quotes = unsafe_in_quotes.or(Some(name.clone()));
                    }
                    out.push_str(&text);
                }
            }
        }
        if !self.json {
            return Ok(out);
        }
        match tree::parse(&out) {
            Ok(node) => Ok(node.json()),
            Err(wrong) => Err(NotDelivered::InvalidJson { variable: unsafe_in_quotes, reason: wrong.reason }),
        }
    }

    /// A value inside of double quotes. Values are not escaped.
    fn bare(&self, name: &str, value: Value) -> Result<String, NotDelivered> {
        match value {
            Value::Missing => Ok(String::new()),
            Value::Text(text) | Value::Word(text) => Ok(text),
            // A line of text gets the JSON without its quotes, except for the event itself.
            Value::Json(json, _) if !self.json && !is_reserved(name) => Ok(json.replace('"', "")),
            Value::Json(_, value) => Err(NotDelivered::Quoted { variable: name.to_owned(), value }),
        }
    }
}

/// A value outside of double quotes.
fn json_of(value: Value) -> String {
    match value {
        Value::Missing => "\"\"".to_owned(),
        Value::Text(text) => quote(&text),
        Value::Word(text) | Value::Json(text, _) => text,
    }
}

/// A template with its variables found.
struct Scanned<'t> {
    parts: Vec<Part>,
    /// The variables, and where they begin.
    variables: Vec<(usize, &'t str)>,
    /// The template with other text of the same length in the place of each variable: a string outside of quotes, letters inside.
    filled: String,
}

impl<'t> Scanned<'t> {
    fn new(text: &'t str) -> Self {
        let (mut parts, mut variables, mut filled) = (Vec::new(), Vec::new(), String::new());
        let (mut literal, mut quoted, mut escaped) = (String::new(), false, false);
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if let Some(name) = placeholder(rest) {
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                variables.push((text.len() - rest.len(), name));
                parts.push(Part::Variable { name: name.to_owned(), quoted });
                let end = if quoted { "x" } else { "\"" };
                filled.extend([end, &"x".repeat(name.len()), end]);
                rest = &rest[name.len() + 2..];
                escaped = false;
                continue;
            }
            quoted ^= c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            literal.push(c);
            filled.push(c);
            rest = &rest[c.len_utf8()..];
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Self { parts, variables, filled }
    }

    /// The keys of the object, if it is one.
    fn check_json(&self) -> Result<Option<Vec<String>>, SyntaxError> {
        let neither = |wrong: SyntaxError| SyntaxError { reason: format!("{NEITHER}: {}", wrong.reason), ..wrong };
        let node = tree::parse(&self.filled).map_err(neither)?;
        let mut reader = Reader::new(&self.filled);
        while let Some(token) = reader.next()? {
            if !matches!(token, Token::Key(_)) {
                continue;
            }
            let span = reader.token_start()..reader.position();
            if let Some((offset, name)) = self.variables.iter().find(|(offset, _)| span.contains(offset)) {
                return Err(SyntaxError {
                    reason: format!("uses <{name}> as a key of an object, which AWS does not allow"),
                    offset: *offset,
                });
            }
        }
        Ok(match node.content {
            Content::Object(members) => Some(members.into_iter().map(|(key, _)| key.into_owned()).collect()),
            _ => None,
        })
    }

    fn check_lines(&self) -> Result<(), SyntaxError> {
        let unquoted = self.parts.iter().filter(|part| matches!(part, Part::Variable { .. }));
        let mut unquoted = unquoted.zip(&self.variables).filter(|(part, _)| matches!(part, Part::Variable { quoted: false, .. }));
        if let Some((_, (offset, name))) = unquoted.next() {
            return Err(SyntaxError { reason: format!("{NEITHER}: <{name}> is not in double quotes"), offset: *offset });
        }
        let mut start = 0;
        for line in self.filled.split_inclusive('\n') {
            let offset = start + line.len() - line.trim_start().len();
            start += line.len();
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            match tree::parse(line) {
                Ok(node) if matches!(node.content, Content::Text(_)) => {}
                Ok(_) => return Err(SyntaxError { reason: NEITHER.to_owned(), offset }),
                Err(wrong) => return Err(SyntaxError { reason: format!("{NEITHER}: {}", wrong.reason), offset: offset + wrong.offset }),
            }
        }
        Ok(())
    }
}

/// The name of the placeholder that the text starts with.
fn placeholder(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('<')?.split_once('>')?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (!name.is_empty() && name.chars().all(allowed)).then_some(name)
}
