//! Texts of a statement: lists, and policy variables in them.

use serde_json::Value;

use super::{
    context::Context,
    fits::Fits,
    pattern::{NoValue, Pattern, Wildcards},
};

/// Returns the texts of an element that is one value or a list.
pub(super) fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        single => vec![text(single)],
    }
}

/// How policy variables are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variables {
    /// Version 2012-10-17.
    Replaced,
    /// Version 2008-10-17, the default.
    Text,
    /// The version of the policy is not known.
    Unknown,
}

/// Reads the texts of one statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    variables: Variables,
    context: &'a Context,
    /// Whether a text that matches nothing may let the statement deny or allow the call.
    strict: bool,
}

impl<'a> Reader<'a> {
    /// The statement contains the version of its policy, see
    /// [`crate::policy_document::versioned_statements_of`].
    pub(super) fn of(statement: &Value, context: &'a Context, denies: bool) -> Self {
        let variables = match statement.get("Version").and_then(Value::as_str) {
            Some("2012-10-17") => Variables::Replaced,
            Some(_) => Variables::Text,
            None => Variables::Unknown,
        };
        Self { variables, context, strict: denies }
    }

    /// Returns the reader of a negated element, such as `NotResource`.
    pub(super) fn negated(self, negated: bool) -> Self {
        Self { strict: self.strict || negated, ..self }
    }

    /// Reads a text and compares it. A text whose variable has no value matches nothing.
    pub(super) fn read(self, text: &str, wildcards: Wildcards, compare: impl Fn(&Pattern) -> Fits) -> Fits {
        let as_text = || compare(&Pattern::plain(text, wildcards));
        if !text.contains("${") {
            return as_text();
        }
        let replaced = || match Pattern::with_variables(text, wildcards, self.context) {
            Ok(pattern) => compare(&pattern),
            // The documentation calls it non-matching. What that means for a denial, and for a negated
            // element, is left open.
            Err(NoValue::Absent(_)) if !self.strict => Fits::No,
            Err(NoValue::Absent(name) | NoValue::Unknown(name)) => Fits::Unknown(name),
        };
        match self.variables {
            Variables::Replaced => replaced(),
            Variables::Text => as_text(),
            Variables::Unknown => as_text().agreed(&replaced(), || format!("the version of the policy, for the variable in {text}")),
        }
    }
}
