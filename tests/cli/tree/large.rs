//! Many objects: they are read in pages, and without holding them whole.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    objects::{object, ready, sink},
    tree,
};
use crate::cluster::Cluster;

/// Ten buses, and as many rules and sinks as objects are left; each with the fields that make an object large in a cluster.
fn many(count: usize) -> Vec<Value> {
    let status = |name: &str| {
        let arn = format!("arn:aws:events:eu-west-1:111122223333:rule/prod-bus/{name}");
        json!({"conditions": ready(), "applied": "a".repeat(64), "resources": [{"type": "AWS::Events::Rule", "arn": arn}],
               "targets": [{"name": "queue", "ready": true, "deliverable": "Yes"}], "eventPattern": "{\"source\":[\"shop\"],\"detail-type\":[\"order\"]}"})
    };
    let mut objects: Vec<Value> =
        (0..10).map(|bus| object("EventBus", "prod", &format!("bus-{bus}"), &json!({}), &json!({"conditions": ready()}))).collect();
    for number in 0..(count - 10) / 2 {
        let name = format!("orders-of-the-shop-{number}");
        let spec = json!({"busRef": {"name": format!("bus-{}", number % 10)}, "eventPattern": {"source": ["shop"], "detail-type": ["order"]},
                          "targets": [{"name": "queue", "sinkRef": {"name": name}}]});
        objects.push(object("EventRule", "prod", &name, &spec, &status(&name)));
        objects.push(sink("prod", &name, &json!({"conditions": ready()})));
    }
    for object in &mut objects {
        let fields = json!({"f:spec": {"f:targets": {}, "f:eventPattern": {}}, "f:metadata": {"f:annotations": {"f:a": {}, "f:b": {}}}});
        object["metadata"]["managedFields"] =
            (0..3).map(|_| json!({"manager": "tributary", "operation": "Update", "fieldsV1": fields})).collect();
    }
    objects
}

#[test]
fn lists_are_read_in_pages() {
    let cluster = Cluster::with(many(1_210), vec![], 500);
    let shown = tree(&cluster, &[]);
    assert!(shown.ends_with("1210 objects: 1210 healthy\n"), "{}", shown.lines().last().unwrap_or_default());
    let requests = cluster.requests();
    let lists: Vec<_> = requests.iter().filter(|request| request.contains("/eventrules")).collect();
    assert_eq!(lists.len(), 2, "600 rules are two pages: {lists:?}");
    assert!(requests.iter().all(|request| request.contains("limit=500")), "{requests:?}");
}

/// Prints time and memory for 10,000 objects. Run it for a figure; a debug build on a busy machine is no measure.
#[test]
#[ignore = "measures; run it alone with --ignored --nocapture"]
fn measure_ten_thousand_objects() {
    let cluster = Cluster::with(many(10_010), vec![], 500);
    for arguments in [&["tree"][..], &["tree", "-o", "json"], &["tree", "-o", "svg"]] {
        let start = Instant::now();
        let mut child = cluster.command(arguments).stdout(std::process::Stdio::null()).spawn().unwrap();
        let (mut peak, mut ticks) = (0, 0);
        while child.try_wait().unwrap().is_none() {
            let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().trim_end_matches(" kB").parse::<u64>().ok());
            peak = peak.max(high.unwrap_or(0));
            let accounting = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
            let times = accounting.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
            ticks = ticks.max(times.filter_map(|time| time.parse::<u64>().ok()).sum());
            std::thread::sleep(Duration::from_millis(2));
        }
        println!("{arguments:?}: {:?}, of which {} ms of CPU, {} MiB", start.elapsed(), ticks * 10, peak / 1024);
    }
}
