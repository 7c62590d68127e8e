//! The audit log: each write to AWS is in it, with its values before and after, and none is made without it.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};
use tributary_testkit::{
    World, fault_rule, merged, options, patch_spec,
    product::{AuditLog, Options},
    rule_spec,
};

/// What was logged, and whether the volume is full.
#[derive(Clone, Default)]
struct Disk {
    text: Arc<Mutex<Vec<u8>>>,
    is_full: Arc<AtomicBool>,
}

impl Write for Disk {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.text.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Disk {
    fn options(&self) -> Options {
        Options { audit: Some(Arc::new(AuditLog::to(Box::new(self.clone()), "replica-1".into()))), ..options() }
    }

    fn lines(&self, phase: &str) -> Vec<Value> {
        let text = String::from_utf8(self.text.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["phase"] == phase).collect()
    }
}

fn count(calls: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    calls.for_each(|call| *counts.entry(call).or_default() += 1);
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_write_is_in_the_audit_log_with_values_before_and_after() {
    let disk = Disk::default();
    let world = World::with("audit", disk.options()).await;
    let mark = world.aws.mark().await;
    world.apply("EventBus", "b", json!({"name": "b", "description": "first"})).await;
    world.apply("EventSink", "q", json!({"sqs": {"managed": {}}, "deletionPolicy": "Delete"})).await;
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    world.ready("EventRule", "r").await;
    patch_spec(&world, "EventBus", "b", json!({"description": "second"})).await;
    world.wait("EventBus", "b", "the change is applied", |bus| bus.filter(|bus| tributary_testkit::is_ready(bus)).map(drop)).await;
    for (kind, name) in [("EventRule", "r"), ("EventSink", "q"), ("EventBus", "b")] {
        world.delete(kind, name).await;
        world.gone(kind, name).await;
    }
    let begun = disk.lines("Begin");
    let writes = world.aws.journal(mark).await.0.into_iter().filter(|call| call.is_write() && call.service == "events");
    let writes = count(writes.map(|call| format!("events:{}", call.op)));
    let logged = count(begun.iter().map(|line| line["call"].as_str().unwrap().to_owned()).filter(|call| call.starts_with("events:")));
    assert_eq!(logged, writes);

    let update = begun.iter().find(|line| line["call"] == "events:UpdateEventBus").unwrap();
    assert_eq!(update["changes"][0]["before"], "first", "{update:#}");
    assert_eq!(update["changes"][0]["after"], "second");
    assert_eq!((&update["object"]["kind"], &update["object"]["name"]), (&json!("EventBus"), &json!("b")));
    assert_eq!(update["object"]["generation"], 2);
    assert_eq!(update["aws"], json!({"account": world.account, "accountId": world.aws.account, "region": tributary_testkit::REGION}));
    assert!(begun.iter().any(|line| line["granted"].as_array().is_some_and(|statements| !statements.is_empty())), "the queue's policy");

    let ended: BTreeMap<u64, Value> = disk.lines("End").into_iter().map(|line| (line["write"].as_u64().unwrap(), line)).collect();
    for line in &begun {
        let end = &ended[&line["write"].as_u64().unwrap()];
        assert_eq!(end["outcome"], "Succeeded", "{end}");
        assert!(!end["requestIds"].as_array().unwrap().is_empty(), "{end}");
    }
    assert_eq!(ended.len(), begun.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_write_has_its_reason() {
    let disk = Disk::default();
    let world = World::with("audit-failed", disk.options()).await;
    let denied = json!({"status": 400, "code": "AccessDeniedException", "message": "not now"});
    world.aws.faults(json!([fault_rule("events.CreateEventBus", "error", denied)])).await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.not_ready("EventBus", "b", "AccessDenied").await;
    let end = disk.lines("End").remove(0);
    assert_eq!((&end["outcome"], &end["reason"]), (&json!("Failed"), &json!("AccessDenied")), "{end}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_audit_log_nothing_is_written() {
    let disk = Disk::default();
    disk.is_full.store(true, Ordering::SeqCst);
    let world = World::with("audit-full", disk.options()).await;
    let mark = world.aws.mark().await;
    world.apply("EventBus", "b", merged(json!({"name": "b"}), json!({"description": "one"}))).await;
    let message = world.not_ready("EventBus", "b", "AuditLogNotWritable").await;
    assert!(message.contains("the audit log cannot be written"), "{message}");
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
    disk.is_full.store(false, Ordering::SeqCst);
    world.ready("EventBus", "b").await;
    assert_eq!(disk.lines("Begin").len(), disk.lines("End").len());
}
