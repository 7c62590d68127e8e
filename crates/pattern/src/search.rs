//! Whether one value can be chosen for each path of a pattern so that no two of them lie in different elements of the same array.
//!
//! The paths are tried in their order, as AWS's matcher does it: that order decides where a field must be absent. What failed once is
//! noted, so that the effort grows with the values and not with their combinations.
use std::collections::{HashMap, HashSet};

use crate::event::Leaf;
use crate::expression::Expressions;

/// A path of a pattern, what it accepts, and the place of its leaves.
pub(crate) struct Field<'p> {
    pub(crate) place: usize,
    pub(crate) accepts: &'p Expressions,
}

/// The chosen element of each array.
type Chosen = Vec<(u32, u32)>;

/// Whether the fields can be satisfied by these leaves.
pub(crate) fn satisfiable<'f>(fields: impl Iterator<Item = Field<'f>> + Clone, leaves: &[Vec<Leaf<'_>>]) -> bool {
    // Most alternatives fail at a field that has no value at all.
    if fields.clone().any(|field| leaves[field.place].is_empty() && !field.accepts.absent) {
        return false;
    }
    all_satisfiable(&fields.collect::<Vec<_>>(), leaves)
}

/// Whether the fields can be satisfied by these leaves.
pub(crate) fn all_satisfiable(fields: &[Field<'_>], leaves: &[Vec<Leaf<'_>>]) -> bool {
    // A field that nothing can satisfy decides at once: most events differ in their source or type.
    let matching: Option<Vec<Vec<&Leaf<'_>>>> = fields
        .iter()
        .map(|field| {
            let fit: Vec<_> = leaves[field.place].iter().filter(|leaf| field.accepts.match_value(&leaf.value)).collect();
            (field.accepts.absent || !fit.is_empty()).then_some(fit)
        })
        .collect();
    let Some(matching) = matching else {
        return false;
    };
    Search { fields, leaves, matching, last_use: last_use(fields, leaves), failed: HashSet::new() }.from(0, &Chosen::new())
}

/// For each array, the last field that has a leaf in it. Later fields do not depend on which element was chosen.
fn last_use(fields: &[Field<'_>], leaves: &[Vec<Leaf<'_>>]) -> HashMap<u32, usize> {
    let mut last = HashMap::new();
    for (index, field) in fields.iter().enumerate() {
        for (array, _) in leaves[field.place].iter().flat_map(|leaf| leaf.membership.iter()) {
            last.insert(*array, index);
        }
    }
    last
}

struct Search<'s> {
    fields: &'s [Field<'s>],
    leaves: &'s [Vec<Leaf<'s>>],
    matching: Vec<Vec<&'s Leaf<'s>>>,
    last_use: HashMap<u32, usize>,
    failed: HashSet<(usize, Chosen)>,
}

impl Search<'_> {
    fn from(&mut self, index: usize, chosen: &Chosen) -> bool {
        let Some(field) = self.fields.get(index) else {
            return true;
        };
        let key = (index, chosen.clone());
        if self.failed.contains(&key) {
            return false;
        }
        let absent = field.accepts.absent && !self.leaves[field.place].iter().any(|leaf| together(chosen, &leaf.membership).is_some());
        if absent && self.from(index + 1, &self.still_used(chosen, index)) {
            return true;
        }
        let next: Vec<Chosen> = self.matching[index].iter().filter_map(|leaf| together(chosen, &leaf.membership)).collect();
        let mut tried = HashSet::new();
        for chosen in next {
            let chosen = self.still_used(&chosen, index);
            if tried.insert(chosen.clone()) && self.from(index + 1, &chosen) {
                return true;
            }
        }
        self.failed.insert(key);
        false
    }

    /// The choices that fields after this one depend on.
    fn still_used(&self, chosen: &Chosen, index: usize) -> Chosen {
        chosen.iter().filter(|(array, _)| self.last_use.get(array).is_some_and(|last| *last > index)).copied().collect()
    }
}

/// The choices with those of a leaf, in the order of the arrays, or none where they differ.
fn together(chosen: &Chosen, membership: &[(u32, u32)]) -> Option<Chosen> {
    let mut result = chosen.clone();
    for (array, element) in membership {
        match result.binary_search_by_key(array, |(array, _)| *array) {
            Ok(place) if result[place].1 != *element => return None,
            Ok(_) => {}
            Err(place) => result.insert(place, (*array, *element)),
        }
    }
    Some(result)
}
