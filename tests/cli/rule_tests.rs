//! `tributary test`: which rules it finds, what they refer to, and the exit code.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::{Folder, text, tributary, with_input};

/// A rule on a bus that matches the source `lims`. `tests` begins with a new line, or is ` []`.
pub(crate) fn rule(name: &str, tests: &str) -> String {
    format!(
        "apiVersion: tributary.dev/v1alpha1\nkind: EventRule\nmetadata: {{name: {name}}}\nspec:\n  busRef: {{name: bus}}\n  \
         eventPattern: {{source: [lims]}}\n  targets: []\n  tests:{tests}"
    )
}

const PASSES: &str = "\n    - {name: t, event: {source: lims}, expect: Match}\n";
const FAILS: &str = "\n    - {name: t, event: {source: other}, expect: Match}\n";

#[test]
fn the_exit_code_says_whether_all_passed() {
    let unknown_sample = "\n    - {name: t, sample: x, expect: Match}\n";
    let no_config_map = "\n    - {name: t, eventFrom: {configMapKeyRef: {name: m, key: k}}, expect: Match}\n";
    for (tests, flags, code) in [
        (PASSES, &[][..], 0),
        (FAILS, &[], 1),
        (unknown_sample, &[], 2),
        (no_config_map, &[], 2),
        (" []\n", &[], 0),
        (" []\n", &["--require-tests"], 1),
        (PASSES, &["--require-tests"], 0),
    ] {
        let folder = Folder::new(&[("rule.yaml", &rule("r", tests))]);
        let output = folder.run(&[&["test", "rule.yaml"], flags].concat());
        assert_eq!(output.status.code(), Some(code), "{tests} {flags:?}: {}", text(&output.stdout));
    }
    assert_eq!(tributary(&["test"]).output().unwrap().status.code(), Some(2), "a path is required");
}

#[test]
fn an_error_of_the_input_has_file_line_and_column() {
    for (content, expected) in [
        (
            rule("r", "\n    - {name: t, event: {}, expct: Match}\n"),
            "f.yaml:9:28: spec.tests[0].expct: unknown field. Did you mean expect?",
        ),
        (
            rule("r", "\n    - {name: t, event: {}, expect: Maybe}\n"),
            "f.yaml:9:36: spec.tests[0].expect: \"Maybe\" is not supported. Use one of Match, NoMatch.",
        ),
        (
            rule("r", PASSES).replace("kind: EventRule", "kind: EventRules"),
            "f.yaml:2:7: kind EventRules does not exist in tributary.dev. Did you mean EventRule?",
        ),
        (
            rule("r", PASSES).replace("/v1alpha1", "/v1"),
            "f.yaml:1:13: apiVersion tributary.dev/v1 does not exist. Use tributary.dev/v1alpha1.",
        ),
        (rule("r", PASSES).replace("{name: r}", "{}"), "f.yaml:3:11: metadata.name is missing. Add it."),
        (rule("r", PASSES).replace("[lims]", "lims"), "f.yaml:6:26: spec.eventPattern.source must be a list, not a string. Correct it."),
        (format!("{{{{ .Values.x }}}}: {{{{ y }}}}\n{}", rule("r", PASSES)), "run `helm template CHART | tributary test -`."),
        ("a: [b\n".into(), "f.yaml:1:4: not YAML: unclosed bracket '['. Correct it."),
        ("a: b\n".into(), "input: no EventRule found. Correct the path."),
    ] {
        let folder = Folder::new(&[("f.yaml", &content)]);
        let output = folder.run(&["test", "f.yaml"]);
        assert_eq!(output.status.code(), Some(2), "{content}");
        assert!(text(&output.stdout).contains(expected), "{expected}\n{}", text(&output.stdout));
    }
    let output = tributary(&["test", "/does/not/exist"]).output().unwrap();
    assert!(output.status.code() == Some(2) && text(&output.stdout).contains("/does/not/exist: "), "{}", text(&output.stdout));
    let folder = Folder::new(&[]);
    fs::create_dir_all(folder.path()).unwrap();
    fs::write(folder.path().join("f.yaml"), b"a: \xff\n").unwrap();
    assert!(text(&folder.run(&["test", "f.yaml"]).stdout).contains("f.yaml: byte 3 is not UTF-8. Save the file as UTF-8."));
}

#[test]
fn standard_input_has_everything_that_a_rule_refers_to() {
    let input = r#"
apiVersion: v1
kind: List
items:
  - apiVersion: tributary.dev/v1alpha1
    kind: EventRule
    metadata: {name: all, namespace: prod}
    spec:
      busRef: {kind: BenchlingSubscription, name: lims}
      benchling: {}
      targets: []
      tests:
        - {name: from its source, event: {source: aws.partner/benchling.com/acme/seq}, expect: Match}
        - {name: from another, event: {source: aws.partner/benchling.com/globex/seq}, expect: NoMatch}
        - {name: recorded, eventFrom: {configMapKeyRef: {name: events, key: e.json}}, expect: Match}
---
apiVersion: tributary.dev/v1alpha1
kind: BenchlingSubscription
metadata: {name: lims, namespace: prod}
spec: {tenant: acme, appName: seq}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: events, namespace: prod}
data: {e.json: '{"source": "aws.partner/benchling.com/acme/seq"}'}
"#;
    let output = with_input(tributary(&["test", "-"]), input);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).ends_with("1 rule, 3 tests: 3 passed, 0 failed\n"), "{}", text(&output.stdout));

    let (without, _) = input.split_once("---\napiVersion: tributary.dev/v1alpha1\nkind: BenchlingSubscription").unwrap();
    let output = with_input(tributary(&["test", "-"]), without);
    assert!(text(&output.stdout).contains("BenchlingSubscription prod/lims is not in the input"), "{}", text(&output.stdout));
}

#[test]
fn a_plain_kustomization_is_built_without_a_tool() {
    let webhooks = rule("r", "\n    - {name: t, event: {source: benchling.webhook/prod/lims/acme}, expect: Match}\n")
        .replace("{name: bus}", "{kind: BenchlingApp, name: lims}")
        .replace("eventPattern: {source: [lims]}", "benchling: {}");
    let folder = Folder::new(&[
        ("prod/kustomization.yaml", "namespace: prod\nresources: [../base]\n"),
        ("base/kustomization.yaml", "resources: [rule.yaml]\n"),
        ("base/rule.yaml", &webhooks),
        ("base/patch.yaml", &rule("not-a-resource", FAILS)),
    ]);
    let all = tributary(&["test", "."]).current_dir(folder.path()).env("PATH", "").output().unwrap();
    assert!(
        text(&all.stdout).ends_with("\n1 rule, 1 test: 1 passed, 0 failed\n"),
        "a base is not tested on its own: {}",
        text(&all.stdout)
    );
    let output = tributary(&["test", "prod"]).current_dir(folder.path()).env("PATH", "").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).starts_with("prod/r (prod/../base/rule.yaml:1)\n"), "{}", text(&output.stdout));
}

#[test]
fn other_kustomizations_need_a_tool() {
    let folder = Folder::new(&[
        ("k/kustomization.yaml", "resources: [rule.yaml]\nnamePrefix: x-\n"),
        ("k/rule.yaml", &rule("r", PASSES)),
        ("bin/kustomize", &format!("#!/bin/sh\n[ \"$1 $2\" = 'build k' ] && cat <<'EOF'\n{}\nEOF\n", rule("x-r", PASSES))),
    ]);
    let run = |path: &str| tributary(&["test", "k"]).current_dir(folder.path()).env("PATH", path).output().unwrap();
    let without = run("");
    assert_eq!(without.status.code(), Some(2));
    assert!(text(&without.stdout).contains("run `kustomize build k | tributary test -` where it is."), "{}", text(&without.stdout));
    let bin = folder.path().join("bin");
    fs::set_permissions(bin.join("kustomize"), fs::Permissions::from_mode(0o755)).unwrap();
    let built = run(&format!("{}:/usr/bin:/bin", bin.display()));
    assert_eq!(built.status.code(), Some(0), "{}", text(&built.stdout));
    assert!(text(&built.stdout).starts_with("default/x-r (kustomize build k:1)\n"), "{}", text(&built.stdout));
}

#[test]
fn a_folder_is_searched_and_other_files_are_skipped() {
    let folder = Folder::new(&[
        ("a/rule.yaml", &rule("a", PASSES)),
        ("a/b/rule.yml", &rule("b", PASSES)),
        (
            "c/rule.json",
            r#"{"apiVersion": "tributary.dev/v1alpha1", "kind": "EventRule", "metadata": {"name": "c"}, "spec": {"busRef": {"name": "b"}, "eventPattern": {"source": ["lims"]}}}"#,
        ),
        ("values.yaml", "a: [\n"),
        (".hidden/rule.yaml", &rule("hidden", FAILS)),
    ]);
    let output = folder.run(&["test", "."]);
    assert!(text(&output.stdout).ends_with("3 rules, 2 tests: 2 passed, 0 failed; 1 rule without tests\n"), "{}", text(&output.stdout));
    let chart = Folder::new(&[("chart/Chart.yaml", "name: c\n"), ("chart/templates/rule.yaml", "{{ apiVersion }}")]);
    let output = chart.run(&["test", "chart"]);
    assert!(text(&output.stdout).contains("Run `helm template chart | tributary test -`."), "{}", text(&output.stdout));
}

#[test]
fn each_rule_of_the_examples_has_tests_that_pass() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = tributary(&["test", "--require-tests", "examples"]).current_dir(root).output().unwrap();
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let written: usize = files(&root.join("examples")).iter().map(|text| text.matches("kind: EventRule\n").count()).sum();
    let tested = said.lines().last().unwrap().split_once(" rules").unwrap().0.parse::<usize>().unwrap();
    // The rules of a base are tested once for each overlay.
    assert!(tested >= written && written > 20, "{written} rules in the examples, {tested} of them tested");
}

/// Texts of all YAML files below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            all.extend(files(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "yaml") {
            all.push(fs::read_to_string(entry).unwrap());
        }
    }
    all
}
