//! Limits of AWS, checked against a plan before its first write: what AWS would refuse becomes a
//! message that names the field.
//!
//! Lengths, patterns, ranges and enums are those of AWS's API models (`models.json`, extracted by
//! `tests/bed/api_models.py`). What only the documentation says is in [`documented`], `template.rs` and
//! [`check_tags`].

mod fields;
mod patterns;
mod template;

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;
use serde_json::Value;

use tributary_api::{OWNER_TAG, Tags};

use crate::{
    error::{Reason, ReconcileError},
    steps::{Step, TargetSettings, strip},
};

/// Maximum number of tags of a resource, in every service (IAM user guide, "IAM and AWS STS
/// quotas"; the tagging pages of each service).
pub const TAGS_PER_RESOURCE: usize = 50;

/// The limits of one member.
#[derive(Clone, Debug, Default, Deserialize)]
struct Limits {
    min: Option<i64>,
    max: Option<i64>,
    pattern: Option<String>,
    #[serde(rename = "enum")]
    values: Option<Vec<String>>,
}

/// Limits of the models, and those that only the API reference describes, by call, such as `events.PutRule`, and member, such as `Targets[].Id`.
static MODELS: LazyLock<BTreeMap<String, BTreeMap<String, Limits>>> = LazyLock::new(|| {
    let mut all: BTreeMap<String, BTreeMap<String, Limits>> = serde_json::from_str(include_str!("models.json")).unwrap_or_default();
    let documented: BTreeMap<String, BTreeMap<String, Limits>> = serde_json::from_str(include_str!("documented.json")).unwrap_or_default();
    for (call, members) in documented {
        all.entry(call).or_default().extend(members);
    }
    all
});

/// Checks the steps of a plan, and all tags that the resource is to have.
///
/// # Errors
/// AWS would refuse a step. The message names the field.
pub fn check(tags: Option<&Tags>, steps: &[Step]) -> Result<(), ReconcileError> {
    if steps.is_empty() {
        return Ok(());
    }
    tags.map_or(Ok(()), check_tags)?;
    for step in steps {
        let mut request = step.limited();
        strip(&mut request);
        let call = step.action().replacen(':', ".", 1);
        check_members(&call, "", "", &request)?;
    }
    Ok(())
}

/// Checks a target of a rule. `field` is the target's, such as `spec.targets[0]`.
///
/// # Errors
/// AWS would refuse the target, and with it all targets of the rule. The message names the field.
pub fn check_target(field: &str, target: &TargetSettings) -> Result<(), ReconcileError> {
    check_members("events.PutTargets", "Targets[].", field, &target.limited())?;
    template::problem(target).map_or(Ok(()), |(part, problem)| {
        let text = format!("{field}.{part} {problem}. Correct it.");
        Err(ReconcileError::invalid(Reason::InvalidSpec, text))
    })
}

/// Checks the tags that a resource is to have: those of the account, of the spec, and of the
/// operator.
fn check_tags(tags: &Tags) -> Result<(), ReconcileError> {
    let invalid = |text: String| Err(ReconcileError::invalid(Reason::InvalidSpec, format!("spec.tags{text}")));
    if tags.len() > TAGS_PER_RESOURCE {
        return invalid(format!(
            ": with spec.defaultTags of the AwsAccount and the operator's own tag there are {} tags, and AWS allows {TAGS_PER_RESOURCE} on a resource. Remove tags.",
            tags.len()
        ));
    }
    for (key, value) in tags.iter().filter(|(key, _)| *key != OWNER_TAG) {
        let place = excerpt(key);
        if key.to_ascii_lowercase().starts_with("aws:") {
            return invalid(format!("[{place}]: AWS reserves keys that start with \"aws:\". Choose another key."));
        }
        if !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 {
            return invalid(format!("[{place}]: a key has 1 to 128 characters and a value at most 256. Shorten it."));
        }
        if !key.chars().chain(value.chars()).all(patterns::tag_character) {
            return invalid(format!("[{place}]: AWS allows letters, digits, spaces and _ . : / = + - @ in tags. Remove other characters."));
        }
    }
    Ok(())
}

/// Checks the members of a request whose path in the models starts with `prefix`.
fn check_members(call: &str, prefix: &str, place: &str, request: &Value) -> Result<(), ReconcileError> {
    let Some(members) = MODELS.get(call) else { return Ok(()) };
    for (member, limits) in members {
        let Some(path) = member.strip_prefix(prefix) else { continue };
        let mut problem = None;
        visit(path, String::new(), request, &mut |at, value| {
            problem = problem.take().or_else(|| excess(limits, value).map(|(what, advice)| (at.to_owned(), what, advice)));
        });
        let Some((at, what, advice)) = problem else { continue };
        let (service, operation) = call.split_once('.').unwrap_or_default();
        let field = match fields::field(call, member) {
            Some(field) if place.is_empty() && field.starts_with('.') => format!("spec.targets[]{field}"),
            Some(field) => format!("{place}{field}"),
            None => format!("{operation}.{member}"),
        };
        let text = format!("{field}{at} {what} ({member} of {service}:{operation}). {advice}");
        return Err(ReconcileError::invalid(Reason::InvalidSpec, text));
    }
    Ok(())
}

/// Calls `found` with each value at a path of the models below `value`, and the keys of maps on the
/// way to it.
fn visit(path: &str, place: String, value: &Value, found: &mut dyn FnMut(&str, &Value)) {
    if path.is_empty() {
        found(&place, value);
    } else if let Some(rest) = path.strip_prefix("[]") {
        let rest = rest.trim_start_matches('.');
        value.as_array().into_iter().flatten().for_each(|item| visit(rest, place.clone(), item, found));
    } else if path == "{key}" {
        let keys = value.as_object().into_iter().flat_map(|map| map.keys());
        keys.for_each(|key| found(&format!("{place}[{}]", excerpt(key)), &Value::from(key.as_str())));
    } else if let Some(rest) = path.strip_prefix("{}") {
        let rest = rest.trim_start_matches('.');
        let all = value.as_object().into_iter().flatten();
        all.for_each(|(key, one)| visit(rest, format!("{place}[{}]", excerpt(key)), one, found));
    } else {
        let end = path.find(['.', '[', '{']).unwrap_or(path.len());
        let Some(member) = value.get(&path[..end]) else { return };
        visit(path[end..].trim_start_matches('.'), place, member, found);
    }
}

/// The beginning of a text of any length.
fn excerpt(text: &str) -> String {
    const LONGEST: usize = 40;
    if text.chars().count() <= LONGEST { text.to_owned() } else { text.chars().take(LONGEST).chain(['…']).collect() }
}

/// Returns what is wrong with a value, and what to do about it.
fn excess(limits: &Limits, value: &Value) -> Option<(String, &'static str)> {
    let (min, max) = (limits.min.unwrap_or(i64::MIN), limits.max.unwrap_or(i64::MAX));
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    match value {
        Value::String(text) => {
            // AWS counts UTF-16 code units, as Java does.
            let length = count(text.encode_utf16().count());
            if length > max {
                return Some((format!("has {length} characters, and AWS allows at most {max}"), "Shorten it."));
            }
            if length < min {
                return Some((format!("has {length} characters, and AWS requires at least {min}"), "Correct it."));
            }
            if limits.values.as_ref().is_some_and(|values| !values.contains(text)) {
                return Some((format!("is {text:?}, which AWS does not know"), "Correct it."));
            }
            let matches = limits.pattern.as_deref().and_then(|pattern| patterns::matches(pattern, text));
            if matches == Some(false) && text.is_empty() {
                return Some(("is empty, which AWS does not allow".to_owned(), "Correct it."));
            }
            (matches == Some(false)).then(|| ("contains characters that AWS does not allow".to_owned(), "Remove them."))
        }
        Value::Number(number) => {
            let number = number.as_i64()?;
            let text = if number > max { format!("at most {max}") } else { format!("at least {min}") };
            (number > max || number < min).then(|| (format!("is {number}, and AWS allows {text}"), "Correct it."))
        }
        Value::Array(items) => many(count(items.len()), max),
        Value::Object(members) => many(count(members.len()), max),
        Value::Null | Value::Bool(_) => None,
    }
}

fn many(number: i64, max: i64) -> Option<(String, &'static str)> {
    (number > max).then(|| (format!("has {number} entries, and AWS allows at most {max}"), "Remove some."))
}

#[cfg(test)]
mod tests;
