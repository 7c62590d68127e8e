//! An event as a tree of JSON values that keep their spelling.
use std::borrow::Cow;

use crate::json::{Reader, SyntaxError, Token};

/// A value and its text.
#[derive(Debug)]
pub(super) struct Node<'a> {
    raw: &'a str,
    pub(super) content: Content<'a>,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Content<'a> {
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
    Array(Vec<Node<'a>>),
    Text(Cow<'a, str>),
    /// A number, `true`, `false` or `null`, as it is spelled.
    Word,
}

impl<'a> Node<'a> {
    pub(super) fn is_object(&self) -> bool {
        matches!(self.content, Content::Object(_))
    }

    /// The member of an object. Of equal keys the last one counts.
    pub(super) fn member(&self, key: &str) -> Option<&Node<'a>> {
        match &self.content {
            Content::Object(members) => members.iter().rev().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// Its JSON without space between the parts.
    pub(super) fn json(&self) -> String {
        let (mut out, mut quoted, mut escaped) = (String::with_capacity(self.raw.len()), false, false);
        for c in self.raw.chars() {
            if quoted || !c.is_ascii_whitespace() {
                out.push(c);
            }
            quoted ^= c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
        }
        out
    }
}

/// An object or array that is open: where it began, the key that its value belongs to, and what it has so far.
struct Open<'a> {
    start: usize,
    key: Option<Cow<'a, str>>,
    content: Content<'a>,
}

/// Reads a text that is one JSON value and nothing else.
pub(super) fn parse(text: &str) -> Result<Node<'_>, SyntaxError> {
    let mut reader = Reader::new(text);
    let (mut open, mut key): (Vec<Open<'_>>, Option<Cow<'_, str>>) = (Vec::new(), None);
    let mut root = None;
    while let Some(token) = reader.next()? {
        let start = reader.token_start();
        if root.is_some() {
            return Err(SyntaxError { reason: "unexpected text after the end of the value".to_owned(), offset: start });
        }
        let (key_of_node, node) = match token {
            Token::Key(name) => {
                key = Some(name);
                continue;
            }
            Token::StartObject | Token::StartArray => {
                let content = if token == Token::StartObject { Content::Object(Vec::new()) } else { Content::Array(Vec::new()) };
                open.push(Open { start, key: key.take(), content });
                continue;
            }
            Token::EndObject | Token::EndArray => {
                let Some(closed) = open.pop() else { continue };
                (closed.key, Node { raw: &text[closed.start..reader.position()], content: closed.content })
            }
            Token::Text(value) => (key.take(), Node { raw: &text[start..reader.position()], content: Content::Text(value) }),
            Token::Number(_) | Token::True | Token::False | Token::Null => {
                (key.take(), Node { raw: &text[start..reader.position()], content: Content::Word })
            }
        };
        match open.last_mut().map(|around| &mut around.content) {
            Some(Content::Object(members)) => members.push((key_of_node.unwrap_or_default(), node)),
            Some(Content::Array(elements)) => elements.push(node),
            _ => root = Some(node),
        }
    }
    root.ok_or_else(|| SyntaxError { reason: "the text is empty".to_owned(), offset: 0 })
}
