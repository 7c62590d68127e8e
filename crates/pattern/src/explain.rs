//! Why a pattern matches an event or not.
use crate::event::Leaf;
use crate::search::{self, Field};

/// Most values of an event that are shown for one field.
const SHOWN: usize = 5;

/// Why a pattern matches an event or not: it matches if one of its alternatives does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The combinations of `$or`, or the one of a pattern without it.
    pub alternatives: Vec<AlternativeResult>,
}

impl Explanation {
    /// Whether the pattern matches.
    #[must_use]
    pub fn matches(&self) -> bool {
        self.alternatives.iter().any(|alternative| alternative.matches)
    }
}

/// One combination of fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlternativeResult {
    /// Whether all of its fields hold together.
    pub matches: bool,
    /// Its fields, by path. If each holds and the combination does not, their values lie in different elements of one array.
    pub fields: Vec<FieldResult>,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldResult {
    /// Dotted path.
    pub path: String,
    /// What the pattern accepts, as it is written.
    pub accepts: String,
    /// Whether it holds.
    pub verdict: FieldVerdict,
    /// The first values of the event at this path, as JSON writes them.
    pub found: Vec<String>,
}

/// Whether a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldVerdict {
    /// A value matches, or the field may be absent and is.
    Matches,
    /// The event has no such field, or only an empty object or array.
    Absent,
    /// The event has values, and none matches.
    Differs,
}

/// The verdict on one combination.
pub(crate) fn alternative(fields: &[Field<'_>], leaves: &[Vec<Leaf<'_>>], paths: &[String]) -> AlternativeResult {
    let results = fields
        .iter()
        .map(|field| {
            let values = &leaves[field.place];
            let verdict = match values.as_slice() {
                [] if field.accepts.absent => FieldVerdict::Matches,
                [] => FieldVerdict::Absent,
                values if values.iter().any(|leaf| field.accepts.match_value(&leaf.value)) => FieldVerdict::Matches,
                _ => FieldVerdict::Differs,
            };
            FieldResult {
                path: paths[field.place].clone(),
                accepts: field.accepts.source.clone(),
                verdict,
                found: values.iter().take(SHOWN).map(|leaf| leaf.value.to_string()).collect(),
            }
        })
        .collect();
    AlternativeResult { matches: search::all_satisfiable(fields, leaves), fields: results }
}
