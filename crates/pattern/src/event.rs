//! An event as patterns see it: the leaves that a pattern names, each with the array elements that it lies in.
use crate::error::{EventError, line_and_column};
use crate::expression::Value;
use crate::hash::{Map, Set};
use crate::json::{Reader, SyntaxError, Token};

/// The elements that a leaf lies in: pairs of an array's number and an index, outermost first.
pub(crate) type Membership = Vec<(u32, u32)>;

/// A leaf of an event.
#[derive(Debug)]
pub(crate) struct Leaf<'a> {
    pub(crate) value: Value<'a>,
    pub(crate) membership: Membership,
}

/// The names that a pattern asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// Each dotted path, and its place among the pattern's paths.
    paths: Map<String, usize>,
    /// The parts of all paths. Keys that are none of them are passed over.
    steps: Set<String>,
}

impl Names {
    /// Names of paths that are sorted and distinct.
    pub(crate) fn new<'p>(paths: impl Iterator<Item = &'p str>) -> Self {
        let mut names = Self::default();
        for (place, path) in paths.enumerate() {
            names.paths.insert(path.to_owned(), place);
            names.steps.extend(steps(path).map(str::to_owned));
        }
        names
    }

    fn uses(&self, key: &str) -> bool {
        self.steps.contains(key) || (key.contains('.') && steps(key).all(|step| self.steps.contains(step)))
    }
}

/// The parts between dots, without empty ones at the end. The empty path has one empty part.
fn steps(path: &str) -> impl Iterator<Item = &str> {
    let kept = path.trim_end_matches('.');
    let none = kept.is_empty() && !path.is_empty();
    kept.split('.').take(if none { 0 } else { usize::MAX })
}

/// The leaves of an event that a pattern names, in the places of its paths.
///
/// # Errors
/// The text is no JSON object. What follows the object is not read.
pub(crate) fn leaves<'a>(text: &'a str, names: &Names) -> Result<Vec<Vec<Leaf<'a>>>, EventError> {
    let mut walk = Walk {
        reader: Reader::new(text),
        names,
        path: String::new(),
        membership: Membership::new(),
        open: Vec::new(),
        arrays: 0,
        found: std::iter::repeat_with(Vec::new).take(names.paths.len()).collect(),
    };
    walk.event().map_err(|error| {
        let (line, column) = line_and_column(text, error.offset);
        EventError { reason: error.reason, line, column }
    })?;
    Ok(walk.found)
}

/// A container that the walk is in.
enum Open {
    /// An object, and the length of the path around the key that is read.
    Object { path: usize },
    /// An array: its number, and the index of the next element.
    Array { number: u32, index: u32 },
}

struct Walk<'a, 'n> {
    reader: Reader<'a>,
    names: &'n Names,
    path: String,
    membership: Membership,
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
        self.open.push(Open::Object { path: 0 });
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
                self.open.push(Open::Object { path: self.path.len() });
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
        if !self.names.uses(key) {
            return self.skip();
        }
        if self.open.len() > 1 {
            self.path.push('.');
        }
        self.path.push_str(key);
        Ok(())
    }

    /// An object or array that is an element of an array lies in that element.
    fn begin_container(&mut self) {
        if let Some(Open::Array { number, index }) = self.open.last() {
            self.membership.push((*number, *index));
        }
    }

    /// After a value: back to the path around it, or on to the next element.
    fn end_value(&mut self) {
        match self.open.last_mut() {
            Some(Open::Object { path }) => self.path.truncate(*path),
            Some(Open::Array { number, index }) => {
                if self.membership.last() == Some(&(*number, *index)) {
                    self.membership.pop();
                }
                *index = index.saturating_add(1);
            }
            None => {}
        }
    }

    fn leaf(&mut self, token: Token<'a>) {
        let Some(place) = self.names.paths.get(&self.path) else {
            return;
        };
        let value = match token {
            Token::Text(text) => Value::Text(text),
            Token::Number(text) => Value::Number(text),
            Token::True => Value::Word("true"),
            Token::False => Value::Word("false"),
            _ => Value::Word("null"),
        };
        self.found[*place].push(Leaf { value, membership: self.membership.clone() });
    }

    fn skip(&mut self) -> Result<(), SyntaxError> {
        let depth = self.reader.depth();
        while self.reader.next()?.is_some() && self.reader.depth() > depth {}
        Ok(())
    }
}
