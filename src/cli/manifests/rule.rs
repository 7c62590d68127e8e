//! One rule of a manifest, for `tributary pattern test`.

use std::path::Path;

use tributary_core::{
    kinds::of_manifest,
    rule_tests::{self, Subject},
};

use crate::cli::{
    Error,
    manifests::{Found, Inventory, Problem, read},
};

/// A rule of a manifest.
pub(crate) struct ManifestRule {
    inventory: Inventory,
    found: Found,
    subject: Subject,
}

impl ManifestRule {
    /// Reads the rule of this name, or the only one.
    ///
    /// # Errors
    /// The manifest cannot be used, or it does not have exactly one such rule.
    pub(crate) fn read(path: &Path, name: Option<&str>) -> Result<Self, Error> {
        let inventory = Inventory::new(read(&[path.to_owned()]));
        let is_named =
            |found: &&Found| name.is_none_or(|name| found.key() == name || found.key().split_once('/').is_some_and(|(_, of)| of == name));
        let named: Vec<_> = inventory.rules.iter().filter(is_named).cloned().collect();
        let [found] = named.as_slice() else {
            if let Some(problem) = inventory.problems.first() {
                return Err(problem.to_string().into());
            }
            let all: Vec<_> = inventory.rules.iter().map(Found::key).collect();
            let has = if all.is_empty() { "has no EventRule".to_owned() } else { format!("has the rules {}", all.join(", ")) };
            return Err(format!("{} {has}. Name one of them in --rule.", path.display()).into());
        };
        let found = found.clone();
        let manifest = of_manifest(&found.rule, &inventory.view(found.unit)).map_err(|message| found.problem(message).to_string())?;
        Ok(Self { subject: manifest.subject, inventory, found })
    }

    /// Returns the pattern that AWS gets.
    ///
    /// # Errors
    /// The rule has a schedule only.
    pub(crate) fn pattern(&self) -> Result<String, Error> {
        let pattern = self.subject.pattern.as_ref().ok_or_else(|| self.problem("the rule has a schedule and no pattern"))?;
        Ok(pattern.to_string())
    }

    /// Returns the event of a test of the rule.
    ///
    /// # Errors
    /// There is no such test, or its event cannot be read.
    pub(crate) fn event(&self, name: &str) -> Result<String, Error> {
        let test = self.found.rule.spec.tests.iter().find(|test| test.name == name);
        let test = test.ok_or_else(|| self.problem(&format!("the rule has no test {name:?} in spec.tests")))?;
        let event = rule_tests::resolve(test, &self.subject, &self.inventory.config_map_values(&self.found));
        Ok(event.map_err(|why| self.problem(why.trim_end_matches('.')))?.to_string())
    }

    fn problem(&self, message: &str) -> Problem {
        self.found.problem(format!("{message}."))
    }
}

impl std::error::Error for Problem {}
