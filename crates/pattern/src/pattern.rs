//! A compiled pattern.
use std::collections::BTreeMap;

use crate::alternative::Path;
use crate::compile;
use crate::error::{EventError, PatternError};
use crate::event::{self, Names};
use crate::explain::{self, Explanation};
use crate::expression::{Expression, Expressions};
use crate::limits::Limits;
use crate::search::{self, Field};

/// A pattern that AWS would accept.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// One of them must hold: `$or` makes several.
    alternatives: Vec<Vec<(usize, Expressions)>>,
    names: Names,
    /// All dotted paths, in their order.
    paths: Vec<String>,
    wildcard_complexity: usize,
    uses_exactly: bool,
}

impl Pattern {
    /// Reads a pattern of any length.
    ///
    /// # Errors
    /// AWS would refuse it. The reason is in AWS's words.
    pub fn compile(text: &str) -> Result<Self, PatternError> {
        Self::compile_within(text, &Limits::NONE)
    }

    /// Reads a pattern that keeps limits.
    ///
    /// # Errors
    /// AWS would refuse it. The reason is in AWS's words.
    pub fn compile_within(text: &str, limits: &Limits) -> Result<Self, PatternError> {
        let compiled = compile::compile(text, limits)?;
        let mut paths: Vec<&Path> = compiled.alternatives.iter().flat_map(BTreeMap::keys).collect();
        paths.sort();
        paths.dedup();
        let names = Names::new(paths.iter().map(|path| path.0.as_str()));
        let place = |path: &Path| paths.binary_search(&path).unwrap_or_default();
        let alternatives = compiled
            .alternatives
            .iter()
            .map(|fields| fields.iter().map(|(path, accepts)| (place(path), accepts.clone())).collect())
            .collect();
        let wildcard_complexity = compiled.alternatives.iter().flat_map(BTreeMap::values).map(complexity).max().unwrap_or_default();
        let paths = paths.iter().map(|path| path.0.clone()).collect();
        Ok(Self { alternatives, names, paths, wildcard_complexity, uses_exactly: compiled.uses_exactly })
    }

    /// Whether the pattern matches an event.
    ///
    /// # Errors
    /// The event is no JSON object.
    pub fn matches(&self, event: &str) -> Result<bool, EventError> {
        let leaves = event::leaves(event, &self.names)?;
        Ok(self.alternatives.iter().any(|fields| {
            let fields: Vec<_> = fields.iter().map(|(place, accepts)| Field { place: *place, accepts }).collect();
            search::satisfiable(&fields, &leaves)
        }))
    }

    /// Why the pattern matches an event or not, field by field.
    ///
    /// # Errors
    /// The event is no JSON object.
    pub fn explain(&self, event: &str) -> Result<Explanation, EventError> {
        let leaves = event::leaves(event, &self.names)?;
        let alternatives = self
            .alternatives
            .iter()
            .map(|fields| {
                let fields: Vec<_> = fields.iter().map(|(place, accepts)| Field { place: *place, accepts }).collect();
                explain::alternative(&fields, &leaves, &self.paths)
            })
            .collect();
        Ok(Explanation { alternatives })
    }

    /// How many states the wildcards of one field can be in at once, at most. 0 without wildcards.
    #[must_use]
    pub fn wildcard_complexity(&self) -> usize {
        self.wildcard_complexity
    }

    /// Whether it uses the operator `exactly`, which AWS's matcher accepts and AWS's pages do not describe.
    #[must_use]
    pub fn uses_exactly(&self) -> bool {
        self.uses_exactly
    }
}

fn complexity(accepts: &Expressions) -> usize {
    accepts.all.iter().map(|expression| if let Expression::Wildcard(wildcard) = expression { wildcard.wildcards() + 1 } else { 0 }).sum()
}
