//! Generated files in the checkout are what the types say. `make generate` writes them.

use std::path::Path;

#[test]
fn nothing_has_drifted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = tributary::cli::generate::files().expect("the types can be written");
    assert!(files.len() > 8);
    let drifted: Vec<_> = files
        .iter()
        .filter(|(path, text)| std::fs::read_to_string(root.join(path)).ok().as_ref() != Some(text))
        .map(|(path, _)| path.as_str())
        .collect();
    assert!(drifted.is_empty(), "run `make generate`: {drifted:?}");
}

#[test]
fn every_reason_is_explained() {
    use strum::IntoEnumIterator;
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/troubleshooting.md")).expect("the page exists");
    let missing: Vec<_> = tributary::runtime::halt::Reason::iter()
        .map(|reason| reason.to_string())
        .filter(|reason| !text.lines().any(|line| line == format!("### {reason}")))
        .collect();
    assert!(missing.is_empty(), "docs/troubleshooting.md has no heading for {missing:?}");
}
