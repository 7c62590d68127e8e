//! JSON paths: the part of their syntax that EventBridge evaluates.
use super::error::{InputError, InputField, InputWarning, within};
use super::tree::{Content, Node};

/// A path from the event on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JsonPath {
    /// None for a path with syntax that EventBridge does not evaluate: no event has a value there.
    steps: Option<Vec<Step>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    Wildcard,
}

/// What a path leads to.
#[derive(Debug)]
pub(super) enum Found<'n> {
    One(&'n Node<'n>),
    /// All that a path with wildcards leads to.
    Many(Vec<&'n Node<'n>>),
}

impl Found<'_> {
    pub(super) fn json(&self) -> String {
        match self {
            Self::One(node) => node.json(),
            Self::Many(nodes) => format!("[{}]", nodes.iter().map(|node| node.json()).collect::<Vec<_>>().join(",")),
        }
    }
}

/// Reads a path.
///
/// # Errors
/// It is too long, or does not start at the event.
pub(super) fn read(text: &str, field: &InputField, warnings: &mut Vec<InputWarning>) -> Result<JsonPath, InputError> {
    within(field, text, super::MAX_PATH)?;
    let Some(rest) = text.strip_prefix('$').filter(|rest| rest.is_empty() || rest.starts_with(['.', '['])) else {
        let reason = "is not a JSON path: it must be $ or start with \"$.\"".to_owned();
        return Err(InputError::new(field.clone(), reason));
    };
    let mut warn = |reason: String| warnings.push(InputWarning { field: field.clone(), reason });
    let steps = match steps(rest) {
        Ok(steps) => Some(steps),
        Err(part) => {
            warn(format!("uses {part:?}, which EventBridge does not evaluate: no event has a value there"));
            None
        }
    };
    if rest.contains("['") || rest.contains("[\"") {
        warn("uses brackets for a key, and AWS documents dots only".to_owned());
    } else if let Some(c) = rest.chars().find(|c| steps.is_some() && !documented(*c)) {
        warn(format!("contains {c:?}, which is not among the characters that AWS documents for paths"));
    }
    Ok(JsonPath { steps })
}

/// "Dot notation, dashes, underscores, alphanumeric characters, array indices, wildcards (*), forward slashes" (EventBridge user guide,
/// "Amazon EventBridge input transformation").
fn documented(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '[' | ']' | '*')
}

/// The steps after `$`, or the part that is not among those that EventBridge evaluates.
fn steps(mut rest: &str) -> Result<Vec<Step>, &str> {
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, after) = if let Some(bracket) = rest.strip_prefix('[') { bracketed(bracket) } else { dotted(&rest[1..]) }.ok_or(rest)?;
        steps.push(step);
        rest = after;
        if !rest.is_empty() && !rest.starts_with(['.', '[']) {
            return Err(rest);
        }
    }
    Ok(steps)
}

fn dotted(rest: &str) -> Option<(Step, &str)> {
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    match name {
        "" => None,
        "*" => Some((Step::Wildcard, after)),
        _ if name.contains(['(', ')', '?', '@', ']']) => None,
        _ => Some((Step::Key(name.to_owned()), after)),
    }
}

fn bracketed(rest: &str) -> Option<(Step, &str)> {
    for quote in ['\'', '"'] {
        if let Some(text) = rest.strip_prefix(quote) {
            let (key, after) = text.split_once(quote)?;
            return Some((Step::Key(key.to_owned()), after.strip_prefix(']')?));
        }
    }
    let (inside, after) = rest.split_once(']')?;
    match inside {
        "*" => Some((Step::Wildcard, after)),
        _ if inside.bytes().all(|byte| byte.is_ascii_digit()) => inside.parse().ok().map(|index| (Step::Index(index), after)),
        _ => None,
    }
}

impl JsonPath {
    /// Whether EventBridge evaluates the path.
    pub(super) fn is_evaluated(&self) -> bool {
        self.steps.is_some()
    }

    /// What the path leads to. A path with wildcards always leads to a list, which may be empty.
    pub(super) fn find<'n>(&self, root: &'n Node<'n>) -> Option<Found<'n>> {
        let steps = self.steps.as_ref()?;
        let mut found = vec![root];
        for step in steps {
            found = found.into_iter().flat_map(|node| follow(step, node)).collect();
        }
        if steps.contains(&Step::Wildcard) { Some(Found::Many(found)) } else { found.pop().map(Found::One) }
    }
}

fn follow<'n>(step: &Step, node: &'n Node<'n>) -> Vec<&'n Node<'n>> {
    match (step, &node.content) {
        (Step::Key(key), Content::Object(_)) => node.member(key).into_iter().collect(),
        (Step::Index(index), Content::Array(elements)) => elements.get(*index).into_iter().collect(),
        // Tools write `.0` for an index, and the console accepts it.
        (Step::Key(key), Content::Array(elements)) => key.parse().ok().and_then(|index: usize| elements.get(index)).into_iter().collect(),
        (Step::Wildcard, Content::Array(elements)) => elements.iter().collect(),
        (Step::Wildcard, Content::Object(members)) => members.iter().map(|(_, member)| member).collect(),
        _ => Vec::new(),
    }
}
