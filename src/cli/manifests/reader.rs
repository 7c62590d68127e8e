//! Reads the documents of a file, and collects what cannot be read.

use std::path::Path;

use crate::cli::manifests::{Document, Input, Problem, Unit, yaml};

/// Reads documents and collects what cannot be read.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) input: Input,
}

impl Reader {
    pub(super) fn report(&mut self, file: impl Into<String>, message: impl Into<String>) {
        self.input.problems.push(Problem::of_file(file, message));
    }

    /// Reads a file that the user or a kustomization names.
    pub(super) fn file(&mut self, path: &Path, unit: &mut Unit) {
        match std::fs::read(path) {
            Ok(bytes) => self.documents(&path.display().to_string(), bytes, unit),
            Err(error) => self.report(path.display().to_string(), format!("{error}. Correct the path.")),
        }
    }

    pub(super) fn documents(&mut self, file: &str, bytes: Vec<u8>, unit: &mut Unit) {
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                return self.report(file, format!("byte {} is not UTF-8. Save the file as UTF-8.", error.utf8_error().valid_up_to()));
            }
        };
        match yaml::documents(&text) {
            Ok(nodes) => unit.extend(nodes.into_iter().map(|node| Document { file: file.to_owned(), namespace: None, node })),
            Err((place, cause)) => {
                let message = if text.contains("{{") {
                    format!("not YAML: {cause}. For a Helm template, run `helm template CHART | tributary test -`.")
                } else {
                    format!("not YAML: {cause}. Correct it.")
                };
                self.input.problems.push(Problem { file: file.to_owned(), place: Some(place), message });
            }
        }
    }
}
