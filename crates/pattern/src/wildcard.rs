//! Patterns with `*`, which stands for any number of bytes. `\*` and `\\` stand for themselves.

/// A pattern with wildcards: the literal pieces between them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wildcard {
    pieces: Vec<Vec<u8>>,
}

impl Wildcard {
    /// Reads the pattern.
    ///
    /// # Errors
    /// AWS's words for what is wrong. Positions count bytes, and the quote in front of the text is one.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let bytes = text.as_bytes();
        let mut pieces = vec![Vec::new()];
        let mut index = 0;
        while let Some(byte) = bytes.get(index) {
            let next = bytes.get(index + 1);
            let literal = match (byte, next) {
                (b'*', Some(b'*')) => return Err(format!("Consecutive wildcard characters at pos {}", index + 1)),
                (b'*', _) => None,
                (b'\\', Some(escaped @ (b'*' | b'\\'))) => {
                    index += 1;
                    Some(*escaped)
                }
                (b'\\', _) => return Err(format!("Invalid escape character at pos {}", index + 1)),
                (byte, _) => Some(*byte),
            };
            index += 1;
            match (literal, pieces.last_mut()) {
                (Some(byte), Some(piece)) => piece.push(byte),
                _ => pieces.push(Vec::new()),
            }
        }
        Ok(Self { pieces })
    }

    /// The literal pieces between the wildcards.
    pub(crate) fn pieces(&self) -> &[Vec<u8>] {
        &self.pieces
    }

    /// Whether the whole value matches. Linear in practice: each piece is looked for once, from left to right.
    pub(crate) fn matches(&self, value: &str) -> bool {
        let (Some(first), Some(last)) = (self.pieces.first(), self.pieces.last()) else {
            return false;
        };
        let value = value.as_bytes();
        if self.pieces.len() == 1 {
            return value == first.as_slice();
        }
        if value.len() < first.len() + last.len() || !value.starts_with(first) || !value.ends_with(last) {
            return false;
        }
        let mut rest = &value[first.len()..value.len() - last.len()];
        for piece in &self.pieces[1..self.pieces.len() - 1] {
            let Some(found) = memchr::memmem::find(rest, piece) else {
                return false;
            };
            rest = &rest[found + piece.len()..];
        }
        true
    }
}
