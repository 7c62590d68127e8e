//! `tributary plan` with bad input, without a cluster and without AWS credentials.

use serde_json::Value;

use crate::{Folder, text};

const FLAGS: [&str; 6] = ["plan", "--no-cluster", "--installation-id", "i", "-o", "json"];

const BUS: &str = "apiVersion: tributary.dev/v1alpha1\nkind: EventBus\nmetadata: {name: b, namespace: ns}\n";
const ACCOUNT: &str = "apiVersion: tributary.dev/v1alpha1\nkind: AwsAccount\nmetadata: {name: default}\nspec:\n  accountId: \"111122223333\"\n  region: eu-west-1\n  grants: [{namespaces: [ns]}]\n";

fn plan(files: &[(&str, &str)]) -> (Option<i32>, Value) {
    let folder = Folder::new(files);
    let output = folder.run(&[&FLAGS[..], &["-f", "."]].concat());
    let value = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code(), value)
}

#[test]
fn bad_input_has_file_line_and_column_and_the_rest_is_planned() {
    for (bad, problem) in [
        (format!("{BUS}spec:\n  descripton: x\n"), "bad.yaml:5:3: spec.descripton: unknown field. Did you mean description?"),
        (BUS.replace("EventBus", "EventBuss"), "bad.yaml:2:7: kind EventBuss does not exist in tributary.dev. Did you mean EventBus?"),
        (format!("{BUS}spec: [\n"), "bad.yaml:"),
        (ACCOUNT.replace("accountId", "accountid"), "bad.yaml:5:3: spec.accountid: unknown field. Did you mean accountId?"),
        ("apiVersion: v1\nkind: ConfigMap\ndata: {a: b}\n".to_owned(), "bad.yaml:1:1: metadata.name is missing. Add it."),
        // YAML 1.1 has this word for false.
        (format!("{BUS}spec: {{}}\n").replace("ns", "no"), "bad.yaml:3:11: metadata.namespace must be a string, not a boolean. Quote it."),
    ] {
        let (code, planned) = plan(&[("bad.yaml", &bad), ("good.yaml", &format!("{BUS}spec: {{}}\n"))]);
        assert_eq!(code, Some(1));
        let problems: Vec<_> = planned["problems"].as_array().unwrap().iter().map(|problem| problem.as_str().unwrap()).collect();
        assert!(problems.iter().any(|found| found.trim_start_matches("./").starts_with(problem)), "{problem}: {problems:?}");
        // The other file is planned as far as it can be: its account is missing.
        assert_eq!(planned["objects"][0]["error"]["reason"], "AccountNotFound", "{planned:#}");
    }
}

#[test]
fn no_credentials_no_installation_id_and_no_objects_are_explained() {
    let folder = Folder::new(&[("account.yaml", ACCOUNT), ("bus.yaml", &format!("{BUS}spec: {{}}\n"))]);
    let mut command = crate::tributary(&[&FLAGS[..], &["-f", "."]].concat());
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"] {
        command.env_remove(name);
    }
    let nowhere = folder.path().join("nowhere");
    command.env("AWS_CONFIG_FILE", &nowhere).env("AWS_SHARED_CREDENTIALS_FILE", &nowhere).env("AWS_EC2_METADATA_DISABLED", "true");
    let output = command.current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let planned: Value = serde_json::from_slice(&output.stdout).unwrap();
    let bus = planned["objects"].as_array().unwrap().iter().find(|object| object["kind"] == "EventBus").unwrap();
    assert_eq!(bus["action"], "unreadable", "{planned:#}");
    assert!(bus["error"]["message"].as_str().unwrap().contains("no AWS credentials found"), "{planned:#}");
    let output = folder.run(&["plan", "--no-cluster", "-f", "."]);
    assert!(output.status.code() == Some(1) && text(&output.stderr).contains("--installation-id"), "{}", text(&output.stderr));
    let (code, planned) = plan(&[("other.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n")]);
    assert_eq!(code, Some(1));
    assert!(planned["problems"].to_string().contains("no object of tributary.dev found"), "{planned:#}");
}
