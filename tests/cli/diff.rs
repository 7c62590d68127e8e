//! `tributary diff`: what it reports of two folders or namespaces, and what follows from the tenants.

use serde_json::{Value, json};

use crate::{Folder, cluster::Cluster, text};

/// Manifests of an environment: names, ARNs and texts contain namespace, tenant, account and Region.
fn environment(name: &str, account: &str, region: &str) -> String {
    format!(
        "apiVersion: tributary.dev/v1alpha1
kind: BenchlingSubscription
metadata: {{name: lims, namespace: acme-{name}}}
spec: {{accountRef: {{name: {name}}}, tenant: acme{name}, appName: seq-{name}, eventTypes: [v2.entity.registered, v2.entry.created]}}
---
apiVersion: tributary.dev/v1alpha1
kind: EventSink
metadata: {{name: orders-{name}, namespace: acme-{name}}}
spec:
  accountRef: {{name: {name}}}
  region: {region}
  sqs: {{existing: {{arn: 'arn:aws:sqs:{region}:{account}:orders-{name}'}}}}
---
apiVersion: tributary.dev/v1alpha1
kind: EventRule
metadata: {{name: registered, namespace: acme-{name}}}
spec:
  busRef: {{kind: BenchlingSubscription, name: lims}}
  description: entities of acme-{name}
  eventPattern:
    source: [aws.partner/benchling.com/acme{name}/seq-{name}]
    detail: {{entity: {{schema: {{name: [Plasmid, Oligo]}}}}, price: [{{numeric: ['>', 0]}}]}}
  targets:
    - {{name: queue, sinkRef: {{name: orders-{name}}}, retry: {{maximumRetryAttempts: 10}}}}
"
    )
}

fn dev() -> String {
    environment("dev", "111122223333", "eu-west-1")
}

fn prod() -> String {
    environment("prod", "444455556666", "us-east-1")
}

/// Exit code, output and errors of the comparison of two files.
fn diff(from: &str, to: &str, arguments: &[&str]) -> (i32, String, String) {
    let folder = Folder::new(&[("dev.yaml", from), ("prod.yaml", to)]);
    diff_in(&folder, arguments)
}

fn diff_in(folder: &Folder, arguments: &[&str]) -> (i32, String, String) {
    let output = folder.run(&[&["diff", "--from", "dev.yaml", "--to", "prod.yaml"], arguments].concat());
    (output.status.code().unwrap(), text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
}

/// Field, and both values, of each difference.
fn differences(from: &str, to: &str, arguments: &[&str]) -> Vec<(String, Value, Value)> {
    let (_, out, err) = diff(from, to, &[&["-o", "json"], arguments].concat());
    let report: Value = serde_json::from_str(&out).unwrap_or_default();
    assert!(report.is_object(), "{out} {err}");
    let of_object = |object: &Value| object["differences"].as_array().unwrap().clone();
    let all = report["objects"].as_array().unwrap().iter().flat_map(of_object);
    all.map(|of| (of["field"].as_str().unwrap().to_owned(), of["from"].clone(), of["to"].clone())).collect()
}

#[test]
fn what_follows_from_the_tenants_is_no_difference() {
    let (code, out, err) = diff(&dev(), &prod(), &[]);
    assert_eq!(code, 0, "{out}{err}");
    for declared in [
        "namespace acme-dev -> acme-prod",
        "tenant acmedev -> acmeprod",
        "account 111122223333 -> 444455556666",
        "region eu-west-1 -> us-east-1",
    ] {
        assert!(out.contains(declared), "{declared}: {out}");
    }
    assert!(out.ends_with("3 objects compared: 0 different, 0 only in from, 0 only in to\n"), "{out}");
}

#[test]
fn each_difference_has_its_field_and_values() {
    for (before, after, field, from, to) in [
        ("maximumRetryAttempts: 10", "maximumRetryAttempts: 20", "spec.targets[queue].retry.maximumRetryAttempts", json!(10), json!(20)),
        ("retry: {maximumRetryAttempts: 10}", "inputPath: $.detail", "spec.targets[queue].inputPath", Value::Null, json!("$.detail")),
        ("[v2.entity.registered, v2.entry.created]", "[v2.entry.created]", "spec.eventTypes", json!(["v2.entity.registered"]), json!([])),
        (
            "entities of acme-prod",
            "entities of acme-test",
            "spec.description",
            json!("entities of acme-dev"),
            json!("entities of acme-test"),
        ),
        // An account that is neither of the two.
        (
            "sqs:us-east-1:444455556666:orders-prod",
            "sqs:us-east-1:444455556666:other",
            "spec.sqs.existing.arn",
            json!("arn:aws:sqs:eu-west-1:111122223333:orders-dev"),
            json!("arn:aws:sqs:us-east-1:444455556666:other"),
        ),
        ("'>', 0", "'>', 1", "spec.eventPattern.detail.price", json!([{"numeric": [">", 0.0]}]), json!([{"numeric": [">", 1.0]}])),
        ("[Plasmid, Oligo]", "[Oligo, Protein]", "spec.eventPattern.detail.entity.schema.name", json!(["Plasmid"]), json!(["Protein"])),
    ] {
        let changed = prod().replace(before, after);
        assert_ne!(changed, prod(), "{before}");
        let found = differences(&dev(), &changed, &[]);
        assert!(found.contains(&(field.to_owned(), from, to)), "{field}: {found:#?}");
        assert_eq!(diff(&dev(), &changed, &[]).0, 2, "{field}");
    }
}

#[test]
fn patterns_are_compared_by_what_they_match() {
    for (before, after) in [
        ("[Plasmid, Oligo]", "[Oligo, Plasmid, Oligo]"),
        ("'>', 0", "'>', 0.0"),
        ("price: [{numeric: ['>', 0]}]}", "price: [{numeric: ['>', 0e1]}]}"),
    ] {
        let changed = prod().replace(before, after);
        assert_ne!(changed, prod());
        assert_eq!(differences(&dev(), &changed, &[]), [], "{after}");
    }
    let (from, to) =
        (dev().replace("[Plasmid, Oligo]", "[{anything-but: Oligo}]"), prod().replace("[Plasmid, Oligo]", "[{anything-but: [Oligo]}]"));
    assert_eq!(differences(&from, &to, &[]), [], "a list of one");
    // The shorthand means the same as a pattern.
    let rule = |filter: &str| {
        format!("apiVersion: tributary.dev/v1alpha1\nkind: EventRule\nmetadata: {{name: r}}\nspec:\n  busRef: {{name: b}}\n  {filter}\n")
    };
    let shorthand = rule("benchling: {eventTypes: [v2.entity.registered]}");
    let (_, out, _) = diff(&shorthand, &rule("eventPattern: {source: [x]}"), &["-o", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    let pattern = &report["objects"][0]["differences"];
    assert!(pattern.as_array().unwrap().iter().all(|of| of["field"].as_str().unwrap().starts_with("spec.eventPattern")), "{pattern}");
    let of_type = rule("eventPattern: {detail-type: [v2.entity.registered]}");
    assert_eq!(differences(&shorthand, &of_type, &[]), []);
}

#[test]
fn an_object_of_one_side_only_is_a_difference() {
    let more = format!(
        "{}---\napiVersion: tributary.dev/v1alpha1\nkind: EventBus\nmetadata: {{name: extra, namespace: acme-prod}}\nspec: {{}}\n",
        prod()
    );
    let (code, out, _) = diff(&dev(), &more, &[]);
    assert_eq!(code, 2);
    assert!(out.contains("+ EventBus extra: only in to"), "{out}");
    let (code, out, _) = diff(&more, &dev(), &[]);
    assert_eq!(code, 2);
    assert!(out.contains("- EventBus extra: only in from"), "{out}");
}

#[test]
fn a_file_declares_further_differences() {
    let to = prod().replace("maximumRetryAttempts: 10", "maximumRetryAttempts: 20").replace("Plasmid", "PlasmidX");
    let run = |ignore: &str| {
        let folder = Folder::new(&[("dev.yaml", &dev()), ("prod.yaml", &to), ("ignore.yaml", ignore)]);
        diff_in(&folder, &["--ignore", "ignore.yaml"])
    };
    let both = "values: [{from: Plasmid, to: PlasmidX}]\nfields: [{object: EventRule/*, field: 'spec.targets[*].retry'}]\n";
    assert_eq!(run(both).0, 0, "{}", run(both).1);
    for partial in [
        "values: [{from: Plasmid, to: PlasmidX}]",
        "fields: [{field: 'spec.targets[*].retry'}]",
        "fields: [{object: EventSink/*, field: spec}]",
        "",
    ] {
        assert_eq!(run(partial).0, 2, "{partial}");
    }
    for (wrong, expected) in [
        ("value: []", "ignore.yaml:1:1: "),
        ("fields: [{object: a}]", "ignore.yaml:1:"),
        ("values: [{from: '', to: x}]", "must not be empty"),
        ("a: [", "ignore.yaml:1:"),
    ] {
        let (code, _, err) = run(wrong);
        assert!(code == 1 && err.contains(expected), "{wrong}: {code} {err}");
    }
    assert_eq!(diff(&dev(), &prod(), &["--ignore", "absent"]).0, 1);
}

#[test]
fn input_that_cannot_be_read_is_an_error_and_the_rest_is_compared() {
    let wrong = prod().replace("maximumRetryAttempts", "maximumRetries");
    let (code, out, err) = diff(&dev(), &wrong, &[]);
    assert_eq!(code, 1);
    assert!(err.contains("prod.yaml:24:59:") && err.contains("maximumRetries: unknown field"), "{err}");
    assert!(out.contains("2 objects compared"), "{out}");
    let (code, _, err) = diff("a: [b", "", &[]);
    assert!(code == 1 && err.contains("dev.yaml:1:"), "{err}");
    let (code, _, err) = diff("", "", &[]);
    assert!(code == 1 && err.contains("neither side has objects"), "{err}");
}

#[test]
fn the_table_fits_100_columns() {
    let to = prod()
        .replace("maximumRetryAttempts: 10", "maximumRetryAttempts: 20")
        .replace("entities of", &"long ".repeat(50))
        .replace("[Plasmid, Oligo]", "[Oligo]");
    let (_, out, _) = diff(&dev(), &to, &[]);
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
    let rule = out.split_once("EventRule registered\n").unwrap().1;
    let fields: Vec<_> = rule.lines().take(4).map(|line| line.split_whitespace().next().unwrap_or_default()).collect();
    assert_eq!(
        fields,
        ["FIELD", "spec.description", "spec.eventPattern.detail.entity.schema.name", "spec.targets[queue].retry.maximumRetryAttempts"]
    );
}

#[test]
fn namespaces_of_a_cluster_are_compared_with_each_other_and_with_files() {
    let rule = |namespace: &str, attempts: i32| {
        json!({"kind": "EventRule", "metadata": {"namespace": namespace, "name": "r", "generation": 1},
               "spec": {"busRef": {"name": "b"}, "schedule": "rate(5 minutes)", "targets": [{"name": "q", "sinkRef": {"name": "q"}, "retry": {"maximumRetryAttempts": attempts}}]}})
    };
    let child = json!({"kind": "EventBus", "metadata": {"namespace": "dev", "name": "child",
        "ownerReferences": [{"apiVersion": "tributary.dev/v1alpha1", "kind": "BenchlingSubscription", "name": "child", "uid": "u", "controller": true}]}, "spec": {}});
    let cluster = Cluster::with(vec![rule("dev", 1), rule("prod", 1), rule("test", 2), child], vec![("eventsinks", Some("closed"))], 500);
    let run = |from: &str, to: &str| {
        let output = cluster.command(&["diff", "--from", from, "--to", to]).output().unwrap();
        (output.status.code().unwrap(), text(&output.stdout).to_owned() + text(&output.stderr))
    };
    assert_eq!(run("dev", "prod").0, 0, "{}", run("dev", "prod").1);
    let (code, out) = run("dev", "namespace:test");
    assert!(code == 2 && out.contains("spec.targets[q].retry.maximumRetryAttempts"), "{out}");
    let (code, out) = run("dev", "closed");
    assert!(code == 1 && out.contains("you may not list objects of kind EventSink in namespace closed"), "{out}");
    let mut manifest = rule("dev", 1);
    manifest["apiVersion"] = json!("tributary.dev/v1alpha1");
    std::fs::write(cluster.folder.path().join("rule.json"), manifest.to_string()).unwrap();
    assert_eq!(run("rule.json", "dev").0, 0, "{}", run("rule.json", "dev").1);
    assert_eq!(cluster.writes(), [""; 0]);
}

#[test]
fn two_accounts_in_place_of_one_are_a_difference() {
    let sink = |name: &str, account: &str| {
        format!(
            "---\napiVersion: tributary.dev/v1alpha1\nkind: EventSink\nmetadata: {{name: {name}}}\nspec: {{sns: {{existing: {{arn: 'arn:aws:sns:eu-west-1:{account}:{name}'}}}}}}\n"
        )
    };
    let from = sink("one", "111122223333") + &sink("two", "111122223333");
    assert_eq!(diff(&from, &(sink("one", "444455556666") + &sink("two", "444455556666")), &[]).0, 0, "another account");
    let (code, out, _) = diff(&from, &(sink("one", "444455556666") + &sink("two", "777788889999")), &[]);
    assert_eq!(code, 2, "{out}");
}

#[test]
fn a_part_of_a_word_is_no_declared_value() {
    let of =
        |text: &str, name: &str| environment(name, "111122223333", "eu-west-1").replace("entities of acme-", &format!("{text} of acme-"));
    let found = differences(&of("device", "dev"), &of("prodice", "prod"), &[]);
    assert_eq!(found.len(), 1, "{found:?}");
}
