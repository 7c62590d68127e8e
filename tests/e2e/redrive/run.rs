//! `EventRedrive`: what is sent, what is left, and what it does not touch.

use std::time::Duration;

use kube::api::DynamicObject;
use serde_json::{Value, json};
use tributary_testkit::{
    World, aws_name, condition,
    dead_letters::{DEAD, dead_event, dead_letter, dead_letter_queue, dead_lettered_rule, marks_in, put_letter, rule_arn},
    fault_rule, merged, options,
    product::Options,
    reconcile_now, resource_version, writes_since,
};

/// A rule `r` with targets `q` and `p`, two managed queues, whose dead letters go to [`DEAD`].
pub async fn two_queues(world: &World) {
    dead_letter_queue(world).await;
    for queue in ["q", "p"] {
        world.apply("EventSink", queue, json!({"sqs": {"managed": {}}})).await;
    }
    dead_lettered_rule(world, "r", &[("q", json!({"inputPath": "$.detail"})), ("p", json!({}))]).await;
}

/// Letters that a redrive leaves are visible again after seconds, not minutes.
pub fn quick() -> Options {
    Options { redrive_hidden: Duration::from_secs(3), ..options() }
}

pub fn redrive() -> Value {
    json!({"sinkRef": {"name": DEAD}})
}

/// Waits until the redrive ended; its status.
pub async fn ended(world: &World, name: &str) -> Value {
    let ended = |object: Option<&DynamicObject>| {
        let status = &object?.data["status"];
        ["Completed", "Failed"].contains(&status["state"].as_str()?).then(|| status.clone())
    };
    world.wait("EventRedrive", name, "the end", ended).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_message_goes_to_its_target_once() {
    let world = World::with("redrive", quick()).await;
    two_queues(&world).await;
    let marks: Vec<_> = (0..12).map(|number| format!("m{number:02}")).collect();
    for mark in &marks {
        dead_letter(&world, "r", "q", "NO_PERMISSIONS", mark).await;
    }
    dead_letter(&world, "r", "p", "THROTTLING", "other").await;
    world.apply("EventRedrive", "x", merged(redrive(), json!({"errorCodes": ["NO_PERMISSIONS"], "rules": ["r"]}))).await;
    let status = ended(&world, "x").await;
    assert_eq!(
        (&status["state"], &status["counts"]["sent"], &status["counts"]["failed"]),
        (&json!("Completed"), &json!(12), &json!(0)),
        "{status}"
    );
    assert!(status["startedAt"].is_string() && status["completedAt"].is_string() && status["remaining"] == 1, "{status}");
    world.ready("EventRedrive", "x").await;
    assert_eq!(marks_in(&world, &aws_name(&world, "q")).await, marks, "the input of the target, each once");
    // An end, and nothing more.
    let (since, before) = (world.aws.mark().await, resource_version(&world, "EventRedrive", "x").await);
    reconcile_now(&world, "EventRedrive", "x").await;
    assert!(world.aws.calls(since).await.is_empty() && resource_version(&world, "EventRedrive", "x").await != before);
    let refused = world.attempt("EventRedrive", "x", redrive()).await.unwrap_err().to_string();
    assert!(refused.contains("immutable"), "{refused}");
    // Another one takes the rest.
    world.apply("EventRedrive", "y", redrive()).await;
    assert_eq!(ended(&world, "y").await["counts"]["sent"], 1);
    assert_eq!(world.aws.receive(&aws_name(&world, "p")).await, [dead_event("other")]);
    assert_eq!(marks_in(&world, &aws_name(&world, DEAD)).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_sent_is_left_and_named() {
    let world = World::with("redrive-left", quick()).await;
    two_queues(&world).await;
    let rule = rule_arn(&world, "r");
    world.aws.sqs("CreateQueue", json!({"QueueName": "unknown"})).await;
    let removed = put_letter(&world, &rule, &tributary_testkit::queue_arn(&world.aws, "unknown"), "NO_RESOURCE", "removed").await;
    // Of a rule that the namespace does not have, and of another sender.
    put_letter(&world, &format!("{rule}-x"), &tributary_testkit::queue_arn(&world.aws, "unknown"), "NO_RESOURCE", "foreign").await;
    let no = json!({"status": 403, "code": "AccessDenied", "message": "no"});
    world.aws.faults(json!([fault_rule("sqs.SendMessage", "error", no)])).await;
    let refused = dead_letter(&world, "r", "q", "NO_PERMISSIONS", "refused").await;
    world.apply("EventRedrive", "x", redrive()).await;
    let status = ended(&world, "x").await;
    assert_eq!(
        (&status["state"], &status["counts"]["failed"], &status["counts"]["sent"]),
        (&json!("Failed"), &json!(2), &json!(0)),
        "{status}"
    );
    assert_eq!(status["keptByReason"], json!({"AccessDenied": 1, "TargetRemoved": 1}));
    let kept = status["kept"].as_array().unwrap();
    let message = |id: &str| kept.iter().find(|kept| kept["messageId"] == id).unwrap()["message"].as_str().unwrap();
    assert!(message(&removed).contains("does not have target") && message(&refused).contains("sqs:SendMessage"), "{kept:?}");
    let said = world.not_ready("EventRedrive", "x", "RedriveIncomplete").await;
    assert!(said.contains("2 messages are left") && said.contains("another EventRedrive"), "{said}");
    assert_eq!(condition(&world.get("EventRedrive", "x").await.unwrap(), "Stalled").unwrap().0, "True");
    let unchanged = async || (marks_in(&world, &aws_name(&world, DEAD)).await == ["foreign", "refused", "removed"]).then_some(());
    world.aws.until("all are visible again", unchanged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redrive_waits_while_paused_and_stops_when_deleted() {
    let world = World::with("redrive-pause", quick()).await;
    two_queues(&world).await;
    for number in 0..20 {
        dead_letter(&world, "r", "q", "NO_PERMISSIONS", &format!("m{number:02}")).await;
    }
    world.apply("EventRedrive", "x", merged(redrive(), json!({"messagesPerSecond": 1}))).await;
    let some = |object: Option<&DynamicObject>| object?.data["status"]["counts"]["sent"].as_i64().filter(|sent| *sent > 1);
    world.wait("EventRedrive", "x", "some are sent", some).await;
    world.not_ready("EventRedrive", "x", "Redriving").await;
    world.annotate("EventRedrive", "x", "tributary.dev/paused", Some("true")).await;
    world.not_ready("EventRedrive", "x", "Paused").await;
    let since = world.aws.mark().await;
    reconcile_now_paused(&world).await;
    assert!(!world.aws.writes(since).await.contains(&"SendMessage".to_owned()));
    world.annotate("EventRedrive", "x", "tributary.dev/paused", None).await;
    world.not_ready("EventRedrive", "x", "Redriving").await;
    world.delete("EventRedrive", "x").await;
    world.gone("EventRedrive", "x").await;
    let sends = writes_since(&world, 0).await.iter().filter(|call| call.op == "SendMessage").count();
    assert!(sends < 20, "{sends}");
    let sums = async || {
        let (arrived, left) = (marks_in(&world, &aws_name(&world, "q")).await, marks_in(&world, &aws_name(&world, DEAD)).await);
        assert!(arrived.windows(2).all(|pair| pair[0] != pair[1]), "{arrived:?}");
        // The last one may have been sent, and its letter not deleted.
        (arrived.len() + left.len() >= 20 && arrived.len() == sends).then_some(())
    };
    world.aws.until("the others are visible again", sums).await;
}

/// A paused object is not reconciled: a change of another object shows that the operator works.
async fn reconcile_now_paused(world: &World) {
    reconcile_now(world, "EventSink", "p").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_of_another_namespace_needs_consent_and_gives_only_own_letters() {
    let world = World::with("redrive-consent", quick()).await;
    two_queues(&world).await;
    dead_letter(&world, "r", "q", "NO_PERMISSIONS", "theirs").await;
    let guest = world.neighbour("guest").await;
    let foreign = json!({"sinkRef": {"name": DEAD, "namespace": world.namespace}});
    guest.apply("EventRedrive", "x", foreign.clone()).await;
    guest.not_ready("EventRedrive", "x", "ReferenceNotPermitted").await;
    let shared = json!({"sqs": {"managed": {}}, "allowedNamespaces": [guest.namespace]});
    world.apply("EventSink", DEAD, shared).await;
    let status = ended(&guest, "x").await;
    assert_eq!((&status["state"], &status["counts"]["found"]), (&json!("Completed"), &json!(0)), "{status}");
    assert!(!writes_since(&world, 0).await.iter().any(|call| call.op == "DeleteMessage"));
    let named = merged(foreign, json!({"rules": ["r"]}));
    guest.apply("EventRedrive", "y", named).await;
    guest.not_ready("EventRedrive", "y", "RuleNotFound").await;
}
