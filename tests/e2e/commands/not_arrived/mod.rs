//! "Why did my event not arrive?": each branch of the page, in a namespace that has its state.

mod page;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tributary_testkit::{World, all_ready, aws_name, existing_queue, managed_queue, merged, partner, wait_for_reason, writes_since};

use page::branches;

const LOG: &str = "/bus-logs/lims";

fn rule(sink: &str, more: Value) -> Value {
    let target = json!({"name": "t", "sinkRef": {"name": sink}});
    merged(json!({"busRef": {"name": "lims"}, "eventPattern": {"source": ["orders"]}, "targets": [target]}), more)
}

/// A namespace with a rule in each state of the page.
async fn in_each_state() -> World {
    let world = World::with("arrive", tributary_testkit::fast_resync()).await;
    let log = json!({"log": {"level": "TRACE"}});
    world.apply("EventBus", "lims", log.clone()).await;
    world.apply("EventBus", "empty", log).await;
    world.apply("EventBus", "quiet", json!({})).await;
    for sink in ["orders", "undelivered"] {
        world.apply("EventSink", sink, managed_queue()).await;
    }
    world.aws.sqs("CreateQueue", json!({"QueueName": "closed"})).await;
    world.apply("EventSink", "closed", merged(existing_queue(&world.aws, "closed"), json!({"permissions": "External"}))).await;
    world.apply("EventRule", "orders", rule("orders", json!({}))).await;
    world.apply("EventRule", "off", rule("orders", json!({"state": "Disabled"}))).await;
    world.apply("EventRule", "waiting", rule("nowhere", json!({}))).await;
    world.apply("EventRule", "audit", rule("closed", json!({}))).await;
    let dead = json!([{"name": "t", "sinkRef": {"name": "closed"}, "deadLetter": {"sinkRef": {"name": "undelivered"}}}]);
    world.apply("EventRule", "billing", rule("closed", json!({"targets": dead}))).await;
    world.apply("BenchlingSubscription", "tenant", merged(partner::subscription(&world, json!({})), json!({"tenant": "acme"}))).await;
    all_ready(&world, &[("EventBus", "lims"), ("EventBus", "empty"), ("EventBus", "quiet"), ("EventRule", "orders")]).await;
    for name in ["lims", "empty"] {
        world.aws.deliver_bus_logs(&aws_name(&world, name), &format!("/bus-logs/{name}")).await;
    }
    wait_for_reason(&world, "EventRule", "waiting", "SinkNotFound").await;
    wait_for_reason(&world, "BenchlingSubscription", "tenant", "SourceNotFound").await;
    for (name, reason) in
        [("audit", "PermissionMissing"), ("billing", "PermissionMissing"), ("off", "RuleDisabled"), ("orders", "Deliverable")]
    {
        let is = |object: Option<&kube::api::DynamicObject>| {
            tributary_testkit::condition(object?, "Deliverable").filter(|condition| condition.1 == reason)
        };
        world.wait("EventRule", name, reason, is).await;
    }
    world
}

/// Records of what the stand-in does not do: a retry, and a bus that cannot use its key.
async fn write_records(world: &World) {
    let bus = format!("arn:aws:events:eu-west-1:{}:event-bus/{}", world.aws.account, aws_name(world, "lims"));
    let rule = format!("arn:aws:events:eu-west-1:{}:rule/{}/{}", world.aws.account, aws_name(world, "lims"), aws_name(world, "orders"));
    // Before the events of the test, which are the last ones.
    let now = k8s_openapi::jiff::Timestamp::now().as_millisecond() - 600_000;
    let details = json!({"source": "orders", "detail_type": "created"});
    let target = json!({"rule_arn": rule, "target_arn": "arn:aws:lambda:eu-west-1:1:function:f", "attempt_count": 1, "invocation_status": "THROTTLING"});
    let throttled = json!({"error_message": "Rate exceeded", "aws_service": "AWSLambda", "http_status_code": 429});
    let key = json!({"error_message": "The key is disabled", "aws_service": "KMS", "http_status_code": 400});
    let (first, second) = ("11111111-0000-4a0e-9d53-0c1f9d8f6a11", "22222222-0000-4a0e-9d53-0c1f9d8f6a11");
    let records = [
        (first, "EVENT_INGEST_SUCCESS", &details, &Value::Null),
        (first, "INVOCATION_ATTEMPT_THROTTLE", &target, &throttled),
        (second, "EVENT_INGEST_FAILURE", &details, &key),
    ];
    world.aws.logs("CreateLogStream", json!({"logGroupName": LOG, "logStreamName": "more"})).await;
    for (id, kind, details, error) in records {
        let record = json!({"resource_arn": bus, "event_id": id, "invocation_id": "i", "message_timestamp_ms": now, "message_type": kind, "details": details, "error": error});
        let events = json!([{"timestamp": now, "message": record.to_string()}]);
        world.aws.logs("PutLogEvents", json!({"logGroupName": LOG, "logStreamName": "more", "logEvents": events})).await;
    }
}

/// A folder with the binary and the files that commands of the page name.
fn folder(world: &World) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tributary-{}", world.namespace));
    std::fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(world.command(&[]).get_program(), folder.join("tributary")).unwrap();
    let event = json!({"version": "0", "id": "6f", "detail-type": "created", "source": "order", "account": "111122223333", "time": "2025-11-29T23:31:18Z",
        "region": "eu-west-1", "resources": [], "detail": {}});
    std::fs::write(folder.join("event.json"), event.to_string()).unwrap();
    std::fs::write(folder.join("entry.json"), r#"{"Source": "orders", "DetailType": "created", "Detail": "{}"}"#).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_branch_prints_what_the_page_quotes() {
    let world = in_each_state().await;
    let folder = folder(&world);
    let put = async |source: &str| world.aws.put_event(&aws_name(&world, "lims"), source, "created", &json!({"n": 1})).await;
    put("orders").await;
    write_records(&world).await;
    put("order").await;
    let mark = world.aws.mark().await;
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for branch in branches(&world.namespace) {
        for step in &branch.steps {
            let mut command = Command::new("sh");
            let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
            let environment = world.command(&[]);
            command.envs(environment.get_envs().filter_map(|(name, value)| Some((name, value?))));
            command.args(["-c", &step.command]).env("PATH", path).current_dir(&folder).stdin(Stdio::null());
            let output = world.run_command(command, "").await;
            let all = format!("{}\n{}", output.out, output.err);
            if let Some(line) = page::missing(&step.lines, &all) {
                wrong.push(format!("{}: {}\nlacks: {line}\nprints: {all}", branch.name, step.command));
            }
        }
        assert!(seen.insert(branch.name.clone()) && !branch.steps.is_empty(), "{branch:?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let expected = [
        "rules",
        "not-ready",
        "disabled",
        "undeliverable",
        "delivered",
        "no-log",
        "not-matched",
        "pattern",
        "no-event",
        "wrong-bus",
        "source",
        "dead-lettered",
        "lost",
        "in-progress",
        "rejected",
    ];
    assert_eq!(seen, expected.map(str::to_owned).into(), "a branch has a state in this test");
    assert_eq!(writes_since(&world, mark).await.len(), 0, "no command of the page writes");
    std::fs::remove_dir_all(&folder).unwrap();
}
