//! The condition keys of a call.

use std::collections::BTreeMap;

/// What is known of a condition key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// The call contains the key with these values.
    Values(Vec<String>),
    /// The call does not contain the key.
    Absent,
    /// No statement that requires a value of the key allows the call. Nothing else is known.
    Withheld,
}

/// The condition keys of a call. What is known of none is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    keys: BTreeMap<String, Key>,
    conditions_unsupported: bool,
}

impl Context {
    /// Adds a key with a value. Names of keys are not case-sensitive.
    #[must_use]
    pub fn with(self, key: &str, value: &str) -> Self {
        self.with_values(key, &[value])
    }

    /// Adds a key with several values.
    #[must_use]
    pub fn with_values(self, key: &str, values: &[&str]) -> Self {
        self.set(key, Key::Values(values.iter().map(|value| (*value).to_owned()).collect()))
    }

    /// Adds keys that the call does not contain. A name that ends in `/` is that of all keys that
    /// begin with it.
    #[must_use]
    pub fn without(self, keys: &[&str]) -> Self {
        keys.iter().fold(self, |context, key| context.set(key, Key::Absent))
    }

    /// Adds keys of which it is known only that no statement that requires a value allows the call.
    #[must_use]
    pub fn withholding(self, keys: &[&str]) -> Self {
        keys.iter().fold(self, |context, key| context.set(key, Key::Withheld))
    }

    /// Marks a call that AWS does not support with conditions in policies: of a key that was not
    /// added it is known only that no statement that requires a value allows the call, and a
    /// statement whose condition is met allows it perhaps.
    #[must_use]
    pub fn without_conditions(mut self) -> Self {
        self.conditions_unsupported = true;
        self
    }

    fn set(mut self, key: &str, value: Key) -> Self {
        self.keys.insert(key.to_lowercase(), value);
        self
    }

    pub(super) fn conditions_unsupported(&self) -> bool {
        self.conditions_unsupported
    }

    /// Returns what is known of a key; `None` if nothing is.
    pub(super) fn get(&self, key: &str) -> Option<&Key> {
        let key = key.to_lowercase();
        let group = || key.split_once('/').and_then(|(head, _)| self.keys.get(&format!("{head}/")));
        let other = || self.conditions_unsupported.then_some(&Key::Withheld);
        self.keys.get(&key).or_else(group).or_else(other)
    }
}
