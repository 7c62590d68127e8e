//! Which fields a pattern has: unknown ones, and those that are there twice.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Context, Lint, Pattern,
    id::warning,
    walk::{alternatives, fields, join},
};

/// Top-level fields of events (EventBridge User Guide, "Events structure reference"). Replayed events
/// have `replay-name` (EventBridge User Guide, "Replaying archived events").
pub(super) const ENVELOPE: [&str; 10] =
    ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail", "replay-name"];

/// Maximum edit distance of a suggestion.
const NEAR: usize = 2;

pub(super) fn check(pattern: &Pattern, context: &Context<'_>, all: &mut Vec<String>) {
    for alternative in alternatives(pattern) {
        for field in fields(&alternative) {
            let top = field.path.split('.').next().unwrap_or_default();
            let absent = !field.accepts.is_empty() && field.accepts.iter().all(|element| element["exists"] == false);
            if !ENVELOPE.contains(&top) && !absent {
                all.push(unknown(context.field, top));
            }
        }
    }
    for path in duplicates(pattern) {
        let text = "the pattern has this field more than once, inside and outside of $or, and EventBridge uses only the last one. \
                    Write it in the branches of $or only, each time with all conditions.";
        all.push(warning(Lint::DuplicateField, &format!("{}.{path}", context.field), text));
    }
}

fn unknown(field: &str, name: &str) -> String {
    let next = match suggestion(name) {
        Some(known) => format!("Rename it to {known}."),
        None => "Move it into detail, where the fields of each source are.".to_owned(),
    };
    warning(Lint::UnknownField, &format!("{field}.{name}"), format!("no event has a top-level field {name}, so nothing matches. {next}"))
}

/// Returns the field that a name most likely means: `detailType` and `detail_type` are
/// `detail-type`.
fn suggestion(name: &str) -> Option<&'static str> {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let wanted = plain(name);
    // The distance of very long texts takes seconds to compute.
    let near = |known: &str| {
        let known = plain(known);
        if known.len().abs_diff(wanted.len()) > NEAR { usize::MAX } else { strsim::damerau_levenshtein(&known, &wanted) }
    };
    // Half of a short name is no typing error.
    ENVELOPE.into_iter().min_by_key(|known| near(known)).filter(|known| near(known) <= NEAR.min(wanted.len() / 3))
}

/// Returns the paths that more than one part of the pattern has, of which EventBridge uses one.
fn duplicates(pattern: &Pattern) -> BTreeSet<String> {
    let (mut parts, mut twice) = (BTreeMap::new(), BTreeSet::new());
    let mut count = 0;
    collect(pattern, "", &mut count, &mut parts, &mut twice);
    twice
}

/// Adds the paths below `around` to `parts`, each with the number of the part that has it: all
/// branches of one `$or` are one part.
fn collect(pattern: &Pattern, around: &str, count: &mut usize, parts: &mut BTreeMap<String, usize>, twice: &mut BTreeSet<String>) {
    for (key, value) in pattern {
        match value {
            Value::Array(branches) if key == "$or" && branches.iter().any(Value::is_object) => {
                let mut paths = BTreeSet::new();
                for branch in branches.iter().filter_map(Value::as_object) {
                    let mut inner = BTreeMap::new();
                    collect(branch, around, count, &mut inner, twice);
                    paths.extend(inner.into_keys());
                }
                for path in paths {
                    add(path, count, parts, twice);
                }
            }
            Value::Object(inner) => collect(inner, &join(around, key), count, parts, twice),
            _ => add(join(around, key), count, parts, twice),
        }
    }
}

fn add(path: String, count: &mut usize, parts: &mut BTreeMap<String, usize>, twice: &mut BTreeSet<String>) {
    *count += 1;
    if parts.insert(path.clone(), *count).is_some() {
        twice.insert(path);
    }
}
