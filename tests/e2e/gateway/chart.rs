//! What the chart gives each process: permissions, environment, placement, disruption budgets and monitors.

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tributary_testkit::Bed;

const COMPONENTS: [&str; 3] = ["tributary", "tributary-gateway", "tributary-sync"];

/// The objects that the chart renders with all components and these values.
fn render(mut values: Value) -> Vec<Value> {
    let python = &Bed::get().python;
    for component in ["gateway", "sync"] {
        values[component]["enabled"] = json!(true);
    }
    let bed: Value = serde_json::from_str(&std::fs::read_to_string(std::env::var("TRIBUTARY_BED").unwrap()).unwrap()).unwrap();
    let helm = PathBuf::from(bed["bin"].as_str().unwrap()).join("helm");
    let mut child = Command::new(helm)
        .args([
            "template",
            "tributary",
            "charts/tributary",
            "-n",
            "system",
            "--kube-version",
            "1.34.0",
            "--set",
            "crds.install=false",
            "-f",
            "-",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(values.to_string().as_bytes()).unwrap();
    let yaml = child.wait_with_output().unwrap();
    assert!(yaml.status.success(), "helm rejects {values}");
    let script = "import json, sys, yaml; print(json.dumps([o for o in yaml.safe_load_all(sys.stdin) if o]))";
    let mut child = Command::new(python).args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&yaml.stdout).unwrap();
    serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap()
}

fn object<'a>(all: &'a [Value], kind: &str, name: &str) -> Option<&'a Value> {
    all.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
}

/// The pod of a component.
fn pod<'a>(all: &'a [Value], name: &str) -> &'a Value {
    &object(all, "Deployment", name).unwrap()["spec"]["template"]
}

fn env(all: &[Value], component: &str, name: &str) -> Option<Value> {
    let env = pod(all, component)["spec"]["containers"][0]["env"].as_array().unwrap();
    env.iter().find(|entry| entry["name"] == name).map(|entry| entry["value"].clone())
}

#[test]
fn nothing_is_open_by_default() {
    let all = render(json!({}));
    assert_eq!(env(&all, "tributary-sync", "TRIBUTARY_DATABASE_HOSTS"), None, "no database");
    let of_secrets = |object: &&Value| {
        let rules = object["rules"].as_array().into_iter().flatten();
        rules.clone().any(|rule| rule["resources"].as_array().is_some_and(|all| all.contains(&json!("secrets"))))
    };
    let open: Vec<_> = all.iter().filter(of_secrets).collect();
    assert!(open.is_empty(), "no Secret: {open:?}");
}

#[test]
fn secrets_of_accounts_are_read_by_name_and_by_one_component() {
    let all = render(json!({"awsSecrets": ["a"], "gateway": {"awsSecrets": ["b"]}, "sync": {"awsSecrets": ["c"]}}));
    for (component, name) in COMPONENTS.iter().zip(["a", "b", "c"]) {
        let rules = object(&all, "Role", component).unwrap()["rules"].as_array().unwrap();
        let secrets: Vec<_> = rules.iter().filter(|rule| rule["resources"] == json!(["secrets"])).collect();
        assert_eq!(secrets, [&json!({"apiGroups": [""], "resources": ["secrets"], "resourceNames": [name], "verbs": ["get"]})]);
    }
    let everywhere = all.iter().filter(|object| object["kind"] == "ClusterRole" && object.to_string().contains("secrets")).count();
    assert_eq!(everywhere, 0);
}

#[test]
fn an_environment_is_of_one_component() {
    let entry = |value: &str| json!([{"name": "EXTRA", "value": value}]);
    let all = render(json!({"extraEnv": entry("operator"), "gateway": {"extraEnv": entry("gateway")}}));
    assert_eq!(COMPONENTS.map(|component| env(&all, component, "EXTRA")), [Some(json!("operator")), Some(json!("gateway")), None]);
}

#[test]
fn placement_reaches_all_components_and_each_can_have_its_own() {
    let values = |zone: &str| {
        json!({
            "nodeSelector": {"zone": zone},
            "tolerations": [{"key": zone}],
            "affinity": {"nodeAffinity": {"zone": zone}},
            "priorityClassName": zone,
            "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": zone, "whenUnsatisfiable": "DoNotSchedule"}],
        })
    };
    let (mut common, fields) = (values("a"), ["nodeSelector", "tolerations", "affinity", "priorityClassName"]);
    let check = |all: &[Value], component: &str, zone: &str| {
        let (spec, labels) = (&pod(all, component)["spec"], &pod(all, component)["metadata"]["labels"]);
        for field in fields {
            assert_eq!(spec[field], values(zone)[field], "{field} of {component}");
        }
        let spread = &spec["topologySpreadConstraints"][0];
        assert_eq!(spread["topologyKey"], zone, "{component}");
        let selector = spread["labelSelector"]["matchLabels"].as_object().unwrap();
        assert!(selector.iter().all(|(key, value)| labels[key] == *value) && selector["app.kubernetes.io/name"] == component, "{spread}");
    };
    for component in COMPONENTS {
        check(&render(common.clone()), component, "a");
    }
    (common["gateway"], common["sync"]) = (values("b"), values("c"));
    let all = render(common);
    for (component, zone) in COMPONENTS.iter().zip(["a", "b", "c"]) {
        check(&all, component, zone);
    }
    let selector = json!({"matchLabels": {"mine": "x"}});
    let own = json!([{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector}]);
    let all = render(json!({"topologySpreadConstraints": own}));
    assert_eq!(pod(&all, "tributary-sync")["spec"]["topologySpreadConstraints"], own, "a selector of the user's stays");
}

#[test]
fn budgets_and_monitors_select_the_pods_of_each_component() {
    let all = render(json!({"replicas": 2, "sync": {"replicas": 2}, "metrics": {"serviceMonitor": {"enabled": true}}}));
    let chosen = |selector: &Value, labels: &Value| selector.as_object().unwrap().iter().all(|(key, value)| labels[key] == *value);
    for component in COMPONENTS {
        let budget = &object(&all, "PodDisruptionBudget", component).unwrap()["spec"];
        let service = object(&all, "Service", &format!("{component}-metrics")).unwrap();
        let monitor = &object(&all, "ServiceMonitor", component).unwrap()["spec"];
        assert!(chosen(&monitor["selector"]["matchLabels"], &service["metadata"]["labels"]), "{component}");
        assert_eq!(monitor["endpoints"][0]["port"], service["spec"]["ports"][0]["name"]);
        for other in COMPONENTS {
            let labels = &pod(&all, other)["metadata"]["labels"];
            assert_eq!(chosen(&budget["selector"]["matchLabels"], labels), other == component, "{component} {other}");
            assert_eq!(chosen(&service["spec"]["selector"], labels), other == component, "{component} {other}");
        }
        let ports = pod(&all, component)["spec"]["containers"][0]["ports"].as_array().unwrap();
        assert!(ports.iter().any(|port| port["name"] == service["spec"]["ports"][0]["targetPort"]), "{component}");
    }
    let single = render(json!({"replicas": 1, "gateway": {"replicas": 1}, "sync": {"replicas": 1}}));
    assert!(!single.iter().any(|object| object["kind"] == "PodDisruptionBudget"), "the only replica must not block a drain");
}

#[test]
fn config_maps_are_written_only_in_namespaces_that_are_listed() {
    let of_config_maps = |values: Value| {
        let all = render(values);
        let grants = |object: &&Value| {
            object["rules"].as_array().into_iter().flatten().any(|rule| {
                let listed = |key: &str, value: &str| rule[key].as_array().is_some_and(|all| all.contains(&json!(value)));
                listed("resources", "configmaps") && listed("verbs", "update")
            })
        };
        let bound = |role: &Value| {
            let to_role = |object: &&Value| {
                object["roleRef"]["name"] == role["metadata"]["name"] && object["metadata"]["namespace"] == role["metadata"]["namespace"]
            };
            all.iter().filter(to_role).map(|binding| binding["subjects"][0]["name"].clone()).collect::<Vec<_>>()
        };
        let roles = all.iter().filter(grants);
        roles.map(|role| json!([role["kind"], role["metadata"]["namespace"], bound(role)])).collect::<Vec<_>>()
    };
    assert_eq!(of_config_maps(json!({})), [json!(null); 0], "none by default");
    let listed = of_config_maps(json!({"sinkConfigMaps": {"namespaces": ["shop", "lab"]}}));
    assert_eq!(listed, [json!(["Role", "shop", ["tributary"]]), json!(["Role", "lab", ["tributary"]])]);
    let everywhere = of_config_maps(json!({"sinkConfigMaps": {"namespaces": ["shop"], "allNamespaces": true}}));
    assert_eq!(everywhere, [json!(["ClusterRole", null, ["tributary"]])]);
}
