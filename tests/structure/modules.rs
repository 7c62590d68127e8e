//! No cycle between modules: siblings of one folder, at any depth, never import each other in a circle.
//!
//! A parent's own file is not a sibling of its children: it declares them, and they may use what it defines.

use std::collections::{BTreeMap, BTreeSet};

use syn::{
    Path, UseTree,
    visit::{self, Visit},
};

use crate::source::{CRATES, Source, TESTKIT, sources};

/// Paths that a file names, as segments from the crate's root.
struct Paths<'a> {
    module: &'a [String],
    found: BTreeSet<Vec<String>>,
}

impl Paths<'_> {
    /// Makes a path that begins with `crate`, `self` or `super` absolute; others are of another crate or of the same module.
    fn take(&mut self, segments: &[String]) {
        let mut base = self.module.to_vec();
        let mut rest = segments;
        match segments.first().map(String::as_str) {
            Some("crate") => {
                base.clear();
                rest = &segments[1..];
            }
            Some("self") => rest = &segments[1..],
            Some("super") => {
                while rest.first().is_some_and(|segment| segment == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            _ => return,
        }
        base.extend_from_slice(rest);
        self.found.insert(base);
    }

    fn tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: String| before.iter().cloned().chain([name]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => self.tree(&with(path.ident.to_string()), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(before, item)),
            UseTree::Name(name) => self.take(&with(name.ident.to_string())),
            UseTree::Rename(name) => self.take(&with(name.ident.to_string())),
            UseTree::Glob(_) => self.take(before),
        }
    }
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_use_tree(&mut self, tree: &'ast UseTree) {
        self.tree(&[], tree);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.take(&segments);
        visit::visit_path(self, path);
    }
}

fn module_of(file: &Source, folder: &str) -> Vec<String> {
    let inner = file.path.trim_start_matches(folder).trim_start_matches('/').trim_end_matches(".rs");
    inner.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main")).map(str::to_owned).collect()
}

/// Arrows between siblings: the common parent, then who uses whom.
fn arrows(folder: &str) -> BTreeMap<Vec<String>, BTreeSet<(String, String)>> {
    let files = sources(folder);
    let modules: BTreeSet<Vec<String>> = files.iter().map(|file| module_of(file, folder)).collect();
    let mut arrows: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for file in &files {
        let module = module_of(file, folder);
        let mut paths = Paths { module: &module, found: BTreeSet::new() };
        file.items.iter().for_each(|item| paths.visit_item(item));
        for path in paths.found {
            // The module that the path is in: its longest beginning that is one.
            let Some(target) = (1..=path.len()).rev().map(|length| path[..length].to_vec()).find(|path| modules.contains(path)) else {
                continue;
            };
            let common = module.iter().zip(&target).take_while(|(a, b)| a == b).count();
            if let (Some(from), Some(to)) = (module.get(common), target.get(common)) {
                arrows.entry(module[..common].to_vec()).or_default().insert((from.clone(), to.clone()));
            }
        }
    }
    arrows
}

/// Removes what nobody uses or what uses nobody, until only circles are left.
fn circle(arrows: &BTreeSet<(String, String)>) -> BTreeSet<(String, String)> {
    let mut left = arrows.clone();
    loop {
        let (from, to): (BTreeSet<_>, BTreeSet<_>) = left.iter().cloned().unzip();
        let count = left.len();
        left.retain(|(user, used)| to.contains(user) && from.contains(used));
        if left.len() == count {
            return left;
        }
    }
}

#[test]
fn modules_do_not_form_cycles() {
    let mut seen = 0;
    let mut circles = Vec::new();
    for (name, folder) in CRATES.into_iter().chain([TESTKIT]) {
        for (parent, arrows) in arrows(folder) {
            seen += arrows.len();
            let circle = circle(&arrows);
            if !circle.is_empty() {
                circles.push(format!("{name}::{}: {circle:?}", parent.join("::")));
            }
        }
    }
    assert!(seen > 100, "only {seen} imports between modules were found");
    assert!(circles.is_empty(), "modules that import each other in a circle:\n{}", circles.join("\n"));
}
