//! Manifests from files, folders, kustomizations and standard input. Nothing is read from a cluster.

mod all;
mod files;
mod kustomization;
mod objects;
mod reader;
mod rule;
mod schema;
#[cfg(test)]
mod tests;
mod typed;
pub(crate) mod yaml;

use std::fmt;

pub(crate) use all::Manifests;
pub(crate) use files::read;
pub(crate) use objects::{Found, Inventory};
pub(crate) use rule::ManifestRule;
use yaml::{Node, Place};

/// A document of a file.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// File as the user can open it, or the command that printed the document.
    pub(crate) file: String,
    /// `namespace` of the kustomization, which replaces that of the object.
    pub(crate) namespace: Option<String>,
    pub(crate) node: Node,
}

/// Documents that belong together, such as those of a kustomization. References are resolved within
/// them first.
pub(crate) type Unit = Vec<Document>;

/// All input, and what of it cannot be used.
#[derive(Debug, Default)]
pub(crate) struct Input {
    pub(crate) units: Vec<Unit>,
    pub(crate) problems: Vec<Problem>,
}

/// What cannot be used of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) file: String,
    /// `None` for the whole file.
    pub(crate) place: Option<Place>,
    /// What is wrong, and the next step.
    pub(crate) message: String,
}

impl Problem {
    fn of_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self { file: file.into(), place: None, message: message.into() }
    }

    fn at(document: &Document, place: Place, message: impl Into<String>) -> Self {
        Self { file: document.file.clone(), place: Some(place), message: message.into() }
    }

    /// Returns `FILE:LINE:COLUMN`.
    pub(crate) fn place(&self) -> String {
        match self.place {
            Some(Place { line, column }) => format!("{}:{line}:{column}", self.file),
            None => self.file.clone(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.message)
    }
}
