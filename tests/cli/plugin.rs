//! The binary as a plugin of kubectl, its man pages and its packaging.

use std::{collections::BTreeSet, fs, os::unix::fs::symlink, path::Path, process::Command};

use serde_json::{Value, json};
use tributary_testkit::violations;

use crate::{Folder, text, tributary};

/// A folder in which the binary has the name of the plugin, next to the completion script.
fn plugin() -> Folder {
    let script = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/kubectl/kubectl_complete-tributary")).unwrap();
    let folder = Folder::new(&[("kubectl_complete-tributary", &script)]);
    symlink(env!("CARGO_BIN_EXE_tributary"), folder.path().join("kubectl-tributary")).unwrap();
    folder
}

fn run(folder: &Folder, program: &str, arguments: &[&str]) -> String {
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let output = Command::new(program).args(arguments).env("PATH", path).output().unwrap();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

#[test]
fn usage_names_the_plugin() {
    let folder = plugin();
    let binary = folder.path().join("kubectl-tributary");
    let help = run(&folder, binary.to_str().unwrap(), &["test", "--help"]);
    assert!(help.contains("Usage: kubectl tributary test "), "{help}");
    let error = run(&folder, binary.to_str().unwrap(), &["nonsense"]);
    assert!(error.contains("Usage: kubectl tributary ") && !error.contains("Usage: tributary"), "{error}");
    assert!(text(&tributary(&["test", "--help"]).output().unwrap().stdout).contains("Usage: tributary test "));
}

#[test]
fn the_script_completes_as_kubectl_asks() {
    let folder = plugin();
    let complete =
        |words: &[&str]| run(&folder, "sh", &[&[folder.path().join("kubectl_complete-tributary").to_str().unwrap()], words].concat());
    assert_eq!(complete(&["put"]), "put-events\tPublish events from files on a bus and report the result of each\n:4\n");
    assert_eq!(complete(&["doctor", "-o", ""]), "text\t\njson\t\n:4\n");
    assert_eq!(complete(&["test", "-o", "x"]), ":0\n");
    assert!(complete(&["doctor", "-"]).contains("--operator-namespace\tNamespace of the operator\n"));
}

/// Names of all commands that are not hidden, from the help texts.
fn commands(arguments: &[&str]) -> BTreeSet<String> {
    let help = tributary(&[arguments, &["--help"]].concat()).output().unwrap();
    let list = text(&help.stdout).split("\nCommands:\n").nth(1).unwrap_or_default().split("\n\n").next().unwrap_or_default().to_owned();
    let names = list.lines().filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned);
    names.collect()
}

#[test]
fn every_command_has_a_man_page() {
    let folder = Folder::new(&[("x", "")]);
    let output = folder.run(&["man", "pages/man1"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page =
        |name: &str| fs::read_to_string(folder.path().join("pages/man1").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let all = commands(&[]);
    assert!(all.len() > 10 && all.contains("doctor") && !all.contains("generate"), "{all:?}");
    for name in &all {
        let page = page(&format!("tributary-{name}.1"));
        assert!(page.contains(".TH") && page.contains(".SH SYNOPSIS"), "{page}");
    }
    assert!(page("tributary.1").contains("doctor") && page("tributary-pattern-test.1").contains("\\-\\-cases"));
    assert!(!folder.path().join("pages/man1/tributary-generate.1").exists(), "hidden");
    let error = folder.run(&["man", "x"]);
    assert!(error.status.code() == Some(1) && text(&error.stderr).contains("x: "), "{}", text(&error.stderr));
}

/// Required and optional fields of a plugin manifest (krew documentation, "Writing Krew plugin manifests").
fn krew() -> Value {
    let text = json!({"type": "string"});
    let object = |properties: Value, required: Value| json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    let labels =
        object(json!({"os": {"enum": ["linux", "darwin", "windows"]}, "arch": {"enum": ["amd64", "arm64"]}}), json!(["os", "arch"]));
    let file = object(json!({"from": text, "to": text}), json!(["from", "to"]));
    let platform = object(
        json!({"selector": object(json!({"matchLabels": labels}), json!(["matchLabels"])), "uri": text, "sha256": text, "bin": text, "files": {"type": "array", "items": file}}),
        json!(["selector", "uri", "sha256", "bin"]),
    );
    let spec = json!({
        "version": text, "homepage": text, "shortDescription": text, "description": text, "caveats": text,
        "platforms": {"type": "array", "items": platform},
    });
    let required = json!(["version", "shortDescription", "description", "platforms"]);
    object(
        json!({
            "apiVersion": {"enum": ["krew.googlecontainertools.github.com/v1alpha2"]}, "kind": {"enum": ["Plugin"]},
            "metadata": object(json!({"name": text}), json!(["name"])), "spec": object(spec, required),
        }),
        json!(["apiVersion", "kind", "metadata", "spec"]),
    )
}

#[test]
fn the_krew_manifest_is_valid_once_its_placeholders_are_filled() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/krew/tributary.yaml");
    let template = fs::read_to_string(path).unwrap();
    let sum = "0".repeat(64);
    let filled = template.replace("SHA256_LINUX_AMD64", &sum).replace("SHA256_LINUX_ARM64", &sum).replace("VERSION", "1.2.3");
    let manifest: Value = serde_saphyr::from_str(&filled).unwrap();
    assert_eq!(violations("$", &krew(), &manifest), [""; 0]);
    // krew requires the name of the file, a version with `v`, and a short description of at most 50 characters in its index.
    assert_eq!((&manifest["metadata"]["name"], &manifest["spec"]["version"]), (&json!("tributary"), &json!("v1.2.3")));
    assert!(manifest["spec"]["shortDescription"].as_str().unwrap().len() <= 50);
    for platform in manifest["spec"]["platforms"].as_array().unwrap() {
        assert_eq!(platform["sha256"].as_str().unwrap().len(), 64);
        assert!(platform["uri"].as_str().unwrap().contains("/v1.2.3/tributary-1.2.3-"), "{platform}");
        assert!(platform["files"].as_array().unwrap().iter().any(|file| file["from"] == "LICENSE"), "krew installs the license");
    }
}
