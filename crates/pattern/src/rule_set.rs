//! Many patterns held against the same events, such as the rules of a bus. The event is read once, and only the patterns that an exact
//! value of the event may satisfy are tried, so that the effort grows with the patterns that are alike and not with all of them.
use std::collections::HashMap;
use std::sync::Arc;

use crate::error::EventError;
use crate::event::{self, Leaf, Names};
use crate::expression::{Expression, Expressions, Value};
use crate::hash::Map;
use crate::pattern::Pattern;
use crate::search::{self, Field};

/// Patterns that are matched together.
///
/// ```
/// use tributary_pattern::{Pattern, RuleSet};
///
/// let patterns = [r#"{"source":["lims"]}"#, r#"{"source":["shop"]}"#, r#"{"detail":{"n":[{"numeric":[">",1]}]}}"#];
/// let patterns: Vec<Pattern> = patterns.into_iter().map(|text| Pattern::compile(text).unwrap()).collect();
/// assert_eq!(RuleSet::new(&patterns).matches(r#"{"source":"lims","detail":{"n":2}}"#), Ok(vec![0, 2]));
/// ```
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    names: Names,
    alternatives: Vec<Alternative>,
    /// For each path, the alternatives that need one of these texts there.
    by_text: Vec<Map<String, Vec<usize>>>,
    /// Alternatives that no exact text decides.
    others: Vec<usize>,
}

/// An alternative of a pattern.
#[derive(Debug, Clone)]
struct Alternative {
    pattern: usize,
    fields: Vec<(usize, Arc<Expressions>)>,
}

impl RuleSet {
    /// Takes patterns. Matches name them by their index.
    pub fn new(patterns: &[Pattern]) -> Self {
        let mut paths: Vec<&String> = patterns.iter().flat_map(|pattern| &pattern.paths).collect();
        paths.sort_by(|one, other| one.encode_utf16().cmp(other.encode_utf16()));
        paths.dedup();
        let place_of: HashMap<&String, usize> = paths.iter().enumerate().map(|(place, path)| (*path, place)).collect();
        let mut alternatives = Vec::new();
        for (index, pattern) in patterns.iter().enumerate() {
            for fields in &pattern.alternatives {
                let place = |place: usize| place_of[&pattern.paths[place]];
                let fields = fields.iter().map(|(number, accepts)| (place(*number), Arc::clone(&pattern.accepts[*accepts]))).collect();
                alternatives.push(Alternative { pattern: index, fields });
            }
        }
        let mut set = Self {
            names: Names::new(paths.iter().map(|path| path.as_str())),
            by_text: vec![Map::default(); paths.len()],
            ..Self::default()
        };
        set.index(alternatives);
        set
    }

    /// Puts each alternative where its rarest texts are.
    fn index(&mut self, alternatives: Vec<Alternative>) {
        let mut frequency: HashMap<(usize, &str), usize> = HashMap::new();
        for (place, text) in
            alternatives.iter().flat_map(|one| &one.fields).flat_map(|(place, accepts)| texts(accepts).map(|text| (*place, text)))
        {
            *frequency.entry((place, text)).or_default() += 1;
        }
        for (number, alternative) in alternatives.iter().enumerate() {
            let commonest = |place: usize, accepts: &Expressions| texts(accepts).map(|text| frequency[&(place, text)]).max();
            let exact = alternative.fields.iter().filter_map(|(place, accepts)| Some((commonest(*place, accepts)?, *place, accepts)));
            match exact.min_by_key(|(count, ..)| *count) {
                Some((_, place, accepts)) => {
                    for text in texts(accepts) {
                        self.by_text[place].entry(text.to_owned()).or_default().push(number);
                    }
                }
                None => self.others.push(number),
            }
        }
        self.alternatives = alternatives;
    }

    /// The indices of the patterns that match an event, in order.
    ///
    /// # Errors
    /// The event is no JSON object.
    pub fn matches(&self, event: &str) -> Result<Vec<usize>, EventError> {
        let leaves = event::leaves(event, &self.names)?;
        let mut candidates = self.others.clone();
        for (texts, leaves) in self.by_text.iter().zip(&leaves).filter(|(texts, _)| !texts.is_empty()) {
            for leaf in leaves {
                if let Value::Text(text) = &leaf.value {
                    candidates.extend(texts.get(text.as_ref()).into_iter().flatten());
                }
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
        let mut matches: Vec<usize> = candidates
            .into_iter()
            .map(|number| &self.alternatives[number])
            .filter(|one| one.matches(&leaves))
            .map(|one| one.pattern)
            .collect();
        matches.dedup();
        Ok(matches)
    }
}

impl Alternative {
    fn matches(&self, leaves: &[Vec<Leaf<'_>>]) -> bool {
        search::satisfiable(self.fields.iter().map(|(place, accepts)| Field { place: *place, accepts }), leaves)
    }
}

/// The texts that a field accepts, or none if it accepts anything else.
fn texts(accepts: &Expressions) -> impl Iterator<Item = &str> {
    let all = accepts.all.iter().all(|expression| matches!(expression, Expression::Text(_)));
    accepts
        .all
        .iter()
        .filter(move |_| all)
        .filter_map(|expression| if let Expression::Text(text) = expression { Some(text.as_str()) } else { None })
}
