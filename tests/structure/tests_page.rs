//! `tests/README.md` names files that exist, and covers every mutant.

use std::{collections::BTreeSet, fs, path::Path};

use super::source::root;

/// Texts between backticks.
fn quoted(page: &str) -> impl Iterator<Item = &str> {
    page.split('`').skip(1).step_by(2)
}

fn mutants(folder: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name().into_string().expect("text"));
    names.filter_map(|name| name.strip_suffix(".patch").map(str::to_owned)).collect()
}

#[test]
fn the_page_of_tests_is_complete() {
    let tests = root().join("tests");
    let page = fs::read_to_string(tests.join("README.md")).expect("the page");
    let tables = page.lines().filter(|line| line.starts_with('|')).collect::<Vec<_>>().join("\n");
    let folders = ["bench/", "demo/", "e2e/", "pods/", "properties/", "reliability/"];
    let files: Vec<_> =
        quoted(&tables).filter(|text| folders.iter().any(|folder| text.starts_with(folder)) && !text.contains('{')).collect();
    assert!(files.len() > 40, "{files:?}");
    let missing: Vec<_> = files.iter().filter(|file| !tests.join(file).exists()).collect();
    assert!(missing.is_empty(), "tests/README.md names what does not exist: {missing:?}");
    let covers = |name: &str| {
        quoted(&tables).any(|text| {
            text.strip_suffix('*').map_or(text == name, |head| !head.contains('/') && !head.is_empty() && name.starts_with(head))
        })
    };
    let missing: Vec<_> = mutants(&tests.join("mutants")).into_iter().filter(|name| !covers(name)).collect();
    assert!(missing.is_empty(), "tests/README.md has no row for the mutants {missing:?}");
}

#[test]
fn the_reliability_page_shows_the_stored_rows() {
    let read = |name: &str| fs::read_to_string(root().join("docs").join(name)).expect("readable");
    let (page, stored): (_, serde_json::Value) = (read("reliability.md"), serde_json::from_str(&read("reliability.json")).expect("JSON"));
    let rows = stored["rows"].as_array().expect("rows");
    assert!(rows.len() > 30, "{} rows", rows.len());
    for row in rows {
        let text = |key: &str| row[key].as_str().expect("text").to_owned();
        let line = format!("| {} | {} | {} | {} |", text("id"), text("what"), row["n"], row["failed"]);
        assert!(page.contains(&line), "run tests/reliability.py render: docs/reliability.md lacks {line}");
    }
}
