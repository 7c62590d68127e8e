//! Reads the product's own source files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use syn::{Attribute, Item};

/// A source file of the product, without its tests.
pub struct Source {
    /// Relative to the repository, such as `crates/core/src/error.rs`.
    pub path: String,
    pub text: String,
    pub items: Vec<Item>,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Roots of the crates whose structure is checked: name of the crate and its source folder.
pub const CRATES: [(&str, &str); 6] = [
    ("tributary", "src"),
    ("tributary_api", "crates/api/src"),
    ("tributary_aws", "crates/aws/src"),
    ("tributary_benchling", "crates/benchling/src"),
    ("tributary_core", "crates/core/src"),
    ("tributary_pattern", "crates/pattern/src"),
];

/// The support crate of the tests: the size of its files and functions and its modules are checked too.
pub const TESTKIT: (&str, &str) = ("tributary_testkit", "crates/testkit/src");

/// All source files of a folder, sorted by path.
pub fn sources(folder: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&root().join(folder), &mut paths);
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("readable");
            let items = syn::parse_file(&text).expect("Rust source").items.into_iter().filter(|item| !is_test(item)).collect();
            Source { path: path.strip_prefix(root()).expect("below the root").display().to_string(), text, items }
        })
        .collect()
}

/// All source files of the product.
pub fn all() -> Vec<Source> {
    CRATES.iter().flat_map(|(_, folder)| sources(folder)).collect()
}

/// Paths of the modules of tests that a file declares with `#[cfg(test)] mod name;`, without `.rs`.
pub fn test_modules(parent: &Source) -> impl Iterator<Item = String> {
    let inner = parent.path.trim_end_matches(".rs");
    let folder = ["/mod", "/lib", "/main"].iter().find_map(|end| inner.strip_suffix(end)).unwrap_or(inner).to_owned();
    let items = syn::parse_file(&parent.text).expect("Rust source").items;
    items.into_iter().filter(is_test).filter_map(move |item| match item {
        Item::Mod(module) if module.content.is_none() => Some(format!("{folder}/{}", module.ident)),
        _ => None,
    })
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") && path.file_name().is_some_and(|name| name != "tests.rs") {
            into.push(path);
        }
    }
}

fn is_test(item: &Item) -> bool {
    let Item::Mod(module) = item else { return false };
    module.attrs.iter().any(|attribute| attribute.path().is_ident("cfg") && tokens(attribute).contains("test"))
}

fn tokens(attribute: &Attribute) -> String {
    attribute.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default()
}
