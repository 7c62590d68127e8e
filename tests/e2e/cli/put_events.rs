//! `tributary put-events` as a process: batches, rejected entries, throttling, dry run, and its output.

use std::{
    fs::File,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tributary_testkit::{REGION, World, apply_pipeline, aws_name};

struct Said {
    ok: bool,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }
}

/// Runs it with this on stdin, as the world's account.
fn put(world: &World, input: &str, flags: &[&str]) -> Said {
    let mut child = Command::new(tributary_testkit::executable())
        .args(["put-events", "--region", REGION, "--endpoint-url", &world.aws.endpoint])
        .args(flags)
        .envs([
            ("AWS_ACCESS_KEY_ID", world.aws.account.as_str()),
            ("AWS_SECRET_ACCESS_KEY", "canary-7Qm2"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { ok: output.status.success(), out: text(output.stdout), err: text(output.stderr) }
}

fn event(n: usize) -> Value {
    json!({"Source": "test", "DetailType": "test", "Detail": {"n": n}, "Time": "2026-03-01T12:00:00Z", "Resources": ["r"]})
}

fn events(count: usize) -> Value {
    (0..count).map(event).collect()
}

async fn sizes_of_calls(world: &World, since: u64) -> Vec<usize> {
    let calls = world.aws.journal(since).await.0.into_iter().filter(|call| call.op == "PutEvents");
    calls.map(|call| call.request["Entries"].as_array().unwrap().len()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_go_in_batches_and_arrive() {
    let world = World::start("put").await;
    apply_pipeline(&world).await;
    let bus = aws_name(&world, "b");
    let since = world.aws.mark().await;
    let said = put(&world, &events(23).to_string(), &["--bus", &bus, "--output", "json"]);
    assert!(said.ok, "{} {}", said.out, said.err);
    let said = said.json();
    assert_eq!(said["summary"], json!({"entries": 23, "sent": 23, "accepted": 23, "failed": 0}));
    assert_eq!(sizes_of_calls(&world, since).await, [10, 10, 3]);
    let ids: Vec<_> = said["entries"].as_array().unwrap().iter().map(|entry| entry["eventId"].as_str().unwrap()).collect();
    let received = world.aws.receive(&aws_name(&world, "q")).await;
    let first = received.iter().find(|event| event["id"] == ids[0]).unwrap_or_else(|| panic!("{ids:?} {received:?}"));
    assert_eq!((&first["detail"], &first["time"], &first["resources"]), (&json!({"n": 0}), &json!("2026-03-01T12:00:00Z"), &json!(["r"])));
    // From files, in other forms, by ARN.
    let folder = std::env::temp_dir().join(format!("put-events-{}", world.namespace));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, text: String| -> PathBuf {
        let path = folder.join(name);
        File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        path
    };
    let (lines, wrapped) =
        (file("lines", format!("{}\n{}\n", event(1), event(2))), file("wrapped", json!({"Entries": events(2)}).to_string()));
    let arn = format!("arn:aws:events:{REGION}:{}:event-bus/{bus}", world.aws.account);
    let said = put(&world, "", &["--bus", &arn, lines.to_str().unwrap(), wrapped.to_str().unwrap()]);
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(said.ok && said.out == "4 entries: 4 sent, 4 accepted, 0 failed\n", "{} {}", said.out, said.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_entries_are_reported_and_the_others_are_sent() {
    let world = World::empty("put-bad").await;
    let (since, large) = (world.aws.mark().await, "x".repeat(1 << 20));
    let mut input =
        vec![event(0), json!({"Source": "test", "DetailType": "test", "Detail": {"x": large}}), event(2), event(3), event(4), event(5)];
    input[2]["EventBusName"] = json!("no-such-bus");
    input[3]["EventBusName"] = json!("aws.partner/benchling.com/acme/app");
    input[4]["Source"] = json!("aws.ec2");
    let said = put(&world, &json!(input).to_string(), &["--output", "json"]);
    assert!(!said.ok);
    let said = said.json();
    let codes: Vec<_> = said["entries"].as_array().unwrap().iter().map(|entry| entry["errorCode"].as_str().unwrap_or("")).collect();
    assert_eq!(codes, ["", "EntryTooLarge", "BusNotFound", "PartnerBus", "NotAuthorizedForSourceException", ""]);
    assert_eq!(said["summary"], json!({"entries": 6, "sent": 3, "accepted": 2, "failed": 4}));
    assert_eq!(sizes_of_calls(&world, since).await, [3], "once");
    for bad in ["{\"Source\":", "", "[]", "\u{0}", "[[[", "\"x"] {
        let since = world.aws.mark().await;
        let said = put(&world, bad, &[]);
        assert!(!said.ok && !said.err.contains("panicked") && !said.err.is_empty(), "{bad}: {}", said.err);
        assert!(sizes_of_calls(&world, since).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_throttled_call_is_sent_again_and_a_dry_run_sends_nothing() {
    let world = World::empty("put-throttled").await;
    world.aws.faults(json!([{"match": "events.PutEvents", "kind": "throttle", "times": 2}])).await;
    let said = put(&world, &events(3).to_string(), &[]);
    assert!(said.ok, "{} {}", said.out, said.err);
    // Without the right to look, it says that it could not.
    world.aws.faults(json!([{"match": "events.DescribeEventBus", "kind": "error", "code": "AccessDeniedException", "status": 400}])).await;
    let said = put(&world, &events(1).to_string(), &[]);
    assert!(said.ok && said.err.contains("is not known"), "{} {}", said.out, said.err);
    let since = world.aws.mark().await;
    let said = put(&world, &events(23).to_string(), &["--dry-run"]);
    assert!(said.ok && said.out.contains("23 entries") && said.out.contains("3 calls"), "{} {}", said.out, said.err);
    assert!(world.aws.calls(since).await.is_empty());
}
