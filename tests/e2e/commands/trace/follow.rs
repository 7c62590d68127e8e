//! `tributary trace --follow`.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use tributary_testkit::{assert_valid, writes_since};

use super::bench::{ids_in, logged, put, retried, write};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_is_one_line_as_soon_as_it_is_settled() {
    let world = logged("tracefollow", &["q"]).await;
    put(&world, "test", 1).await;
    let earlier = ids_in(&world, "q").await;
    assert_eq!(earlier.len(), 1);
    let mark = world.aws.mark().await;
    let mut command = world.command(&["trace", "--bus", "b", "--follow", "-o", "json", "-n", &world.namespace]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel();
    let out = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            let _ = sender.send(serde_json::from_str::<Value>(&line).unwrap());
        }
    });
    // The command reads the log for the first time before the events that it is to show.
    let began = async || world.aws.calls(mark).await.contains(&"logs:FilterLogEvents".to_owned()).then_some(());
    world.aws.until("the first read", began).await;
    put(&world, "test", 1).await;
    write(&world, &retried(&world, "6f1c2e9a-0000-4a0e-9d53-0c1f9d8f6a11")).await;
    let mut seen = Vec::new();
    let both = async {
        while seen.len() < 2 {
            let line = lines.recv().await.expect("the command runs");
            assert_valid("trace", &line);
            assert_eq!(line["traces"].as_array().unwrap().len(), 1, "{line:#}");
            seen.push(line["traces"][0].clone());
        }
    };
    tokio::time::timeout(Duration::from_secs(30), both).await.expect("both events are shown");
    assert!(seen.iter().all(|trace| trace["outcome"] == "delivered"), "{seen:?}");
    assert!(seen.iter().any(|trace| trace["eventId"] == "6f1c2e9a-0000-4a0e-9d53-0c1f9d8f6a11"), "{seen:?}");
    assert!(seen.iter().all(|trace| trace["eventId"] != json!(earlier[0])), "following begins now: {seen:?}");
    assert_eq!(writes_since(&world, mark).await.len(), 0, "it only reads");
    child.kill().unwrap();
    child.wait().unwrap();
    let refused = world.tributary(&["trace", "--event-id", "evt_1", "--follow", "-n", &world.namespace]).await;
    assert_eq!((refused.code, refused.err.contains("Remove --follow")), (1, true), "{}", refused.err);
    assert_ne!(json!(seen[0]["eventId"]), json!(seen[1]["eventId"]));
}
