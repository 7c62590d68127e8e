//! The fields of a pattern that must hold together.
use std::collections::HashMap;
use std::sync::Arc;

use crate::expression::Expressions;
use crate::warning::PatternWarning;

/// The fields that must hold together: the number of the path, and of what it accepts. Of equal paths the last one counts.
pub(crate) type Alternative = Vec<(usize, usize)>;

/// The alternatives of a pattern.
#[derive(Default)]
pub(crate) struct Alternatives {
    pub(crate) all: Vec<Alternative>,
    pub(crate) paths: Paths,
    /// What the fields accept. Alternatives share it.
    pub(crate) accepts: Vec<Arc<Expressions>>,
    pub(crate) warnings: Vec<PatternWarning>,
}

/// Leaves the last one of equal paths, in the order of `place`.
pub(crate) fn unify(alternative: &mut Alternative, place: impl Fn(usize) -> usize) {
    alternative.reverse();
    alternative.sort_by_key(|(number, _)| place(*number));
    alternative.dedup_by_key(|(number, _)| *number);
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
