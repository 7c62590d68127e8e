//! An event as patterns see it: the leaves that a pattern names, each with the array elements that it lies in.
use std::rc::Rc;

use crate::error::{EventError, line_and_column};
use crate::expression::Value;
use crate::hash::Map;
use crate::json::{Reader, SyntaxError, Token};

/// The elements that a leaf lies in: pairs of an array's number and an index, outermost first. Leaves of one element share it.
pub(crate) type Membership = Rc<[(u32, u32)]>;

/// A leaf of an event.
#[derive(Debug)]
pub(crate) struct Leaf<'a> {
    pub(crate) value: Value<'a>,
    pub(crate) membership: Membership,
}

/// The names that a pattern asks for, as a tree of the parts between dots. Node 0 is the event.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    nodes: Vec<NameNode>,
    /// Whether some path has an empty part that is not at its end. Without one, AWS's matcher passes over empty keys.
    empty_keys: bool,
}

#[derive(Debug, Clone, Default)]
struct NameNode {
    parts: Map<String, usize>,
    /// The place of the path that ends here among the pattern's paths.
    place: Option<usize>,
}

impl Default for Names {
    fn default() -> Self {
        Self { nodes: vec![NameNode::default()], empty_keys: false }
    }
}

impl Names {
    /// Names of paths that are sorted and distinct.
    pub(crate) fn new<'p>(paths: impl Iterator<Item = &'p str>) -> Self {
        let mut names = Self::default();
        for (place, path) in paths.enumerate() {
            let mut node = 0;
            for part in path.split('.') {
                let next = names.nodes.len();
                node = *names.nodes[node].parts.entry(part.to_owned()).or_insert(next);
                if node == next {
                    names.nodes.push(NameNode::default());
                }
            }
            names.nodes[node].place = Some(place);
            let key = path.trim_end_matches('.');
            names.empty_keys |= path.is_empty() || (!key.is_empty() && key.split('.').any(str::is_empty));
        }
        names
    }

    /// How many paths there are.
    fn count(&self) -> usize {
        self.nodes.iter().filter(|node| node.place.is_some()).count()
    }

    /// The node that a key leads to. A key with dots counts as several.
    fn below(&self, node: usize, key: &str) -> Option<usize> {
        if key.is_empty() && !self.empty_keys {
            return None;
        }
        match self.nodes[node].parts.get(key) {
            None if key.contains('.') => key.split('.').try_fold(node, |node, part| self.nodes[node].parts.get(part).copied()),
            found => found.copied(),
        }
    }
}

/// The leaves of an event that a pattern names, in the places of its paths.
///
/// # Errors
/// The text is no JSON object. What follows the object is not read.
pub(crate) fn leaves<'a>(text: &'a str, names: &Names) -> Result<Vec<Vec<Leaf<'a>>>, EventError> {
    let mut walk = Walk {
        reader: Reader::new(text),
        names,
        node: 0,
        membership: Vec::new(),
        shared: None,
        open: Vec::new(),
        arrays: 0,
        found: std::iter::repeat_with(Vec::new).take(names.count()).collect(),
    };
    walk.event().map_err(|error| {
        let (line, column) = line_and_column(text, error.offset);
        EventError { reason: error.reason, line, column }
    })?;
    Ok(walk.found)
}

/// A container that the walk is in.
enum Open {
    /// An object, and the node of its path.
    Object { node: usize },
    /// An array: its number, and the index of the next element.
    Array { number: u32, index: u32 },
}

struct Walk<'a, 'n> {
    reader: Reader<'a>,
    names: &'n Names,
    /// The node of the value that is read.
    node: usize,
    membership: Vec<(u32, u32)>,
    /// The membership, once a leaf has it.
    shared: Option<Membership>,
    open: Vec<Open>,
    arrays: u32,
    found: Vec<Vec<Leaf<'a>>>,
}

impl<'a> Walk<'a, '_> {
    /// Walks the whole event without recursion: events may be as deep as the reader allows.
    fn event(&mut self) -> Result<(), SyntaxError> {
        if self.reader.next()? != Some(Token::StartObject) {
            return Err(SyntaxError { reason: "Event must be a JSON object".to_owned(), offset: self.reader.token_start() });
        }
        self.open.push(Open::Object { node: 0 });
        while !self.open.is_empty() {
            let Some(token) = self.reader.next()? else {
                return Ok(());
            };
            self.take(token)?;
        }
        Ok(())
    }

    fn take(&mut self, token: Token<'a>) -> Result<(), SyntaxError> {
        match token {
            Token::Key(key) => self.key(&key)?,
            Token::EndObject | Token::EndArray => {
                self.open.pop();
                self.end_value();
            }
            Token::StartObject => {
                self.begin_container();
                self.open.push(Open::Object { node: self.node });
            }
            Token::StartArray => {
                self.begin_container();
                self.open.push(Open::Array { number: self.arrays, index: 0 });
                self.arrays = self.arrays.saturating_add(1);
            }
            leaf => {
                self.leaf(leaf);
                self.end_value();
            }
        }
        Ok(())
    }

    fn key(&mut self, key: &str) -> Result<(), SyntaxError> {
        match self.names.below(self.node, key) {
            Some(node) => self.node = node,
            None => self.skip()?,
        }
        Ok(())
    }

    /// An object or array that is an element of an array lies in that element.
    fn begin_container(&mut self) {
        if let Some(Open::Array { number, index }) = self.open.last() {
            self.membership.push((*number, *index));
            self.shared = None;
        }
    }

    /// After a value: back to the path around it, or on to the next element.
    fn end_value(&mut self) {
        match self.open.last_mut() {
            Some(Open::Object { node }) => self.node = *node,
            Some(Open::Array { number, index }) => {
                if self.membership.last() == Some(&(*number, *index)) {
                    self.membership.pop();
                    self.shared = None;
                }
                *index = index.saturating_add(1);
            }
            None => {}
        }
    }

    fn leaf(&mut self, token: Token<'a>) {
        let Some(place) = self.names.nodes[self.node].place else {
            return;
        };
        let value = match token {
            Token::Text(text) => Value::Text(text),
            Token::Number(text) => Value::Number(text),
            Token::True => Value::Word("true"),
            Token::False => Value::Word("false"),
            _ => Value::Word("null"),
        };
        let membership = Rc::clone(self.shared.get_or_insert_with(|| self.membership.as_slice().into()));
        self.found[place].push(Leaf { value, membership });
    }

    fn skip(&mut self) -> Result<(), SyntaxError> {
        let depth = self.reader.depth();
        while self.reader.next()?.is_some() && self.reader.depth() > depth {}
        Ok(())
    }
}
