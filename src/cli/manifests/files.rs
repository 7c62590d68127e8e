//! Finds the documents of files, folders and standard input.

use std::{
    collections::BTreeSet,
    io::Read,
    path::{Path, PathBuf},
};

use crate::cli::manifests::{Input, Unit, kustomization, reader::Reader};

/// Reads the documents of all paths. `-` is standard input.
pub(crate) fn read(paths: &[PathBuf]) -> Input {
    let mut walk = Walk::default();
    for path in paths {
        let mut unit = Unit::new();
        if path == Path::new("-") {
            let mut bytes = Vec::new();
            match std::io::stdin().lock().read_to_end(&mut bytes) {
                Ok(_) => walk.reader.documents("stdin", bytes, &mut unit),
                Err(error) => walk.reader.report("stdin", error.to_string()),
            }
        } else if path.is_dir() {
            walk.skip_bases(path, &mut BTreeSet::new());
            walk.folder(path, &mut unit);
        } else {
            walk.reader.file(path, &mut unit);
        }
        walk.reader.input.units.push(unit);
    }
    let mut input = walk.reader.input;
    input.units.retain(|unit| !unit.is_empty());
    input
}

/// Walks through folders.
#[derive(Default)]
struct Walk {
    reader: Reader,
    /// Folders that were read, so that links and resources of kustomizations are read once.
    seen: BTreeSet<PathBuf>,
}

impl Walk {
    /// Reads a folder and its subfolders. A folder with a kustomization is built.
    fn folder(&mut self, path: &Path, unit: &mut Unit) {
        if !self.enter(path) {
            return;
        }
        if path.join("Chart.yaml").is_file() {
            let path = path.display();
            return self.reader.report(path.to_string(), format!("is a Helm chart. Run `helm template {path} | tributary test -`."));
        }
        let entries = entries(path);
        if let Some(file) = kustomization::file_in(path) {
            let built = kustomization::build(&mut self.reader, path, &file);
            self.reader.input.units.push(built);
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
                self.reader.file(&entry, unit);
            }
        }
    }

    /// Marks the resources of all kustomizations as read. They are often incomplete without the
    /// kustomization that they are a base of.
    fn skip_bases(&mut self, path: &Path, visited: &mut BTreeSet<PathBuf>) {
        if !visited.insert(canonical(path)) {
            return;
        }
        for folder in kustomization::file_in(path).iter().flat_map(|file| kustomization::folders(path, file)) {
            self.enter(&folder);
        }
        for folder in entries(path).iter().filter(|entry| entry.is_dir()) {
            self.skip_bases(folder, visited);
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
    fn enter(&mut self, path: &Path) -> bool {
        self.seen.insert(canonical(path))
    }
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
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
