//! Finds the documents of files, folders and standard input.

use std::{
    collections::BTreeSet,
    io::Read,
    path::{Path, PathBuf},
};

use crate::cli::manifests::{Document, Input, Problem, Unit, kustomization, yaml};

/// Reads the documents of all paths. `-` is standard input.
pub(crate) fn read(paths: &[PathBuf]) -> Input {
    let mut reader = Reader::default();
    for path in paths {
        let mut unit = Unit::new();
        if path == Path::new("-") {
            let mut bytes = Vec::new();
            match std::io::stdin().lock().read_to_end(&mut bytes) {
                Ok(_) => reader.documents("stdin", bytes, &mut unit),
                Err(error) => reader.report("stdin", error.to_string()),
            }
        } else if path.is_dir() {
            reader.folder(path, &mut unit);
        } else {
            reader.file(path, &mut unit);
        }
        reader.input.units.push(unit);
    }
    reader.input.units.retain(|unit| !unit.is_empty());
    reader.input
}

/// Reads documents and collects what cannot be read.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) input: Input,
    /// Folders that were read, so that links and resources of kustomizations are read once.
    pub(super) seen: BTreeSet<PathBuf>,
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

    /// Reads a folder and its subfolders. A folder with a kustomization is built.
    fn folder(&mut self, path: &Path, unit: &mut Unit) {
        if !self.enter(path) {
            return;
        }
        if path.join("Chart.yaml").is_file() {
            let path = path.display();
            return self.report(path.to_string(), format!("is a Helm chart. Run `helm template {path} | tributary test -`."));
        }
        let entries = entries(path);
        if let Some(file) = kustomization::file_in(path) {
            let built = kustomization::build(self, path, &file);
            self.input.units.push(built);
            // Other files below are patches and generators' sources.
            for folder in entries.iter().filter(|entry| entry.is_dir()) {
                self.kustomizations_below(folder);
            }
            return;
        }
        for entry in entries {
            if entry.is_dir() {
                self.folder(&entry, unit);
            } else if is_manifest(&entry) {
                self.file(&entry, unit);
            }
        }
    }

    fn kustomizations_below(&mut self, path: &Path) {
        if kustomization::file_in(path).is_some() {
            self.folder(path, &mut Unit::new());
        } else if self.enter(path) {
            for folder in entries(path).iter().filter(|entry| entry.is_dir()) {
                self.kustomizations_below(folder);
            }
        }
    }

    /// Returns whether the folder is new.
    pub(super) fn enter(&mut self, path: &Path) -> bool {
        self.seen.insert(path.canonicalize().unwrap_or_else(|_| path.to_owned()))
    }
}

/// Returns what is in a folder and not hidden, by name.
fn entries(path: &Path) -> Vec<PathBuf> {
    let is_hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let mut all: Vec<_> = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    all.retain(|path| !is_hidden(path));
    all.sort();
    all
}

/// Returns whether the file can be a manifest. Other YAML and JSON files are skipped.
fn is_manifest(path: &Path) -> bool {
    let has_extension = path.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known));
    has_extension && std::fs::read(path).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains("apiVersion"))
}
