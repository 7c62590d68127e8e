//! `approval: Required` of an account: nothing is written to AWS before the plan of an object is approved, and an approval is of one plan.

use kube::api::DynamicObject;
use serde_json::{Value, json};
use tributary_testkit::{
    World, aws_name,
    dead_letters::{DEAD, dead_letter, dead_letter_queue, dead_lettered_rule, marks_in},
    disposable_queue, fault_rule, merged, options, patch_spec, rule_spec, writes_since,
};

const APPROVED: &str = "tributary.dev/approved-plan";
const REQUIRED: &str = "ApprovalRequired";

async fn world_with_approvals(name: &str) -> World {
    let mut world = World::empty(name).await;
    world.apply_account(merged(world.account_spec(), json!({"approval": "Required"}))).await;
    world.run(options()).await;
    world
}

/// Waits until a plan of the object waits for an approval; its hash and its writes.
async fn waiting(world: &World, kind: &str, name: &str) -> (String, Vec<String>) {
    world.not_ready(kind, name, REQUIRED).await;
    let plan = |object: Option<&DynamicObject>| {
        let status = &object?.data["status"];
        let lines = status["plan"].as_array()?.iter().map(|line| line.as_str().unwrap().to_owned()).collect();
        Some((status["approval"]["planHash"].as_str()?.to_owned(), lines))
    };
    world.wait(kind, name, "with a plan", plan).await
}

/// Waits for a plan and approves it; its hash.
async fn approve(world: &World, kind: &str, name: &str) -> String {
    let (hash, _) = waiting(world, kind, name).await;
    world.annotate(kind, name, APPROVED, Some(&hash)).await;
    hash
}

async fn names_of_writes(world: &World, mark: u64) -> Vec<String> {
    writes_since(world, mark).await.into_iter().map(|call| call.op).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_before_an_approval_which_is_of_one_plan() {
    let world = world_with_approvals("approval").await;
    let mark = world.aws.mark().await;
    world.apply("EventBus", "b", json!({"name": "b", "description": "first"})).await;
    let (hash, plan) = waiting(&world, "EventBus", "b").await;
    assert!(plan.len() == 1 && plan[0].starts_with("CreateEventBus"), "{plan:?}");
    let message = world.not_ready("EventBus", "b", REQUIRED).await;
    assert!(message.contains(&format!("{APPROVED}={hash}")) && message.contains(&world.account), "{message}");
    for wrong in ["true", "0123456789abcdef0123456789abcdef"] {
        world.annotate("EventBus", "b", APPROVED, Some(wrong)).await;
        patch_spec(&world, "EventBus", "b", json!({"description": wrong})).await;
        assert_ne!(waiting(&world, "EventBus", "b").await.0, hash);
    }
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
    patch_spec(&world, "EventBus", "b", json!({"description": "first"})).await;
    assert_eq!(approve(&world, "EventBus", "b").await, hash, "the same plan has the same hash");
    world.ready("EventBus", "b").await;
    assert_eq!(names_of_writes(&world, mark).await, ["CreateEventBus"]);

    // The approval that is still on the object is of another plan.
    patch_spec(&world, "EventBus", "b", json!({"description": "second"})).await;
    let (next, plan) = waiting(&world, "EventBus", "b").await;
    assert!(next != hash && plan.len() == 1 && plan[0].starts_with("UpdateEventBus"), "{plan:?}");
    assert_eq!(names_of_writes(&world, mark).await, ["CreateEventBus"]);
    approve(&world, "EventBus", "b").await;
    let bus = world.ready("EventBus", "b").await;
    assert_eq!((&bus.data["status"]["approval"], bus.data["status"].get("plan")), (&json!({"appliedPlans": 2}), None));

    // A deletion too.
    world.delete("EventBus", "b").await;
    let (_, plan) = waiting(&world, "EventBus", "b").await;
    assert!(plan[0].starts_with("DeleteEventBus"), "{plan:?}");
    assert_eq!(names_of_writes(&world, mark).await, ["CreateEventBus", "UpdateEventBus"]);
    approve(&world, "EventBus", "b").await;
    world.gone("EventBus", "b").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_needs_an_approval_of_its_own() {
    let world = world_with_approvals("approval-drift").await;
    world.apply("EventBus", "b", json!({"name": "b", "description": "spec"})).await;
    approve(&world, "EventBus", "b").await;
    world.ready("EventBus", "b").await;
    for number in ["1", "2"] {
        world.aws.events("UpdateEventBus", json!({"Name": "b", "Description": "by hand"})).await;
        let mark = world.aws.mark().await;
        world.annotate("EventBus", "b", "tributary.dev/reconcile-at", Some(number)).await;
        // The second time it is the plan that was approved before, but for the number of approvals.
        waiting(&world, "EventBus", "b").await;
        assert_eq!(world.aws.writes(mark).await, [""; 0]);
        approve(&world, "EventBus", "b").await;
        world.ready("EventBus", "b").await;
        assert_eq!(names_of_writes(&world, mark).await, ["UpdateEventBus"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approved_plan_continues_after_a_failed_write_and_a_crash() {
    let mut world = world_with_approvals("approval-crash").await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    for (kind, name) in [("EventBus", "b"), ("EventSink", "q")] {
        approve(&world, kind, name).await;
        world.ready(kind, name).await;
    }
    world.apply("EventRule", "r", rule_spec("b", &["q"])).await;
    // The sink has to permit the rule.
    approve(&world, "EventSink", "q").await;
    let denied = json!({"status": 400, "code": "AccessDeniedException", "message": "not now"});
    world.aws.faults(json!([fault_rule("events.PutTargets", "error", denied)])).await;
    world.ready("EventSink", "q").await;
    let two = |object: Option<&DynamicObject>| (object?.data["status"]["plan"].as_array()?.len() == 2).then_some(());
    world.wait("EventRule", "r", "with both writes", two).await;
    let mark = world.aws.mark().await;
    approve(&world, "EventRule", "r").await;
    world.not_ready("EventRule", "r", "AccessDenied").await;
    assert_eq!(world.aws.writes(mark).await.first().map(String::as_str), Some("PutRule"));
    world.crash().await;
    world.aws.faults(json!([])).await;
    world.run(options()).await;
    world.ready("EventRule", "r").await;
    assert_eq!(world.aws.targets(&aws_name(&world, "b"), &aws_name(&world, "r")).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn withdrawn_consent_waits_for_no_approval_of_the_guest() {
    let mut world = World::empty("approval-consent").await;
    world.run(options()).await;
    let guest = world.neighbour("x").await;
    world.apply("EventBus", "b", json!({"allowedNamespaces": [guest.namespace]})).await;
    world.apply("EventSink", "q", merged(disposable_queue(), json!({"allowedNamespaces": [guest.namespace]}))).await;
    guest.apply("EventBus", "own", json!({})).await;
    guest.apply("EventSink", "near", disposable_queue()).await;
    let far = json!({"name": "q", "namespace": world.namespace});
    let pattern = json!({"source": ["guest"]});
    let targets = json!([{"name": "near", "sinkRef": {"name": "near"}}, {"name": "far", "sinkRef": far}]);
    guest.apply("EventRule", "r", json!({"busRef": {"name": "own"}, "eventPattern": pattern, "targets": targets})).await;
    let bus = json!({"name": "b", "namespace": world.namespace});
    guest.apply("EventRule", "s", json!({"busRef": bus, "eventPattern": pattern})).await;
    for rule in ["r", "s"] {
        guest.ready("EventRule", rule).await;
    }
    world.apply_account(merged(world.account_spec(), json!({"approval": "Required"}))).await;
    world.ready("AwsAccount", &world.account).await;
    patch_spec(&world, "EventSink", "q", json!({"allowedNamespaces": []})).await;
    patch_spec(&world, "EventBus", "b", json!({"allowedNamespaces": []})).await;
    let (own, shared, r, s) = (aws_name(&guest, "own"), aws_name(&world, "b"), aws_name(&guest, "r"), aws_name(&guest, "s"));
    let left = || async { (world.aws.targets(&own, &r).await.len() == 1 && world.aws.rule(&shared, &s).await.is_none()).then_some(()) };
    world.aws.until("the target and the rule leave AWS", left).await;
    // What the owner's own objects change waits for the owner.
    waiting(&world, "EventSink", "q").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paused_observed_and_orphaned_objects_are_as_without_approvals() {
    let world = world_with_approvals("approval-others").await;
    let mark = world.aws.mark().await;
    world.apply("EventBus", "seen", json!({"name": "seen", "managementPolicy": "Observe"})).await;
    let bus = world.wait("EventBus", "seen", "observed", |object| object.filter(|o| o.data["status"].get("plan").is_some()).cloned()).await;
    assert_eq!((bus.data["status"].get("approval"), world.aws.writes(mark).await.len()), (None, 0), "{}", bus.data["status"]);
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    approve(&world, "EventBus", "b").await;
    world.ready("EventBus", "b").await;
    world.annotate("EventBus", "b", "tributary.dev/paused", Some("true")).await;
    world.not_ready("EventBus", "b", "Paused").await;
    world.annotate("EventBus", "b", "tributary.dev/orphan", Some("true")).await;
    world.annotate("EventBus", "b", "tributary.dev/paused", None).await;
    world.delete("EventBus", "b").await;
    world.gone("EventBus", "b").await;
    assert!(world.aws.contents().await.keys().any(|name| name.contains("bus b")), "it stays in AWS");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_never_approved_is_deleted_without_a_call() {
    let world = world_with_approvals("approval-never").await;
    let mark = world.aws.mark().await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    waiting(&world, "EventBus", "b").await;
    world.delete("EventBus", "b").await;
    world.gone("EventBus", "b").await;
    let writes: Vec<Value> = writes_since(&world, mark).await.iter().map(|call| json!(call.op)).collect();
    assert!(writes.is_empty(), "{writes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redrive_is_approved_once_and_reads_nothing_before() {
    let mut world = World::empty("approval-redrive").await;
    world.run(options()).await;
    dead_letter_queue(&world).await;
    world.apply("EventSink", "q", disposable_queue()).await;
    dead_lettered_rule(&world, "r", &[("q", json!({"inputPath": "$.detail"}))]).await;
    let marks: Vec<_> = (0..12).map(|number| format!("m{number:02}")).collect();
    for mark in &marks {
        dead_letter(&world, "r", "q", "NO_PERMISSIONS", mark).await;
    }
    world.apply_account(merged(world.account_spec(), json!({"approval": "Required"}))).await;
    world.ready("AwsAccount", &world.account).await;
    let mark = world.aws.mark().await;
    world.apply("EventRedrive", "x", json!({"sinkRef": {"name": DEAD}})).await;
    let (hash, plan) = waiting(&world, "EventRedrive", "x").await;
    assert!(plan.len() == 1 && plan[0].contains(&format!("EventSink {}/{DEAD}", world.namespace)), "{plan:?}");
    let calls = world.aws.calls(mark).await;
    let on_messages = ["sqs:ReceiveMessage", "sqs:SendMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"];
    assert!(!calls.iter().any(|call| on_messages.contains(&call.as_str())), "{calls:?}");
    world.annotate("EventRedrive", "x", APPROVED, Some(&hash)).await;
    let completed = |object: Option<&DynamicObject>| (object?.data["status"]["state"] == "Completed").then_some(());
    world.wait("EventRedrive", "x", "completed", completed).await;
    assert_eq!(marks_in(&world, &aws_name(&world, "q")).await, marks);
}
