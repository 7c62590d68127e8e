//! Values that differ because the tenants differ: namespace, tenant, account, Region, app name, and what the user declares. Names and ARNs
//! that contain them are compared without them.

use std::fmt::Write as _;

use serde_json::Value;

use crate::cli::diff::side::Object;

/// Which side a text is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    From,
    To,
}

/// A value of the one side, and what it is on the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    /// What the value is, such as `tenant`.
    pub(super) name: &'static str,
    pub(super) from: String,
    pub(super) to: String,
}

/// All declared differences.
#[derive(Clone, Debug, Default)]
pub(super) struct Declared {
    pub(super) pairs: Vec<Pair>,
    /// Texts of each side with the number of their pair, longest first.
    tokens: [Vec<(String, usize)>; 2],
}

impl Declared {
    /// Adds a pair, unless both values are the same or it is known.
    pub(super) fn add(&mut self, name: &'static str, from: &str, to: &str) {
        if from == to || from.is_empty() || to.is_empty() || self.pairs.iter().any(|pair| pair.from == from && pair.to == to) {
            return;
        }
        // Pairs with a value in common are one: two apps of one account, for example.
        let group = self.pairs.iter().position(|pair| pair.from == from || pair.to == to).unwrap_or(self.pairs.len());
        self.pairs.push(Pair { name, from: from.to_owned(), to: to.to_owned() });
        for (tokens, text) in self.tokens.iter_mut().zip([from, to]) {
            if !tokens.iter().any(|(known, _)| known == text) {
                tokens.push((text.to_owned(), group));
                tokens.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
            }
        }
    }

    /// Adds the pair of two names, and that of the part in which they differ, such as `dev` and `prod` of `acme-dev` and `acme-prod`.
    pub(super) fn add_names(&mut self, name: &'static str, from: &str, to: &str) {
        self.add(name, from, to);
        let (a, b): (Vec<_>, Vec<_>) = (from.split('-').collect(), to.split('-').collect());
        if a.len() == b.len() && a.len() > 1 {
            let mut different = a.iter().zip(&b).filter(|(a, b)| a != b);
            if let (Some((a, b)), None) = (different.next(), different.next()) {
                self.add(name, a, b);
            }
        }
    }

    /// Adds what two objects that correspond to each other declare.
    pub(super) fn add_objects(&mut self, from: &Object, to: &Object) {
        let text = |object: &Object, path: &str| object.spec.pointer(path).and_then(Value::as_str).map(str::to_owned);
        for (name, path) in [("tenant", "/tenant"), ("app", "/appName"), ("app", "/appDefinitionId"), ("region", "/region")] {
            if let (Some(from), Some(to)) = (text(from, path), text(to, path)) {
                self.add(name, &from, &to);
            }
        }
        if let (Some(from), Some(to)) = (text(from, "/accountRef/name"), text(to, "/accountRef/name")) {
            self.add_names("account", &from, &to);
        }
        let tenants = |object: &Object| object.spec["tenants"].as_array().cloned().unwrap_or_default();
        for (from, to) in tenants(from).iter().zip(&tenants(to)) {
            self.add("tenant", from.as_str().unwrap_or_default(), to.as_str().unwrap_or_default());
        }
    }

    /// Returns the text with declared values replaced by the number of their pair, so that texts that follow from each other are equal.
    pub(super) fn normalize(&self, end: End, text: &str) -> String {
        let tokens = &self.tokens[usize::from(end == End::To)];
        let (mut out, mut rest, mut before) = (String::with_capacity(text.len()), text, None);
        while let Some(c) = rest.chars().next() {
            let is_start = before.is_none_or(|before: char| !before.is_alphanumeric());
            let token = tokens.iter().find(|(token, _)| {
                is_start && rest.strip_prefix(token.as_str()).is_some_and(|after| !after.starts_with(char::is_alphanumeric))
            });
            if let Some((token, group)) = token {
                let _ = write!(out, "\u{1}{group}\u{1}");
                rest = &rest[token.len()..];
                before = token.chars().next_back();
            } else {
                out.push(c);
                rest = &rest[c.len_utf8()..];
                before = Some(c);
            }
        }
        out
    }

    /// Returns the value with all its texts normalized.
    pub(super) fn normalize_value(&self, end: End, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.normalize(end, text)),
            Value::Array(items) => items.iter().map(|item| self.normalize_value(end, item)).collect(),
            Value::Object(map) => map.iter().map(|(key, value)| (self.normalize(end, key), self.normalize_value(end, value))).collect(),
            other => other.clone(),
        }
    }
}
