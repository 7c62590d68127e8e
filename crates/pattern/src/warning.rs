//! What AWS accepts, and what its versions do not agree on.
use std::fmt;

use crate::error::Location;

/// Most warnings of a pattern.
pub(crate) const MOST: usize = 20;

/// Something in a pattern that AWS accepts, and that may not do what it seems to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternWarning {
    /// What it is about.
    pub kind: WarningKind,
    /// Where it is.
    pub location: Location,
}

/// What a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarningKind {
    /// The operator `exactly`, which AWS's matcher knows and its documentation does not.
    Undocumented,
    /// A text that is an address. Newer versions of AWS's matcher compare addresses, older ones texts.
    Address,
    /// A range that holds all addresses of a family. Newer versions of AWS's matcher compare digits, and such a range also holds addresses of
    /// the other family.
    AllAddresses,
    /// A number that has no exact value. It matches only events that spell it in the same way.
    InexactNumber,
    /// A field that is set twice. The last one counts; other readers of JSON may take the first one or refuse it.
    RepeatedField,
}

impl WarningKind {
    /// What is doubtful, as a sentence.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Undocumented => "AWS does not document the operator exactly; write the text itself",
            Self::Address => {
                "versions of AWS's matcher differ on texts that are addresses: other spellings of the address may match; use cidr"
            }
            Self::AllAddresses => "versions of AWS's matcher differ on a range of all addresses: addresses of the other family may match",
            Self::InexactNumber => "the number cannot be represented exactly and matches only the same spelling; use a text",
            Self::RepeatedField => "the field is set twice, and AWS uses the last one; remove the other",
        }
    }
}

impl fmt::Display for PatternWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Location { path, line, column } = &self.location;
        write!(f, "{path}: {} (line {line}, column {column})", self.kind.reason())
    }
}
