//! `tributary dev webhook`: what it says before it listens. What it does then is in the target `sync`.

use std::process::{Command, Output};

use crate::{Folder, text, tributary};

const DATABASE: &str = "postgresql://u:s3cret@localhost:1/d";
const APP: &str = "apiVersion: tributary.dev/v1alpha1\nkind: BenchlingApp\nmetadata: {name: lims}\n\
                   spec: {tenants: [acme], appDefinitionId: appdef_1, busRef: {name: b}}\n";

fn dev(arguments: &[&str]) -> Command {
    let mut command = tributary(&[&["dev", "webhook", "--listen", "127.0.0.1:0"], arguments].concat());
    command.env("BENCHLING_CLIENT_ID", "c").env("BENCHLING_CLIENT_SECRET", "s3cret").env("DATABASE_URL", DATABASE);
    command
}

fn of_manifest(content: &str) -> Output {
    let folder = Folder::new(&[("app.yaml", content)]);
    dev(&["-f", "app.yaml"]).current_dir(folder.path()).output().unwrap()
}

fn rule_and_sink(target: &str, app: &str) -> String {
    format!(
        "{APP}---\napiVersion: tributary.dev/v1alpha1\nkind: EventRule\nmetadata: {{name: r}}\n\
         spec: {{busRef: {{kind: BenchlingApp, name: lims}}, benchling: {{}}, targets: [{{name: t, sinkRef: {{name: {target}}}}}]}}\n\
         ---\napiVersion: tributary.dev/v1alpha1\nkind: EventSink\nmetadata: {{name: s}}\n\
         spec: {{postgres: {{appRef: {{name: {app}}}, database: {{host: h, name: db, user: u, passwordSecretRef: {{name: p}}}}}}}}\n"
    )
}

#[test]
fn what_is_missing_is_named_with_the_next_step() {
    let flags = ["--tenant", "acme", "--app-definition-id", "appdef_1"];
    for (variable, value, expected) in [
        ("BENCHLING_CLIENT_ID", "", "BENCHLING_CLIENT_ID is not set. Copy it"),
        ("BENCHLING_CLIENT_SECRET", " ", "BENCHLING_CLIENT_SECRET is not set. Copy it"),
        ("DATABASE_URL", "mysql://u:s3cret@h/d", "the scheme must be postgresql"),
        ("DATABASE_URL", "postgresql://u:s3cret@h/d?sslmode=prefer", "sslmode must be disable"),
    ] {
        let output = dev(&flags).env(variable, value).output().unwrap();
        let error = text(&output.stderr);
        assert!(output.status.code() == Some(1) && error.contains(expected) && !error.contains("s3cret"), "{error}");
    }
    for arguments in [
        &[][..],
        &["--tenant", "acme"],
        &["-f", "x", "--tenant", "acme", "--app-definition-id", "a"],
        &["--tenant", "acme", "--schema", "=x"],
    ] {
        assert_eq!(dev(arguments).output().unwrap().status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn manifests_that_do_not_fit_together_are_errors() {
    for (content, code, expected) in [
        (APP.replace("tenants", "tenant"), 2, "app.yaml:4:8: spec.tenant: unknown field. Did you mean tenants?"),
        ("a: b\n".into(), 2, "input: no BenchlingApp found. Correct the path."),
        (APP.into(), 1, "no rule of a BenchlingApp or its EventBus has a target with a postgres sink."),
        (rule_and_sink("other", "lims"), 1, "EventSink default/other not found, which a rule references."),
        (
            rule_and_sink("s, namespace: far", "lims").replace("metadata: {name: s}", "metadata: {name: s, namespace: far}"),
            1,
            "EventSink far/s does not allow references from namespace \"default\". Add it to spec.allowedNamespaces.",
        ),
        (rule_and_sink("s", "other"), 1, "EventSink default/s: spec.postgres.appRef: BenchlingApp default/other not found."),
        (
            rule_and_sink("s", "lims").replace("[acme]", "[acme, beta]"),
            1,
            "BenchlingApp default/lims has several tenants. Set spec.postgres.tenant",
        ),
    ] {
        let output = of_manifest(&content);
        let error = text(&output.stderr);
        assert!(output.status.code() == Some(code) && error.contains(expected), "{expected}: {error}");
    }
}
