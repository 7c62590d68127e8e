//! Why a pattern or an event was refused, and where.
use std::fmt;

/// Where in the text something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Path in the pattern, such as `detail.state[1].prefix`. Empty at the top.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// Why a pattern was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// The reason, in AWS's words where AWS has words for it.
    pub reason: String,
    /// Where it is.
    pub location: Location,
    /// Whether the text is no JSON. The words of such reasons are this crate's own.
    pub syntax: bool,
}

impl PatternError {
    pub(crate) fn not_utf8(bytes: &[u8], valid: usize) -> Self {
        let text = String::from_utf8_lossy(&bytes[..valid]);
        let (line, column) = line_and_column(&text, valid);
        let reason = format!("the text is not UTF-8: byte 0x{:02X}", bytes.get(valid).copied().unwrap_or_default());
        Self { reason, location: Location { path: String::new(), line, column }, syntax: true }
    }

    pub(crate) fn too_complex() -> Self {
        let reason =
            "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character";
        Self { reason: reason.to_owned(), location: Location { path: String::new(), line: 1, column: 1 }, syntax: false }
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Location { path, line, column } = &self.location;
        write!(f, "Event pattern is not valid. Reason: {} at ", self.reason)?;
        if !path.is_empty() {
            write!(f, "{path} (")?;
        }
        write!(f, "line {line}, column {column}{}", if path.is_empty() { "" } else { ")" })
    }
}

impl std::error::Error for PatternError {}

/// Why an event was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventError {
    /// The reason, in the words of AWS's matcher where it is not about JSON's syntax.
    pub reason: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {}, column {}", self.reason, self.line, self.column)
    }
}

impl std::error::Error for EventError {}

/// Line and column, both from 1, of a byte offset. Never panics: an offset inside a character counts as its begin.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
