//! A compiled pattern.
use std::sync::Arc;

use crate::alternative::{self, Alternative};
use crate::compile;
use crate::complexity::{self, Complexity};
use crate::error::{EventError, PatternError};
use crate::event::{self, Names};
use crate::explain::{self, Explanation};
use crate::expression::Expressions;
use crate::limits::Limits;
use crate::search::{self, Field};
use crate::warning::PatternWarning;

/// The complexity at which the computation stops.
const MAX_COMPLEXITY: usize = 100;

/// A pattern that AWS would accept.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// One of them must hold: `$or` makes several.
    pub(crate) alternatives: Vec<Alternative>,
    /// What the fields accept.
    pub(crate) accepts: Vec<Arc<Expressions>>,
    names: Names,
    /// All dotted paths, in their order.
    pub(crate) paths: Vec<String>,
    warnings: Vec<PatternWarning>,
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
        let (paths, places) = compiled.paths.sorted();
        let names = Names::new(paths.iter().map(String::as_str));
        let mut alternatives = compiled.all;
        for alternative in &mut alternatives {
            alternative::unify(alternative, |number| places[number]);
            for (number, _) in alternative {
                *number = places[*number];
            }
        }
        let pattern = Self { alternatives, accepts: compiled.accepts, names, paths, warnings: compiled.warnings };
        if limits.complexity < usize::MAX && pattern.complexity_up_to(limits.complexity + 1).value > limits.complexity {
            return Err(PatternError::too_complex());
        }
        Ok(pattern)
    }

    /// What AWS accepts, and what its versions do not agree on: at most 20 warnings.
    pub fn warnings(&self) -> &[PatternWarning] {
        &self.warnings
    }

    /// How complex the wildcards are, up to 100.
    pub fn complexity(&self) -> Complexity {
        self.complexity_up_to(MAX_COMPLEXITY)
    }

    fn complexity_up_to(&self, enough: usize) -> Complexity {
        let alternatives = self.alternatives.iter().map(|alternative| self.fields(alternative).collect());
        complexity::evaluate(alternatives, enough)
    }

    /// The fields of an alternative, in the order of their paths.
    pub(crate) fn fields<'p>(&'p self, alternative: &'p Alternative) -> impl Iterator<Item = Field<'p>> + Clone {
        alternative.iter().map(|(place, accepts)| Field { place: *place, accepts: &self.accepts[*accepts] })
    }

    /// Reads a pattern from a file of any kind.
    ///
    /// # Errors
    /// The bytes are not UTF-8, or AWS would refuse the pattern.
    pub fn compile_bytes(bytes: &[u8], limits: &Limits) -> Result<Self, PatternError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::compile_within(text, limits),
            Err(wrong) => Err(PatternError::not_utf8(bytes, wrong.valid_up_to())),
        }
    }

    /// Whether the pattern matches an event.
    ///
    /// # Errors
    /// The event is no JSON object.
    pub fn matches(&self, event: &str) -> Result<bool, EventError> {
        let leaves = event::leaves(event, &self.names)?;
        Ok(self.alternatives.iter().any(|alternative| search::satisfiable(self.fields(alternative), &leaves)))
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
            .map(|alternative| explain::alternative(&self.fields(alternative).collect::<Vec<_>>(), &leaves, &self.paths))
            .collect();
        Ok(Explanation { alternatives })
    }
}
