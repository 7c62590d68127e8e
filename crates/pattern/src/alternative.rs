//! The fields of a pattern that must hold together.
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::expression::Expressions;

/// The fields that must hold together, by the number of their path.
pub(crate) type Alternative = BTreeMap<usize, Arc<Expressions>>;

/// The alternatives of a pattern.
#[derive(Default)]
pub(crate) struct Alternatives {
    pub(crate) all: Vec<Alternative>,
    pub(crate) paths: Paths,
}

/// The dotted paths of a pattern, numbered as they come.
#[derive(Default)]
pub(crate) struct Paths {
    numbers: HashMap<String, usize>,
}

impl Paths {
    /// The number of a path.
    pub(crate) fn number(&mut self, path: String) -> usize {
        let next = self.numbers.len();
        *self.numbers.entry(path).or_insert(next)
    }

    /// The paths in order, and the place of each number in it. Java sorts by units of UTF-16, and the order matters where fields must be
    /// absent.
    pub(crate) fn sorted(self) -> (Vec<String>, Vec<usize>) {
        let mut sorted: Vec<(String, usize)> = self.numbers.into_iter().collect();
        sorted.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
        let mut places = vec![0; sorted.len()];
        for (place, (_, number)) in sorted.iter().enumerate() {
            places[*number] = place;
        }
        (sorted.into_iter().map(|(path, _)| path).collect(), places)
    }
}
