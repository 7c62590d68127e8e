//! Generated files in the checkout are what the types say. `make generate` writes them.

#![allow(clippy::expect_used)]

use std::{collections::BTreeSet, path::Path};

#[test]
fn nothing_has_drifted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = tributary_testkit::product::generate::files(root).expect("the types can be written");
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
    use tributary_testkit::product::{
        ChangeEventsReason, ContestReason, CredentialsReason, DeletionBudgetReason, DeliverabilityReason, Reason,
    };
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/troubleshooting.md")).expect("the page exists");
    let reasons = Reason::iter().map(|reason| reason.to_string());
    let reasons = reasons.chain(DeliverabilityReason::iter().map(|reason| reason.to_string()));
    let reasons = reasons.chain(CredentialsReason::iter().map(|reason| reason.to_string()));
    let reasons = reasons.chain(ChangeEventsReason::iter().map(|reason| reason.to_string()));
    let reasons = reasons.chain(DeletionBudgetReason::iter().map(|reason| reason.to_string()));
    let reasons = reasons.chain(ContestReason::iter().map(|reason| reason.to_string()));
    let missing: Vec<_> = reasons.filter(|reason| !text.lines().any(|line| line == format!("### {reason}"))).collect();
    assert!(missing.is_empty(), "docs/reference/troubleshooting.md has no heading for {missing:?}");
}

/// All Rust and Python files below `folder`, with their text.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.append(&mut sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "py") {
            let text = std::fs::read_to_string(&path).expect("readable");
            found.push((path.display().to_string(), text));
        }
    }
    found
}

/// The id of a fact, such as `G4` or `PM13`; `E4b` is a variant of `E4`.
fn fact(word: &str) -> Option<&str> {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).trim_end_matches(|c: char| c.is_ascii_lowercase());
    let digits = word.trim_start_matches(|c: char| c.is_ascii_uppercase());
    let is_id = (1..=2).contains(&(word.len() - digits.len())) && (1..=2).contains(&digits.len());
    (is_id && digits.bytes().all(|b| b.is_ascii_digit())).then_some(word)
}

/// The ids that follow `docs/aws-facts.md,`, also across the lines of a comment. Files of the test bed cite the bare id.
fn cited<'a>(file: &str, text: &'a str) -> Vec<&'a str> {
    let bare: &[&str] = if file.contains("tests/bed/") { &["# ", "fact ", "facts "] } else { &[] };
    let marks = ["docs/aws-facts.md,"].into_iter().chain(bare.iter().copied());
    let after = marks.flat_map(|mark| text.split(mark).skip(1));
    let is_word = |word: &&str| !matches!(*word, "//" | "///" | "//!" | "#" | "to" | "and");
    after.flat_map(|rest| rest.split_whitespace().filter(is_word).map_while(fact)).collect()
}

#[test]
fn every_cited_aws_fact_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/aws-facts.md")).expect("the page exists");
    let rows = page.split("<a id=\"").skip(1).filter_map(|rest| rest.split_once("\"></a>")).map(|(anchor, _)| anchor.to_uppercase());
    let documented: BTreeSet<String> = rows.collect();
    assert!(documented.len() > 200, "{documented:?}");
    let files: Vec<_> = ["src", "crates", "tests"].iter().flat_map(|folder| sources(&root.join(folder))).collect();
    let citations: Vec<_> = files.iter().flat_map(|(file, text)| cited(file, text).into_iter().map(move |id| (file, id))).collect();
    assert!(citations.len() > 200, "{citations:?}");
    let missing: Vec<_> = citations.iter().filter(|(_, id)| !documented.contains(*id)).collect();
    assert!(missing.is_empty(), "docs/aws-facts.md has no row for {missing:?}");
}

/// Words and phrases of the glossary in STYLE.md that no description or message contains.
const BANNED: [&str; 44] = [
    "anew",
    "as whom",
    "attention",
    "born",
    "by itself",
    "edges",
    "for ever",
    "gets in",
    "goes on",
    "halt",
    "he",
    "himself",
    "his",
    "in earnest",
    "in hand",
    "leave out",
    "left out",
    "let in",
    "lets",
    "look",
    "looked",
    "looks",
    "made again",
    "make another",
    "memory",
    "nobody",
    "nor the other way round",
    "of its own",
    "patience",
    "poison",
    "put on",
    "puts on",
    "somebody",
    "someone",
    "speak of",
    "speaks of",
    "sweep",
    "tells",
    "tiding",
    "tidings",
    "told",
    "whoever",
    "worked off",
    "works off",
];

/// Returns the phrases of [`BANNED`] in the text, as whole words in any case.
fn banned(text: &str) -> Vec<&'static str> {
    let words: Vec<_> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let text = format!(" {} ", words.join(" "));
    BANNED.into_iter().filter(|phrase| text.contains(&format!(" {phrase} "))).collect()
}

/// Returns what is wrong with the texts of a schema and of all schemas in it.
fn problems(path: &str, schema: &serde_json::Value) -> Vec<String> {
    let mut all = Vec::new();
    let text = schema["description"].as_str().unwrap_or_default().trim();
    let named = !path.ends_with(['[', '{']) || schema["properties"].is_object();
    if named && text.is_empty() {
        all.push(format!("{path} has no description"));
    }
    all.extend(banned(text).into_iter().map(|phrase| format!("{path} says {phrase:?}: {text}")));
    if let (true, Some(low), Some(high)) = (path.contains(".spec."), schema["minimum"].as_f64(), schema["maximum"].as_f64())
        && !text.contains(&format!("{low} to {high}"))
    {
        all.push(format!("{path} does not describe its range, {low} to {high}: {text}"));
    }
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let message = rule["message"].as_str().unwrap_or_default();
        if !message.ends_with('.') {
            all.push(format!("{path} has a rule whose message is no sentence: {message:?}"));
        }
        all.extend(banned(message).into_iter().map(|phrase| format!("{path} says {phrase:?}: {message}")));
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        all.extend(problems(&format!("{path}.{name}"), field));
    }
    for (key, mark) in [("items", "["), ("additionalProperties", "{")] {
        if schema[key].is_object() {
            all.extend(problems(&format!("{path}{mark}"), &schema[key]));
        }
    }
    all
}

#[test]
fn every_field_of_a_crd_is_described_in_standard_words() {
    let crds = tributary_testkit::product::crds();
    assert!(crds.len() >= 8);
    let mut all = Vec::new();
    for crd in &crds {
        for version in &crd.spec.versions {
            let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref()).expect("each version has a schema");
            all.extend(problems(&crd.spec.names.kind, &serde_json::to_value(schema).expect("a schema is JSON")));
        }
    }
    assert!(all.is_empty(), "correct the doc comments and messages in crates/api:\n{}", all.join("\n"));
}

/// Calls `visit` with the path, the schema and whether it is required, for each field below a schema.
fn each_field(path: &str, schema: &serde_json::Value, visit: &mut dyn FnMut(&str, &serde_json::Value, bool)) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let required = schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        let path = format!("{path}.{name}");
        visit(&path, field, required);
        each_field(&path, field, visit);
    }
    for (key, mark) in [("items", "[]"), ("additionalProperties", ".*")] {
        if schema[key].is_object() {
            each_field(&format!("{path}{mark}"), &schema[key], visit);
        }
    }
}

#[test]
fn the_reference_has_every_field_with_its_meaning_its_default_and_its_kind_of_time() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/api.md")).expect("the page");
    let (mut wrong, mut seen, mut times) = (Vec::new(), 0, 0);
    for crd in tributary_testkit::product::crds() {
        let kind = crd.spec.names.kind.clone();
        let schema = serde_json::to_value(&crd.spec.versions[0].schema).expect("a schema is JSON");
        let section = page.split(&format!("\n## {kind}\n")).nth(1).expect("each kind has a section");
        let section = section.split("\n## ").next().unwrap_or_default();
        each_field("", &schema["openAPIV3Schema"], &mut |path, field, required| {
            let path = path.trim_start_matches('.');
            let top = !path.contains('.');
            if top || path.contains(".conditions[]") {
                return;
            }
            seen += 1;
            let row = section.lines().find(|line| line.starts_with(&format!("| `{path}` | ")) && !line.contains("` | rule |"));
            let text = field["description"].as_str().unwrap_or_default();
            let meaning = row.and_then(|row| row.rsplit(" | ").next()).unwrap_or_default();
            if meaning.trim_end_matches(" |").is_empty() {
                wrong.push(format!("{kind}.{path} has no meaning in the reference"));
            }
            if field["format"] == "date-time" {
                times += 1;
                if !row.is_some_and(|row| row.contains("time (RFC 3339)")) {
                    wrong.push(format!("{kind}.{path} does not say how a time is written"));
                }
            }
            let plain = field["enum"].is_array() || ["integer", "boolean"].contains(&field["type"].as_str().unwrap_or_default());
            if path.starts_with("spec") && plain && !required && !text.contains("efaults to") {
                wrong.push(format!("{kind}.{path} does not say what it defaults to: {text}"));
            }
        });
    }
    assert!(seen > 500 && times > 10, "{seen} fields, {times} times");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn banned_phrases_are_found_as_whole_words() {
    assert_eq!(banned("Left out: `Delete`."), ["left out"]);
    assert_eq!(banned("made\nanew, by itself"), ["anew", "by itself"]);
    assert_eq!(banned("`resyncSeconds`, the history of this"), [""; 0]);
}

#[test]
fn each_call_is_among_the_rights_and_each_right_is_for_a_call() {
    use tributary_testkit::product::Call;
    use tributary_testkit::product::iam_policy::Asked;
    use tributary_testkit::product::iam_policy::actions;
    let mut calls: BTreeSet<_> = Call::ALL.iter().map(|call| call.action()).collect();
    assert!(calls.len() > 80, "{calls:?}");
    // AWS permits it to every valid credential.
    calls.remove("sts:GetCallerIdentity");
    let granted = actions(Asked::ByCall);
    let difference: Vec<_> = calls.symmetric_difference(&granted).collect();
    assert!(difference.is_empty(), "Call::ALL of crates/aws and the features of crates/core/src/iam_policy differ: {difference:?}");
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/how-to/set-up-iam.md")).expect("the page");
    let told: BTreeSet<_> =
        page.split("<!-- rights: ").skip(1).filter_map(|part| part.split_once(" -->")).flat_map(|(names, _)| names.split(", ")).collect();
    let untold: Vec<_> = tributary_testkit::product::iam_policy::FEATURES
        .iter()
        .filter(|feature| !told.contains(feature.name))
        .map(|feature| feature.name)
        .collect();
    assert!(untold.is_empty(), "docs/how-to/set-up-iam.md has no policy for {untold:?}");
}

/// After all the other tests: `TRIBUTARY_ACTIONS` names the file in which each journal wrote down what was called.
#[test]
#[ignore = "needs the calls of a whole run, see tests/run.py"]
fn each_right_was_used_and_nothing_else_was_called() {
    use tributary_testkit::product::iam_policy::Asked;
    use tributary_testkit::product::iam_policy::actions;
    let file = std::env::var("TRIBUTARY_ACTIONS").expect("TRIBUTARY_ACTIONS names a file");
    let text = std::fs::read_to_string(file).expect("calls were written down");
    let made: BTreeSet<&str> = text.lines().filter(|call| !call.starts_with("sts:")).collect();
    let granted = actions(Asked::ByCall);
    let missing: Vec<_> = made.difference(&granted).collect();
    assert!(missing.is_empty(), "called, and in no feature of src/rights/features.rs: {missing:?}");
    let unexplained: Vec<_> = granted.difference(&made).collect();
    assert!(unexplained.is_empty(), "granted, and nothing in all the tests needs it: {unexplained:?}");
}
