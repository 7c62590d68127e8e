//! A compiled pattern.
use std::collections::BTreeMap;

use crate::compile;
use crate::error::{EventError, PatternError};
use crate::event::{self, Names};
use crate::expression::{Expression, Expressions};
use crate::search::{self, Field};

/// What a pattern is for. A filter of EventBridge Pipes has fewer operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Target {
    /// A rule of an event bus.
    #[default]
    Bus,
    /// A filter of a pipe.
    Pipe,
}

/// Limits beyond the syntax.
///
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest pattern in characters. The quota is 2,048 and can be raised to 4,096.
    pub characters: usize,
    /// Most combinations of the elements of `$or`. AWS allows 1,000.
    pub or_combinations: usize,
    /// What the pattern is for.
    pub target: Target,
}

impl Limits {
    /// AWS's default quotas for a rule of a bus.
    pub const BUS: Self = Self { characters: 2_048, or_combinations: 1_000, target: Target::Bus };
    /// No limit of the length: for patterns of which only the meaning counts.
    pub const NONE: Self = Self { characters: usize::MAX, ..Self::BUS };
}

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

/// A pattern that AWS would accept.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// One of them must hold: `$or` makes several.
    alternatives: Vec<Vec<(usize, Expressions)>>,
    names: Names,
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
        Ok(Self { alternatives, names, wildcard_complexity, uses_exactly: compiled.uses_exactly })
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
