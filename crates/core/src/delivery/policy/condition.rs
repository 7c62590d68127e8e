//! The `Condition` of a statement (IAM user guide, "Conditions with multiple context keys or
//! values" and "Single-valued vs. multivalued context keys").

use serde_json::Value;

use super::{
    compare::{self, Comparison},
    context::{Context, Key},
    fits::Fits,
    text::{Reader, texts},
};

/// Returns whether the call meets all conditions of the statement.
pub(super) fn fits(statement: &Value, context: &Context, denies: bool) -> Fits {
    let reader = Reader::of(statement, context, denies);
    let operators = statement.get("Condition").and_then(Value::as_object).into_iter().flatten();
    Fits::all(operators.map(|(operator, keys)| match keys.as_object().filter(|keys| !keys.is_empty()) {
        Some(keys) => Fits::all(keys.iter().map(|(key, values)| {
            let one = Condition { key, values: &texts(values), reader, denies };
            one.holds(operator, context.get(key))
        })),
        None => Fits::unknown(format!("a condition {operator} without a key")),
    }))
}

/// Which of several values of the call have to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    /// `ForAllValues`.
    All,
    /// `ForAnyValue`.
    Any,
}

/// One key of a condition with its values.
#[derive(Clone, Copy)]
struct Condition<'a> {
    key: &'a str,
    values: &'a [String],
    reader: Reader<'a>,
    denies: bool,
}

impl Condition<'_> {
    fn unknown(&self) -> Fits {
        Fits::unknown(format!("a condition on {}", self.key))
    }

    fn holds(&self, operator: &str, found: Option<&Key>) -> Fits {
        let (lower, mut set) = (operator.to_lowercase(), None);
        let mut name = lower.as_str();
        for (prefix, which) in [("forallvalues:", Set::All), ("foranyvalue:", Set::Any)] {
            if let Some(rest) = name.strip_prefix(prefix) {
                (name, set) = (rest, Some(which));
            }
        }
        let (name, if_exists) = name.strip_suffix("ifexists").map_or((name, false), |name| (name, true));
        if name == "null" {
            return if set.is_none() && !if_exists { self.null(found) } else { self.unknown() };
        }
        let Some((comparison, negated)) = compare::operator(name) else {
            return Fits::unknown(format!("the condition operator {operator}"));
        };
        match found {
            Some(Key::Values(found)) if !found.is_empty() => self.compare(comparison, negated, set, found),
            Some(Key::Values(_) | Key::Absent) => self.absent(negated, set, if_exists),
            Some(Key::Withheld) if !self.denies && !negated && set.is_none() && !if_exists => Fits::No,
            Some(Key::Withheld) | None => self.unknown(),
        }
    }

    /// `true`: the call does not contain the key; `false`: it does.
    fn null(&self, found: Option<&Key>) -> Fits {
        let absent = match found {
            Some(Key::Values(found)) => found.is_empty(),
            Some(Key::Absent) => true,
            Some(Key::Withheld) | None => return self.unknown(),
        };
        Fits::any(self.values.iter().map(|wanted| match wanted.as_str() {
            "true" => Fits::of(absent),
            "false" => Fits::of(!absent),
            _ => self.unknown(),
        }))
    }

    /// A call without the key: `ForAllValues` and `IfExists` are met, `ForAnyValue` is not, and a
    /// negated operator is met.
    fn absent(&self, negated: bool, set: Option<Set>, if_exists: bool) -> Fits {
        match (set, if_exists) {
            (Some(Set::All), _) => Fits::Yes,
            // The documentation does not tell which of the two prevails.
            (Some(Set::Any), true) => self.unknown(),
            (Some(Set::Any), false) => Fits::No,
            (None, if_exists) => Fits::of(if_exists || negated),
        }
    }

    fn compare(&self, comparison: Comparison, negated: bool, set: Option<Set>, found: &[String]) -> Fits {
        // A key with several values requires a set operator.
        if self.values.is_empty() || (set.is_none() && found.len() > 1) {
            return self.unknown();
        }
        let reader = self.reader.negated(negated);
        let one = |found: &String| {
            let matched = Fits::any(self.values.iter().map(|wanted| comparison.matches(wanted, found, reader)));
            if negated { matched.not() } else { matched }
        };
        match set {
            Some(Set::Any) => Fits::any(found.iter().map(one)),
            Some(Set::All) | None => Fits::all(found.iter().map(one)),
        }
    }
}
