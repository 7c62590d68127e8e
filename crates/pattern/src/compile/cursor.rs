//! The place of the compiler in a pattern's text, and how it refuses.
use crate::error::{Location, PatternError, line_and_column};
use crate::json::{Reader, SyntaxError, Token};
use crate::limits::Target;
use crate::warning::{self, PatternWarning, WarningKind};

/// Why a pattern is refused.
pub(super) struct Refusal {
    reason: String,
    /// Byte at which the JSON is wrong, if it is.
    syntax: Option<usize>,
}

impl From<SyntaxError> for Refusal {
    fn from(error: SyntaxError) -> Self {
        Self { reason: error.reason, syntax: Some(error.offset) }
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self { reason, syntax: None }
    }
}

/// A refusal with this reason.
pub(super) fn refuse<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { reason: reason.into(), syntax: None })
}

/// A step of a path, as messages name it.
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// Reads tokens and knows where they are.
pub(super) struct Cursor<'a> {
    reader: Reader<'a>,
    pub(super) target: Target,
    /// The path to the present token. Not taken back after an error.
    pub(super) steps: Vec<Step>,
    /// Warnings, each with its path and byte.
    warnings: Vec<(WarningKind, String, usize)>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str, target: Target) -> Self {
        Self { reader: Reader::new(text), target, steps: Vec::new(), warnings: Vec::new() }
    }

    /// The next token. At the end of a text without any value it is null, which nothing accepts there.
    pub(super) fn next(&mut self) -> Result<Token<'a>, Refusal> {
        Ok(self.reader.next()?.unwrap_or(Token::Null))
    }

    /// Where the last token began and ended, in bytes.
    pub(super) fn span(&self) -> (usize, usize) {
        (self.reader.token_start(), self.reader.position())
    }

    /// Refuses with this reason unless the next token is this one.
    pub(super) fn expect(&mut self, wanted: &Token<'_>, reason: &str) -> Result<(), Refusal> {
        if self.next()? == *wanted { Ok(()) } else { refuse(reason) }
    }

    /// Notes a warning about the last token.
    pub(super) fn warn(&mut self, kind: WarningKind) {
        if self.warnings.len() < warning::MOST {
            self.warnings.push((kind, self.path(), self.reader.token_start()));
        }
    }

    /// The warnings, with lines and columns.
    pub(super) fn warnings(&mut self, text: &str) -> Vec<PatternWarning> {
        let located = |(kind, path, offset)| {
            let (line, column) = line_and_column(text, offset);
            PatternWarning { kind, location: Location { path, line, column } }
        };
        self.warnings.drain(..).map(located).collect()
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.steps {
            match step {
                Step::Key(key) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(key);
                }
                Step::Index(index) => path.extend(["[", &index.to_string(), "]"]),
            }
        }
        path
    }

    /// The refusal with its path, line and column.
    pub(super) fn locate(&self, text: &str, refusal: Refusal) -> PatternError {
        let path = self.path();
        let (line, column) = line_and_column(text, refusal.syntax.unwrap_or(self.reader.token_start()));
        PatternError { reason: refusal.reason, location: Location { path, line, column }, syntax: refusal.syntax.is_some() }
    }
}
