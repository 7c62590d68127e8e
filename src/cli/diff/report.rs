//! What a comparison found, and its JSON form: `docs/how-to/compare-environments.md`.

use serde_json::{Value, json};

use crate::cli::diff::declared::Pair;

/// What differs.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) from: String,
    pub(super) to: String,
    /// Values that differ for a reason.
    pub(super) declared: Vec<Pair>,
    /// Objects that both sides have, also those that are the same.
    pub(super) objects: Vec<Pairing>,
    pub(super) only_in_from: Vec<Lone>,
    pub(super) only_in_to: Vec<Lone>,
}

/// Two objects that correspond to each other.
#[derive(Debug)]
pub(super) struct Pairing {
    pub(super) kind: String,
    /// Names.
    pub(super) from: String,
    pub(super) to: String,
    pub(super) differences: Vec<Difference>,
}

/// An object that only one side has.
#[derive(Debug)]
pub(super) struct Lone {
    pub(super) kind: String,
    pub(super) name: String,
}

/// A field that differs. Of a list whose order has no meaning, the items that only one side has.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) field: String,
    pub(super) from: Option<Value>,
    pub(super) to: Option<Value>,
}

impl Difference {
    pub(super) fn new(field: &str, from: Option<&Value>, to: Option<&Value>) -> Self {
        Self { field: field.to_owned(), from: from.cloned(), to: to.cloned() }
    }
}

impl Report {
    pub(super) fn different(&self) -> impl Iterator<Item = &Pairing> {
        self.objects.iter().filter(|pairing| !pairing.differences.is_empty())
    }

    pub(super) fn is_same(&self) -> bool {
        self.different().next().is_none() && self.only_in_from.is_empty() && self.only_in_to.is_empty()
    }

    pub(super) fn json(&self, problems: &[String]) -> Value {
        let lone = |all: &[Lone]| all.iter().map(|of| json!({"kind": of.kind, "name": of.name})).collect::<Value>();
        let difference = |of: &Difference| json!({"field": of.field, "from": of.from, "to": of.to});
        let pairing = |of: &Pairing| json!({"kind": of.kind, "from": of.from, "to": of.to, "differences": of.differences.iter().map(difference).collect::<Value>()});
        let different = self.different().count();
        json!({
            "schema": "diff/v1", "from": self.from, "to": self.to,
            "declared": self.declared.iter().map(|pair| json!({"name": pair.name, "from": pair.from, "to": pair.to})).collect::<Value>(),
            "objects": self.different().map(pairing).collect::<Value>(),
            "onlyInFrom": lone(&self.only_in_from), "onlyInTo": lone(&self.only_in_to),
            "summary": {"compared": self.objects.len(), "different": different, "onlyInFrom": self.only_in_from.len(), "onlyInTo": self.only_in_to.len()},
            "errors": problems,
        })
    }
}
