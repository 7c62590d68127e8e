//! A compiled pattern.
use std::collections::BTreeMap;

use crate::alternative::Path;
use crate::compile;
use crate::error::{EventError, PatternError};
use crate::event::{self, Names};
use crate::explain::{self, Explanation};
use crate::expression::Expressions;
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
        let mut paths: Vec<&Path> = compiled.iter().flat_map(BTreeMap::keys).collect();
        paths.sort();
        paths.dedup();
        let names = Names::new(paths.iter().map(|path| path.0.as_str()));
        let place = |path: &Path| paths.binary_search(&path).unwrap_or_default();
        let alternatives =
            compiled.iter().map(|fields| fields.iter().map(|(path, accepts)| (place(path), accepts.clone())).collect()).collect();
        let paths = paths.iter().map(|path| path.0.clone()).collect();
        Ok(Self { alternatives, names, paths })
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
}
