//! `tributary trace` without AWS: flags, and names of objects that cannot be traced.

use serde_json::{Value, json};

use crate::{cluster::Cluster, text, tributary};

fn rule(namespace: &str, name: &str) -> Value {
    let spec = json!({"busRef": {"name": "lims"}, "eventPattern": {"source": ["a"]}, "targets": [{"name": "t", "sinkRef": {"name": "q"}}]});
    json!({"kind": "EventRule", "metadata": {"namespace": namespace, "name": name, "uid": name}, "spec": spec})
}

fn objects() -> Vec<Value> {
    let bus = json!({"kind": "EventBus", "metadata": {"namespace": "prod", "name": "lims", "uid": "lims"}, "spec": {}});
    vec![bus, rule("prod", "orders"), rule("dev", "orders"), rule("prod", "audit")]
}

#[test]
fn flags_that_are_not_valid_are_refused() {
    for arguments in [
        &["trace"][..],
        &["trace", "--event-id", "a\"b"],
        &["trace", "--event-id", ""],
        &["trace", "--bus", "b", "--since", "yesterday"],
        &["trace", "--bus", "b", "--log-group", "g"],
        &["trace", "--bus", "b", "--last", "0"],
        &["trace", "--event-id", "a", "--last", "3"],
        &["trace", "--bus", "b", "--events-log-group", "g"],
    ] {
        let output = tributary(arguments).output().unwrap();
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "{arguments:?}");
    }
}

#[test]
fn a_name_that_means_no_traceable_object_is_an_error_with_the_next_step() {
    let cluster = Cluster::new(objects());
    for (arguments, message) in [
        (&["trace", "--rule", "nothing"][..], "EventRule nothing not found. Correct the name, or set -n NAMESPACE or -A."),
        (&["trace", "--target", "q"], "EventSink q not found."),
        (&["trace", "--bus", "other"], "EventBus other not found."),
        (&["trace", "-A", "--rule", "orders"], "orders is EventRule dev/orders and EventRule prod/orders. Use NAMESPACE/NAME."),
        (&["trace", "--rule", "audit"], "EventRule prod/audit does not exist in AWS yet"),
        (&["trace", "-A", "--rule", "dev/orders"], "EventRule dev/orders does not exist in AWS yet"),
        (&["trace", "--bus", "lims"], "EventBus prod/lims does not exist in AWS yet."),
    ] {
        let output = cluster.command(arguments).output().unwrap();
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""), "{arguments:?}");
        assert!(text(&output.stderr).contains(message), "{arguments:?}: {}", text(&output.stderr));
    }
    assert_eq!(cluster.writes(), [""; 0], "it only reads");
}

#[test]
fn a_group_needs_a_region_and_no_cluster() {
    let mut command = tributary(&["trace", "--log-group", "g"]);
    for name in ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"] {
        command.env_remove(name);
    }
    let output =
        command.env("AWS_CONFIG_FILE", "/nonexistent").env("KUBECONFIG", "/nonexistent").env("AWS_EC2_METADATA_DISABLED", "true").output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no AWS Region configured. Set --region or AWS_REGION."), "{}", text(&output.stderr));
}
