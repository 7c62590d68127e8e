//! Builds kustomizations. Those that only list resources and set a namespace are built here, so that
//! messages name the line of the source; for the others, `kustomize` or `kubectl` is run.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::cli::manifests::{
    Unit,
    reader::Reader,
    yaml::{self, Content, Node},
};

const FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Fields that do not change what a rule does.
const PLAIN: [&str; 12] = [
    "apiVersion",
    "kind",
    "metadata",
    "namespace",
    "resources",
    "labels",
    "commonLabels",
    "commonAnnotations",
    "buildMetadata",
    "sortOptions",
    "images",
    "replicas",
];

/// Programs that build a kustomization, and their arguments before the folder.
const TOOLS: [(&str, &str); 2] = [("kustomize", "build"), ("kubectl", "kustomize")];

/// Returns the kustomization file of a folder.
pub(super) fn file_in(folder: &Path) -> Option<PathBuf> {
    FILES.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Returns the folders that a kustomization is built from.
pub(super) fn folders(folder: &Path, file: &Path) -> Vec<PathBuf> {
    let node = std::fs::read_to_string(file).ok().and_then(|text| yaml::documents(&text).ok()?.into_iter().next());
    let fields = ["resources", "bases", "components"].into_iter();
    let lists = fields.filter_map(|field| node.as_ref()?.get(field)).flat_map(Node::items);
    let text = |node: &Node| match &node.content {
        Content::Scalar(Value::String(text)) => Some(folder.join(text)),
        _ => None,
    };
    lists.filter_map(text).filter(|path| path.is_dir()).collect()
}

/// Returns the documents of the kustomization in this folder.
pub(super) fn build(reader: &mut Reader, folder: &Path, file: &Path) -> Unit {
    let mut unit = Unit::new();
    let problems = reader.input.problems.len();
    if let Err(field) = plain(reader, folder, file, &mut Vec::new(), &mut unit) {
        unit.clear();
        reader.input.problems.truncate(problems);
        with_tool(reader, folder, &field, &mut unit);
    }
    unit
}

/// Builds a kustomization of plain fields only. `parents` are the folders that are being built.
///
/// # Errors
/// What needs a tool: a field, a URL, or a mistake that the tool explains.
fn plain(reader: &mut Reader, folder: &Path, file: &Path, parents: &mut Vec<PathBuf>, unit: &mut Unit) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let Some(node) = yaml::documents(&text).ok().and_then(|all| all.into_iter().next()) else { return Err("not YAML".into()) };
    let Content::Map(entries) = &node.content else { return Err("not an object".into()) };
    if let Some((field, ..)) = entries.iter().find(|(key, ..)| !PLAIN.contains(&key.as_str())) {
        return Err(field.clone());
    }
    let canonical = folder.canonicalize().map_err(|error| error.to_string())?;
    if parents.contains(&canonical) {
        return Err("resources".into());
    }
    parents.push(canonical);
    let from = unit.len();
    for resource in node.get("resources").map(Node::items).unwrap_or_default() {
        let Content::Scalar(Value::String(resource)) = &resource.content else { return Err("resources".into()) };
        let path = folder.join(resource);
        match file_in(&path) {
            Some(file) => {
                plain(reader, &path, &file, parents, unit)?;
            }
            None if path.is_file() => reader.file(&path, unit),
            None => return Err(format!("resources: {resource}")),
        }
    }
    parents.pop();
    if let Some(namespace) = node.text("namespace") {
        for document in unit.iter_mut().skip(from) {
            document.namespace = Some(namespace.to_owned());
        }
    }
    Ok(())
}

fn with_tool(reader: &mut Reader, folder: &Path, field: &str, unit: &mut Unit) {
    let name = folder.display().to_string();
    for (program, command) in TOOLS {
        let Ok(output) = Command::new(program).arg(command).arg(folder).output() else { continue };
        let label = format!("{program} {command} {name}");
        if !output.status.success() {
            let cause = String::from_utf8_lossy(&output.stderr);
            return reader.report(name, format!("`{label}` failed: {}. Correct the kustomization.", cause.trim().trim_end_matches('.')));
        }
        return reader.documents(&label, output.stdout, unit);
    }
    reader.report(
        name.clone(),
        format!(
            "building this kustomization ({field}) needs kustomize or kubectl, and neither is on the PATH. Install one, or run `kustomize build {name} | tributary test -` where it is."
        ),
    );
}
