//! `tributary dlq`: what lies in dead-letter queues, and sending it to each type of target again. The journal shows what was sent, and that
//! nothing else was written.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tributary_testkit::{
    Call, REGION, World, all_ready, assert_valid, aws_name,
    dead_letters::{DEAD, dead_event, dead_letter, dead_letter_queue, dead_lettered_rule, marks_in, put_letter, rule_arn},
    existing_queue, fault_rule, merged, publish, writes_since,
};

/// What a command does that shows letters.
const READS: [&str; 2] = ["ChangeMessageVisibility", "ReceiveMessage"];

/// A rule `r` with targets `q` and `p`, two managed queues, whose dead letters go to [`DEAD`].
async fn two_queues(name: &str) -> World {
    let world = World::start(name).await;
    dead_letter_queue(&world).await;
    for queue in ["q", "p"] {
        world.apply("EventSink", queue, json!({"sqs": {"managed": {}}})).await;
    }
    dead_lettered_rule(&world, "r", &[("q", json!({})), ("p", json!({"inputPath": "$.detail"}))]).await;
    world
}

async fn dlq(world: &World, arguments: &[&str]) -> tributary_testkit::Output {
    let mut all = vec!["dlq"];
    all.extend(arguments);
    all.extend(["-n", &world.namespace]);
    world.tributary(&all).await
}

/// Runs `dlq redrive`; its exit code, and the audit lines by the mark of the event.
async fn redrive(world: &World, arguments: &[&str]) -> (i32, Vec<Value>, String) {
    let mut all = vec!["redrive", "--rate", "100"];
    all.extend(arguments);
    let output = dlq(world, &all).await;
    let lines: Vec<Value> =
        output.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    for line in &lines {
        assert_valid("dlq-redrive", line);
    }
    (output.code, lines, output.err)
}

/// Outcomes of audit lines, as `event id: outcome reason`, sorted.
fn outcomes(lines: &[Value]) -> Vec<String> {
    let text = |line: &Value| {
        let part = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        format!("{}: {} {}", part("eventId").trim_start_matches("id-"), part("outcome"), part("reason")).trim_end().to_owned()
    };
    let mut all: Vec<_> = lines.iter().map(text).collect();
    all.sort();
    all
}

/// Names of the write calls since the mark.
async fn write_ops(world: &World, since: u64) -> BTreeSet<String> {
    writes_since(world, since).await.into_iter().map(|call| call.op.trim_end_matches("Batch").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_are_listed_and_shown_and_stay_where_they_are() {
    let world = World::start("dlq-list").await;
    dead_letter_queue(&world).await;
    world.aws.sqs("CreateQueue", json!({"QueueName": "closed"})).await;
    world.apply("EventSink", "s", merged(existing_queue(&world.aws, "closed"), json!({"permissions": "External"}))).await;
    let dead = json!({"sinkRef": {"name": DEAD}});
    let targets = json!([{"name": "t", "sinkRef": {"name": "s"}, "deadLetter": dead}]);
    world.apply("EventRule", "r", json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["test"]}, "targets": targets})).await;
    world.ready("EventRule", "r").await;
    // EventBridge's own letters, and one of another sender.
    assert_eq!(publish(&world, "canary-one").await["deadLetter"], "DELIVERED");
    publish(&world, "canary-two").await;
    let url = world.aws.queue_url(&aws_name(&world, DEAD)).await.unwrap();
    world.aws.sqs("SendMessage", json!({"QueueUrl": url, "MessageBody": "stray"})).await;

    let mark = world.aws.mark().await;
    let listed = dlq(&world, &["list", "-o", "json"]).await;
    assert_eq!(listed.code, 0, "{}", listed.err);
    let (report, namespace) = (listed.json(), &world.namespace);
    assert_valid("dlq-list", &report);
    let queue = &report["queues"][0];
    assert_eq!((&queue["sink"], &queue["messages"], &queue["complete"]), (&json!(format!("{namespace}/{DEAD}")), &json!(3), &json!(true)));
    let letters = queue["letters"].as_array().unwrap();
    let group = letters.iter().find(|group| group["errorCode"] == "NO_PERMISSIONS").unwrap();
    assert_eq!((&group["rule"], &group["target"], &group["count"]), (&json!(format!("{namespace}/r")), &json!("t"), &json!(2)));
    assert!(letters.iter().any(|group| group["rule"].is_null() && group["count"] == 1), "{letters:?}");
    let text = dlq(&world, &["list", "--error-code", "NO_PERMISSIONS"]).await.out;
    assert!(text.contains("3 messages") && text.contains("NO_PERMISSIONS") && text.lines().count() == 4, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");

    let shown = dlq(&world, &["show"]).await;
    assert!(shown.code == 0 && shown.out.contains("NO_PERMISSIONS") && shown.out.contains("closed"), "{shown:?}");
    assert!(!shown.out.contains("canary"), "an event is shown only on request: {}", shown.out);
    let shown = dlq(&world, &["show", "--body", "--rule", "r", "--max", "1", "-o", "json"]).await.json();
    assert_valid("dlq-show", &shown);
    assert_eq!(shown["letters"].as_array().unwrap().len(), 1);
    assert!(shown["letters"][0]["body"].as_str().unwrap().contains("canary"), "{shown}");
    assert_eq!((&shown["letters"][0]["target"], &shown["letters"][0]["retryAttempts"]), (&json!("t"), &json!("0")));

    let written = write_ops(&world, mark).await;
    assert!(written.iter().all(|op| READS.contains(&op.as_str())), "{written:?}");
    // At once: each command made them visible again.
    let got = world.aws.sqs("ReceiveMessage", json!({"QueueUrl": url, "MaxNumberOfMessages": 10})).await;
    assert_eq!(got["Messages"].as_array().map(Vec::len), Some(3), "{got}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_named_and_the_rest_is_shown() {
    let world = two_queues("dlq-unread").await;
    let unknown = dlq(&world, &["list", "--queue", "nowhere"]).await;
    assert!(
        unknown.code == 1 && unknown.err.contains("--queue nowhere") && unknown.err.contains(&format!("{}/{DEAD}", world.namespace)),
        "{unknown:?}"
    );
    world
        .aws
        .faults(json!([{"match": "sqs.ReceiveMessage", "kind": "error", "status": 400, "code": "AccessDenied", "message": "no"}]))
        .await;
    let refused = dlq(&world, &["list", "-o", "json"]).await;
    let report = refused.json();
    assert_eq!((refused.code, &report["queues"][0]["messages"]), (1, &json!(0)), "{report}");
    assert!(report["queues"][0]["problem"].as_str().unwrap().contains("sqs:ReceiveMessage"), "{report}");
    world.aws.faults(json!([])).await;
    // Credentials of another account.
    let mut command = world.command(&["dlq", "list", "-n", &world.namespace]);
    command.env("AWS_ACCESS_KEY_ID", "999988887777");
    let elsewhere = world.run_command(command, "").await;
    assert!(elsewhere.code == 1 && elsewhere.out.contains("belongs to account"), "{elsewhere:?}");
}

/// Requests of one operation since the mark.
async fn requests(world: &World, since: u64, op: &str) -> Vec<Value> {
    let is_sent = |call: &Call| call.op == op && call.status.is_some_and(|status| status < 300);
    writes_since(world, since).await.into_iter().filter(is_sent).map(|call| call.request).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_type_of_target_gets_its_input_again() {
    let world = World::start("dlq-types").await;
    dead_letter_queue(&world).await;
    let function = world.aws.make_function("f").await;
    world.aws.events("CreateEventBus", json!({"Name": "other"})).await;
    let fifo = json!({"fifo": {"deduplicationScope": "messageGroup", "throughputLimit": "perMessageGroupId"}});
    let pass = json!({"StartAt": "a", "States": {"a": {"Type": "Pass", "End": true}}});
    for (name, spec) in [
        ("queue", json!({"sqs": {"managed": {}}})),
        ("fifo", json!({"sqs": {"managed": fifo, "messageGroupId": "g"}})),
        ("topic", json!({"sns": {"managed": {}}})),
        ("function", json!({"lambda": {"existing": {"arn": function}}})),
        ("machine", json!({"stateMachine": {"managed": {"definition": pass}}})),
        ("bus", json!({"eventBus": {"existing": {"arn": format!("arn:aws:events:{REGION}:{}:event-bus/other", world.aws.account)}}})),
    ] {
        world.apply("EventSink", name, spec).await;
    }
    let transformer = json!({"inputTransformer": {"inputPathsMap": {"mark": "$.detail.mark"},
        "inputTemplate": "{\"mark\": <mark>, \"rule\": <aws.events.rule-name>}"}});
    let targets = [
        ("queue", json!({"inputPath": "$.detail"})),
        ("fifo", json!({})),
        ("topic", transformer),
        ("function", json!({"input": {"constant": true}})),
        ("machine", json!({"inputPath": "$.detail"})),
    ];
    dead_lettered_rule(&world, "r", &targets).await;
    dead_lettered_rule(&world, "s", &[("bus", json!({}))]).await;
    for (target, _) in &targets {
        dead_letter(&world, "r", target, "NO_PERMISSIONS", target).await;
    }
    dead_letter(&world, "s", "bus", "NO_RESOURCE", "bus").await;

    let mark = world.aws.mark().await;
    let (code, lines, said) = redrive(&world, &[]).await;
    assert_eq!((code, lines.len()), (0, 6), "{lines:?} {said}");
    assert!(outcomes(&lines).iter().all(|outcome| outcome.ends_with(": Sent")), "{lines:?}");
    assert!(
        lines.iter().all(|line| line["messageId"].is_string() && line["target"] == line["eventId"].as_str().unwrap()[3..]),
        "{lines:?}"
    );
    assert_eq!(marks_in(&world, &aws_name(&world, DEAD)).await, [""; 0], "each letter is deleted");

    assert_eq!(world.aws.receive(&aws_name(&world, "queue")).await, [json!({"mark": "queue"})]);
    assert_eq!(world.aws.receive(&format!("{}.fifo", aws_name(&world, "fifo"))).await, [dead_event("fifo")]);
    let grouped = requests(&world, mark, "SendMessage").await;
    assert!(grouped.iter().any(|sent| sent["MessageGroupId"] == "g" && sent["MessageDeduplicationId"].is_string()), "{grouped:?}");
    let published = requests(&world, mark, "Publish").await;
    let message: Value = serde_json::from_str(published[0]["Message"].as_str().unwrap()).unwrap();
    assert_eq!(message, json!({"mark": "topic", "rule": aws_name(&world, "r")}));
    let invoked = async || world.aws.invocations().await.into_iter().find(|call| call["outcome"] == "OK");
    let invoked = world.aws.until("the function ran", invoked).await;
    assert_eq!(invoked["function"].as_str().unwrap().trim_end_matches(":$LATEST"), function);
    assert_eq!(requests(&world, mark, "Invoke").await.len(), 1);
    let started = requests(&world, mark, "StartExecution").await;
    assert_eq!(started[0]["input"], json!({"mark": "machine"}).to_string());
    let entries = requests(&world, mark, "PutEvents").await;
    let entry = &entries[0]["Entries"][0];
    assert_eq!((&entry["Source"], &entry["DetailType"], &entry["Detail"]), (&json!("test"), &json!("test"), &json!("{\"mark\":\"bus\"}")));
    assert!(entry["EventBusName"].as_str().unwrap().ends_with("event-bus/other"), "{entry}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_sends_and_deletes_nothing() {
    let world = two_queues("dlq-dry").await;
    for mark in ["a", "b"] {
        dead_letter(&world, "r", "q", "NO_PERMISSIONS", mark).await;
    }
    let mark = world.aws.mark().await;
    let (code, lines, said) = redrive(&world, &["--dry-run"]).await;
    assert_eq!((code, outcomes(&lines)), (0, vec!["a: WouldSend".to_owned(), "b: WouldSend".to_owned()]), "{said}");
    assert!(said.contains("dry run"), "{said}");
    let written = write_ops(&world, mark).await;
    assert!(written.iter().all(|op| READS.contains(&op.as_str())), "{written:?}");
    assert_eq!(marks_in(&world, &aws_name(&world, DEAD)).await, ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_is_deleted_only_after_its_target_took_it() {
    let world = two_queues("dlq-fails").await;
    dead_letter(&world, "r", "q", "NO_PERMISSIONS", "refused").await;
    let refused = json!({"times": 1, "status": 403, "code": "AccessDenied", "message": "no"});
    world.aws.faults(json!([fault_rule("sqs.SendMessage", "error", refused)])).await;
    let (code, lines, _) = redrive(&world, &[]).await;
    assert_eq!((code, outcomes(&lines)), (1, vec!["refused: Refused AccessDenied".to_owned()]));
    assert!(lines[0]["message"].as_str().unwrap().contains("your credentials lack sqs:SendMessage"), "{lines:?}");
    // The target has it, and the answer is lost.
    world.aws.faults(json!([fault_rule("sqs.SendMessage", "applied_reset", json!({"times": 1}))])).await;
    let (code, lines, _) = redrive(&world, &[]).await;
    assert_eq!((code, outcomes(&lines)), (1, vec!["refused: Unknown Unavailable".to_owned()]));
    assert_eq!(marks_in(&world, &aws_name(&world, DEAD)).await, ["refused"], "it stays for a person to decide");
    // It cannot be deleted: that is said, and it is not sent a second time in this run.
    world.aws.receive(&aws_name(&world, "q")).await;
    let no = json!({"status": 403, "code": "AccessDenied", "message": "no"});
    world.aws.faults(json!([fault_rule("sqs.DeleteMessage", "error", no)])).await;
    let mark = world.aws.mark().await;
    let (code, lines, _) = redrive(&world, &[]).await;
    assert_eq!((code, outcomes(&lines)), (1, vec!["refused: SentNotDeleted AccessDenied".to_owned()]));
    assert_eq!(requests(&world, mark, "SendMessage").await.len(), 1);
    world.aws.faults(json!([])).await;
    // Too many failures stop the run.
    for mark in ["1", "2", "3"] {
        dead_letter(&world, "r", "p", "NO_PERMISSIONS", mark).await;
    }
    let refused = json!({"status": 403, "code": "AccessDenied", "message": "no"});
    world.aws.faults(json!([fault_rule("sqs.SendMessage", "error", refused)])).await;
    let (code, lines, said) = redrive(&world, &["--max-failures", "2"]).await;
    assert_eq!((code, lines.len()), (1, 2), "{lines:?}");
    assert!(said.contains("Stopped"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_select_and_the_rate_holds() {
    let world = two_queues("dlq-filters").await;
    dead_letter(&world, "r", "q", "NO_PERMISSIONS", "a").await;
    dead_letter(&world, "r", "q", "THROTTLING", "b").await;
    dead_letter(&world, "r", "p", "THROTTLING", "c").await;
    for (arguments, selected) in [
        (&["--error-code", "THROTTLING", "--target", "p"][..], &["c"][..]),
        (&["--rule", "r", "--error-code", "NO_PERMISSIONS"], &["a"]),
        (&["--rule", "other"], &[]),
        (&["--older-than", "1h"], &[]),
        (&["--newer-than", "1h"], &["a", "b", "c"]),
    ] {
        let mut all = vec!["--dry-run"];
        all.extend(arguments);
        let (_, lines, _) = redrive(&world, &all).await;
        let wanted: Vec<_> = selected.iter().map(|mark| format!("{mark}: WouldSend")).collect();
        assert_eq!(outcomes(&lines), wanted, "{arguments:?}");
    }
    let (code, lines, _) = redrive(&world, &["--max", "1", "--error-code", "THROTTLING"]).await;
    assert_eq!((code, lines.len()), (0, 1));
    for mark in ["d", "e", "f"] {
        dead_letter(&world, "r", "q", "THROTTLING", mark).await;
    }
    let mark = world.aws.mark().await;
    let slow = dlq(&world, &["redrive", "--rate", "2"]).await;
    assert_eq!((slow.code, slow.out.lines().count()), (0, 5), "{slow:?}");
    let calls = writes_since(&world, mark).await;
    let times: Vec<_> = calls.iter().filter(|call| call.op == "SendMessage").map(|call| call.start).collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] > 0.4), "two a second: {times:?}");
    assert_eq!(marks_in(&world, &aws_name(&world, DEAD)).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attributes_choose_no_other_target_than_those_of_the_rule() {
    let world = two_queues("dlq-foreign").await;
    let rule = rule_arn(&world, "r");
    world.aws.sqs("CreateQueue", json!({"QueueName": "unknown"})).await;
    world.apply("EventSink", "former", json!({"sqs": {"managed": {}}})).await;
    all_ready(&world, &[("EventSink", "former")]).await;
    let queue = |name: &str| tributary_testkit::queue_arn(&world.aws, name);
    let former = queue(&aws_name(&world, "former"));
    put_letter(&world, &rule, &queue("unknown"), "NO_RESOURCE", "unknown").await;
    put_letter(&world, &rule, &former, "NO_RESOURCE", "former").await;
    put_letter(&world, &format!("{rule}-x"), &queue(&aws_name(&world, "q")), "NO_RESOURCE", "rule").await;
    let mark = world.aws.mark().await;
    let (code, lines, _) = redrive(&world, &[]).await;
    assert_eq!(code, 1);
    assert_eq!(outcomes(&lines), ["former: Kept TargetRemoved", "rule: Kept RuleNotFound", "unknown: Kept TargetRemoved"]);
    let written = write_ops(&world, mark).await;
    assert!(written.iter().all(|op| READS.contains(&op.as_str())), "{written:?}");
    // On request, to a sink of the cluster only.
    let (code, lines, _) = redrive(&world, &["--removed-targets"]).await;
    assert_eq!(code, 1);
    assert_eq!(outcomes(&lines), ["former: Sent", "rule: Kept RuleNotFound", "unknown: Kept TargetRemoved"]);
    assert_eq!(world.aws.receive(&aws_name(&world, "former")).await, [dead_event("former")]);
    assert_eq!(marks_in(&world, &aws_name(&world, DEAD)).await, ["rule", "unknown"]);
}
