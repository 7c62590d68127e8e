//! Sizes: files that can be read at a sitting, functions that fit a screen.

use proc_macro2::Span;
use syn::{
    ImplItemFn, ItemFn, TraitItemFn,
    spanned::Spanned,
    visit::{self, Visit},
};

use crate::source::{TESTKIT, all, sources};

const LONGEST_FILE: usize = 400;
const MEDIAN_FILE: usize = 150;
const LONGEST_FUNCTION: usize = 60;

#[derive(Default)]
struct Functions(Vec<(String, usize)>);

impl Functions {
    fn take(&mut self, name: &syn::Ident, span: Span) {
        self.0.push((name.to_string(), span.end().line + 1 - span.start().line));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.take(&function.sig.ident, function.sig.span().join(function.block.span()).unwrap_or_else(|| function.block.span()));
        visit::visit_item_fn(self, function);
    }
    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.take(&function.sig.ident, function.sig.span().join(function.block.span()).unwrap_or_else(|| function.block.span()));
        visit::visit_impl_item_fn(self, function);
    }
    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(block) = &function.default {
            self.take(&function.sig.ident, function.sig.span().join(block.span()).unwrap_or_else(|| block.span()));
        }
        visit::visit_trait_item_fn(self, function);
    }
}

/// Tests tell a story from top to bottom, so only their files are limited.
#[test]
fn files_of_tests_stay_small() {
    let files: Vec<_> = ["tests", TESTKIT.1].into_iter().flat_map(sources).collect();
    assert!(files.len() > 100, "{} files", files.len());
    let lines = |text: &str| text.lines().count();
    let large: Vec<_> = files.iter().filter(|file| lines(&file.text) > LONGEST_FILE).map(|file| (&file.path, lines(&file.text))).collect();
    assert!(large.is_empty(), "too large: {large:?}");
}

#[test]
fn files_and_functions_stay_small() {
    let (mut lines, mut large) = (Vec::new(), Vec::new());
    for file in all() {
        let count = file.text.lines().count();
        lines.push(count);
        if count > LONGEST_FILE {
            large.push(format!("{}: {count} lines", file.path));
        }
        let mut functions = Functions::default();
        file.items.iter().for_each(|item| functions.visit_item(item));
        let long = functions.0.into_iter().filter(|(_, count)| *count > LONGEST_FUNCTION);
        large.extend(long.map(|(name, count)| format!("{}: fn {name} has {count} lines", file.path)));
    }
    lines.sort_unstable();
    assert!(lines.len() > 150, "{} files", lines.len());
    assert!(large.is_empty(), "too large:\n{}", large.join("\n"));
    assert!(lines[lines.len() / 2] < MEDIAN_FILE, "the median file has {} lines", lines[lines.len() / 2]);
}
