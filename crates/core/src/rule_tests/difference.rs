//! The first difference between what a test expects and what the rule does.

use std::fmt;

use serde_json::Value;

/// Longest text of one side of a difference, in characters.
const MAX_CHARS: usize = 200;

/// The first difference of a failed test. Both sides are cut to a readable length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Name of the target whose input differs; `None` if the event pattern decides.
    pub target: Option<String>,
    /// Path in the event, or in the input of the target. Empty for the whole.
    pub path: String,
    /// What the test or the pattern expects.
    pub expected: String,
    /// What the event or the input has.
    pub actual: String,
}

impl Difference {
    /// A difference at a path in the event.
    pub(super) fn new(path: &str, expected: &str, actual: &str) -> Self {
        Self { target: None, path: path.into(), expected: cut(expected), actual: cut(actual) }
    }

    /// The same difference, in the input of this target.
    pub(super) fn of_target(self, target: &str) -> Self {
        Self { target: Some(target.into()), ..self }
    }

    /// The first difference between two texts.
    pub(super) fn of_texts(expected: &str, actual: &str) -> Option<Self> {
        if expected == actual {
            return None;
        }
        let same = expected.chars().zip(actual.chars()).take_while(|(a, b)| a == b).count();
        // Some of what is the same before it, so that the place can be found.
        let from = same.saturating_sub(MAX_CHARS / 4);
        let part = |text: &str| format!("{:?}", text.chars().skip(from).take(MAX_CHARS).collect::<String>());
        let path = if from == 0 { String::new() } else { format!("from character {}", from + 1) };
        Some(Self::new(&path, &part(expected), &part(actual)))
    }

    /// The first difference between two JSON values.
    pub(super) fn of_values(expected: &Value, actual: &Value) -> Option<Self> {
        values("$", expected, actual)
    }
}

fn values(path: &str, expected: &Value, actual: &Value) -> Option<Difference> {
    match (expected, actual) {
        (Value::Object(want), Value::Object(have)) => {
            let missing_or_different = want.iter().find_map(|(key, value)| {
                let path = format!("{path}.{key}");
                match have.get(key) {
                    Some(actual) => values(&path, value, actual),
                    None => Some(Difference::new(&path, &value.to_string(), "no value")),
                }
            });
            let unexpected = || have.iter().find(|(key, _)| !want.contains_key(*key));
            missing_or_different
                .or_else(|| unexpected().map(|(key, value)| Difference::new(&format!("{path}.{key}"), "no value", &value.to_string())))
        }
        (Value::Array(want), Value::Array(have)) => {
            let different = want.iter().zip(have).enumerate().find_map(|(at, (want, have))| values(&format!("{path}[{at}]"), want, have));
            let at = want.len().min(have.len());
            let element = |list: &[Value]| list.get(at).map_or_else(|| "no value".to_owned(), ToString::to_string);
            different
                .or_else(|| (want.len() != have.len()).then(|| Difference::new(&format!("{path}[{at}]"), &element(want), &element(have))))
        }
        // 1 and 1.0 are the same number in JSON.
        (Value::Number(want), Value::Number(have)) if want.as_f64() == have.as_f64() && (want.is_f64() || have.is_f64()) => None,
        (want, have) if want == have => None,
        (want, have) => Some(Difference::new(path, &want.to_string(), &have.to_string())),
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MAX_CHARS {
        return text.to_owned();
    }
    let kept: String = text.chars().take(MAX_CHARS - 3).collect();
    format!("{kept}...")
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(target) = &self.target {
            write!(f, "input of target {target}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "expected {}, got {}", self.expected, self.actual)
    }
}
