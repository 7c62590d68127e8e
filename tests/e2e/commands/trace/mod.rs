//! `tributary trace` on the bed: what the records of a bus show of events, and what it says where they show nothing.

mod bench;
mod follow;
mod missing;

use serde_json::{Value, json};
use tributary_testkit::{assert_valid, aws_name, writes_since};

use bench::{GROUP, ids_in, logged, put, trace, traced};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivered_event_is_shown_from_ingestion_to_the_queue() {
    let world = logged("trace", &["q"]).await;
    put(&world, "test", 1).await;
    let id = ids_in(&world, "q").await.remove(0);
    let mark = world.aws.mark().await;
    let found = traced(&world, &["--event-id", &id]).await;
    let event = &found["traces"][0];
    assert_eq!(
        (&event["eventId"], &event["outcome"], &event["ingestion"]["status"]),
        (&json!(id), &json!("delivered"), &json!("accepted"))
    );
    assert_eq!((&event["source"], &event["detailType"]), (&json!("test"), &json!("t")));
    let target = &event["rules"][0]["targets"][0];
    assert_eq!(
        (&target["outcome"], &target["attempts"][0]["result"], &target["totalAttempts"]),
        (&json!("delivered"), &json!("succeeded"), &json!(1))
    );
    let rule = event["rules"][0]["ruleArn"].as_str().unwrap();
    assert_eq!(found["objects"][rule], format!("EventRule {}/q", world.namespace), "{found:#}");
    let output = trace(&world, &["--event-id", &id]).await;
    for text in [
        format!("✓ Delivered  EventBus {}/b, 20", world.namespace),
        "├─ ✓ ingested".into(),
        "attempt 1 succeeded, target took ".into(),
        format!("└─ ✓ EventRule {}/q matched", world.namespace),
        format!("EventSink {}/q: delivered", world.namespace),
    ] {
        assert!(output.out.contains(&text), "{text}: {} {}", output.out, output.err);
    }
    assert!(output.out.lines().all(|line| line.chars().count() <= 100) && !output.out.contains('\x1b'), "{}", output.out);
    assert_eq!((writes_since(&world, mark).await.len(), output.err.as_str()), (0, ""), "it only reads");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_target_has_its_error_and_its_dead_letter() {
    let world = logged("tracedlq", &["q"]).await;
    bench::failing_rule(&world, "closed", Some("dead")).await;
    bench::failing_rule(&world, "lost", None).await;
    put(&world, "test", 1).await;
    let found = traced(&world, &["--rule", "closed"]).await;
    let target = &found["traces"][0]["rules"][0]["targets"][0];
    assert_eq!(
        (&found["traces"][0]["outcome"], &target["outcome"], &target["finalStatus"]),
        (&json!("deadLettered"), &json!("deadLettered"), &json!("NO_PERMISSIONS"))
    );
    assert_eq!(
        (&target["attempts"][0]["result"], &target["attempts"][0]["error"]["httpStatus"]),
        (&json!("permanentFailure"), &json!(403))
    );
    let text = trace(&world, &["--rule", "closed"]).await.out;
    for line in [
        format!("✗ EventRule {}/closed matched", world.namespace),
        "✗ attempt 1 failed, permanent, target took".into(),
        format!("✗ sent to the dead-letter queue EventSink {}/dead (NO_PERMISSIONS)", world.namespace),
        "(AmazonSQS, HTTP 403)".into(),
    ] {
        assert!(text.contains(&line), "{line}: {text}");
    }
    assert!(!text.contains("/q matched"), "only the rule that was named: {text}");
    let lost = trace(&world, &["--rule", "lost"]).await.out;
    assert!(lost.contains("✗ Lost") && lost.contains("✗ dropped: no dead-letter queue took it (NO_PERMISSIONS)"), "{lost}");
    let whole = traced(&world, &["--bus", "b"]).await;
    assert_eq!((&whole["traces"][0]["outcome"], whole["traces"][0]["rules"].as_array().unwrap().len()), (&json!("lost"), 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_out_of_order_and_doubled_are_one_delivery() {
    let world = logged("traceretry", &["q"]).await;
    world.aws.settings(json!({"logPage": 2})).await;
    let records = bench::retried(&world, "6f1c2e9a-0000-4a0e-9d53-0c1f9d8f6a11");
    let mut shuffled: Vec<Value> = records.iter().rev().cloned().collect();
    shuffled.extend(records);
    bench::write(&world, &shuffled).await;
    let found = traced(&world, &["--event-id", "6f1c2e9a-0000-4a0e-9d53-0c1f9d8f6a11"]).await;
    let target = &found["traces"][0]["rules"][0]["targets"][0];
    let results: Vec<_> = target["attempts"].as_array().unwrap().iter().map(|attempt| attempt["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["throttled", "retryableFailure", "succeeded"], "{found:#}");
    assert_eq!(
        (&target["outcome"], &target["totalAttempts"], &target["ingestionToSuccessMs"]),
        (&json!("delivered"), &json!(3), &json!(2_800))
    );
    let text = trace(&world, &["--bus", "b", "--last", "1"]).await.out;
    assert!(text.contains("delivered at attempt 3") && text.contains("Rate exceeded (AWSLambda, HTTP 429)"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_events_of_a_bus_a_rule_and_a_target() {
    let world = logged("tracelast", &["q", "other"]).await;
    world.aws.settings(json!({"logPage": 7})).await;
    put(&world, "test", 5).await;
    put(&world, "unknown", 1).await;
    let outcomes = |found: &Value| {
        found["traces"].as_array().unwrap().iter().map(|one| one["outcome"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let bus = traced(&world, &["--bus", "b", "--last", "2"]).await;
    assert_eq!(outcomes(&bus), ["delivered", "noRuleMatched"], "the newest last");
    assert_eq!(bus["traces"][0]["rules"].as_array().unwrap().len(), 2);
    let rule = traced(&world, &["--rule", "q", "--last", "3"]).await;
    assert_eq!((outcomes(&rule).len(), rule["traces"][0]["rules"].as_array().unwrap().len()), (3, 1));
    assert_eq!(rule["traces"][0]["ingestion"]["status"], "accepted", "with the steps before the rule");
    let target = traced(&world, &["--target", "other"]).await;
    assert_eq!(outcomes(&target).len(), 5);
    let arn = target["traces"][0]["rules"][0]["targets"][0]["targetArn"].as_str().unwrap();
    assert!(arn.ends_with(&aws_name(&world, "other")), "{arn}");
    let text = trace(&world, &["--bus", "b", "--last", "1"]).await.out;
    assert!(text.contains("✗ No rule matched") && text.contains("└─ ✗ no rule matched"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_is_named_needs_no_cluster() {
    let world = logged("tracegroup", &["q"]).await;
    put(&world, "test", 1).await;
    let rule = aws_name(&world, "q");
    for arguments in [&["--log-group", GROUP][..], &["--log-group", GROUP, "--rule", &rule], &["--log-group", GROUP, "--rule", "r"]] {
        let mut command = world.command(&[&["trace", "-o", "json"], arguments].concat());
        command.env("KUBECONFIG", "/nonexistent");
        let output = world.run_command(command, "").await;
        let found = output.json();
        assert_valid("trace", &found);
        let count = usize::from(arguments.last() != Some(&"r"));
        assert_eq!((found["traces"].as_array().unwrap().len(), output.code), (count, 0), "{arguments:?} {}", output.err);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_of_benchling_leads_to_the_event() {
    let world = bench::subscribed("traceevt").await;
    let source = tributary_testkit::partner::source(&world);
    world.aws.partner_event(&source, "v2.entity.registered", &tributary_testkit::partner::entity("Plasmid", "one")).await;
    world.aws.partner_event(&source, "v2.entity.registered", &tributary_testkit::partner::entity("Plasmid", "two")).await;
    let found = traced(&world, &["--event-id", "evt_two"]).await;
    let traces = found["traces"].as_array().unwrap();
    assert_eq!((traces.len(), &traces[0]["outcome"], &traces[0]["source"]), (1, &json!("delivered"), &json!(source)), "{found:#}");
    assert_ne!(traces[0]["eventId"], "evt_two", "EventBridge has an ID of its own");
    let unknown = world.tributary(&["trace", "--event-id", "evt_none", "-n", &world.namespace]).await;
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("no event evt_none in log group /aws/events/"), "{}", unknown.err);
}
