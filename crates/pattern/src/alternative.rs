//! The fields of a pattern that must hold together.
use std::collections::BTreeMap;

use crate::expression::Expressions;

/// The fields that must hold together, by dotted path. Java sorts by units of UTF-16, and the order matters where fields must be absent.
pub(crate) type Alternative = BTreeMap<Path, Expressions>;

/// A dotted path, ordered by its units of UTF-16.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path(pub(crate) String);

impl Ord for Path {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.encode_utf16().cmp(other.0.encode_utf16())
    }
}

impl PartialOrd for Path {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
