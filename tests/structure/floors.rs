//! Which crate may use which: read from the manifests, so that an import against the floors does not even compile.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

use crate::source::root;

/// Each crate, and the crates of the workspace below it.
const FLOORS: [(&str, &[&str]); 7] = [
    ("tributary-api", &[]),
    ("tributary-benchling", &[]),
    ("tributary-pattern", &[]),
    ("tributary-core", &["tributary-api"]),
    ("tributary-aws", &["tributary-api", "tributary-core"]),
    ("tributary", &["tributary-api", "tributary-core", "tributary-aws", "tributary-benchling", "tributary-pattern"]),
    ("tributary-testkit", &["tributary", "tributary-api", "tributary-core", "tributary-aws", "tributary-benchling"]),
];

/// Third-party crates that do I/O, and who may not depend on them.
const NO_IO: [&str; 7] = ["aws-config", "aws-sdk-eventbridge", "kube-client", "kube-runtime", "reqwest", "tokio", "hyper"];

/// Dependencies of each crate of the workspace that are not only for tests, with the features that its manifest asks for.
fn manifests() -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version", "1", "--no-deps", "--locked", "--offline"]).current_dir(root());
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let texts = |value: &Value| value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let dependencies = |package: &Value| {
        let all = package["dependencies"].as_array().cloned().unwrap_or_default();
        all.into_iter()
            .filter(|dependency| dependency["kind"].is_null())
            .map(|dependency| (dependency["name"].as_str().unwrap_or_default().to_owned(), texts(&dependency["features"])))
            .collect()
    };
    let packages = metadata["packages"].as_array().expect("packages");
    packages.iter().map(|package| (package["name"].as_str().unwrap_or_default().to_owned(), dependencies(package))).collect()
}

#[test]
fn no_crate_depends_on_one_above_it() {
    let manifests = manifests();
    let known: BTreeSet<_> = FLOORS.iter().map(|(name, _)| *name).collect();
    assert_eq!(manifests.keys().map(String::as_str).collect::<BTreeSet<_>>(), known, "a crate without a floor");
    for (name, below) in FLOORS {
        let used: Vec<_> = manifests[name].keys().filter(|dependency| known.contains(dependency.as_str())).collect();
        assert!(used.iter().all(|dependency| below.contains(&dependency.as_str())), "{name} depends on {used:?}");
    }
}

#[test]
fn the_pure_crates_cannot_do_io() {
    let manifests = manifests();
    for name in ["tributary-api", "tributary-core", "tributary-pattern"] {
        let used: Vec<_> = manifests[name].keys().filter(|dependency| NO_IO.contains(&dependency.as_str())).collect();
        assert!(used.is_empty(), "{name} depends on {used:?}");
        let kube = manifests[name].get("kube").map(Vec::as_slice).unwrap_or_default();
        assert!(kube.iter().all(|feature| feature == "derive"), "{name} depends on kube with {kube:?}");
        let sdk: Vec<_> = manifests[name].keys().filter(|dependency| dependency.starts_with("aws-")).collect();
        assert!(sdk.is_empty(), "{name} depends on {sdk:?}");
    }
    for (name, dependencies) in manifests.iter().filter(|(name, _)| *name != "tributary-aws") {
        let sdk: Vec<_> =
            dependencies.keys().filter(|dependency| dependency.starts_with("aws-sdk") || dependency.starts_with("aws-config")).collect();
        assert!(sdk.is_empty(), "only tributary-aws uses the AWS SDK, and {name} depends on {sdk:?}");
    }
}
