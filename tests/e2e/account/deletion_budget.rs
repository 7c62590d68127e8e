//! `deletionBudget` of an account: how many objects delete AWS resources within a window, who waits and says so, and what an approval
//! releases. The count survives crashes, and operators that work at the same time.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use k8s_openapi::jiff::Timestamp;
use kube::api::{DynamicObject, ListParams};
use serde_json::{Value, json};
use tributary_testkit::{
    World, all_ready, aws_name, condition, event_notes, merged, options, patch_spec,
    product::{Clock, Options},
};

const APPROVED: &str = "tributary.dev/approved-plan";
const EXCEEDED: &str = "DeletionBudgetExceeded";

/// A clock that the test sets.
#[derive(Clone)]
struct Time(Arc<Mutex<Timestamp>>);

impl Time {
    fn start() -> Self {
        Self(Arc::new(Mutex::new(Timestamp::now())))
    }

    fn options(&self) -> Options {
        let time = self.0.clone();
        Options { clock: Clock::new(move || *time.lock().unwrap()), ..options() }
    }

    fn advance(&self, seconds: u64) {
        *self.0.lock().unwrap() += Duration::from_secs(seconds);
    }
}

/// A world whose account has this budget, with a bus and rules `r0`, `r1` and so on.
async fn with_rules(name: &str, options: Options, budget: Value, rules: usize) -> World {
    let mut world = World::empty(name).await;
    world.apply_account(merged(world.account_spec(), json!({"deletionBudget": budget}))).await;
    world.run(options).await;
    world.apply("EventBus", "b", json!({})).await;
    for rule in names(rules) {
        world.apply("EventRule", &rule, json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["test"]}})).await;
    }
    for rule in names(rules) {
        world.ready("EventRule", &rule).await;
    }
    world
}

fn names(rules: usize) -> Vec<String> {
    (0..rules).map(|number| format!("r{number}")).collect()
}

/// Names of the rules that AWS was asked to delete since the mark.
async fn deleted(world: &World, mark: u64) -> BTreeSet<String> {
    let calls = world.aws.journal(mark).await.0.into_iter().filter(|call| call.op == "DeleteRule");
    calls.map(|call| call.request["Name"].as_str().unwrap().to_owned()).collect()
}

/// Waits until each rule either is gone or waits for the budget; the names of those that wait.
async fn settled(world: &World, rules: &[String]) -> Vec<String> {
    let mut waiting = Vec::new();
    for rule in rules {
        let state = |object: Option<&DynamicObject>| match object {
            None => Some(false),
            Some(object) => condition(object, "Ready").filter(|ready| ready.1 == EXCEEDED).map(|_| true),
        };
        if world.wait("EventRule", rule, "gone or waiting", state).await {
            waiting.push(rule.clone());
        }
    }
    waiting
}

/// Hash of the plan that waits.
async fn plan_hash(world: &World, kind: &str, name: &str) -> String {
    world.get(kind, name).await.unwrap().data["status"]["approval"]["planHash"].as_str().unwrap().to_owned()
}

/// Waits until the account's condition has this status; gives the message.
async fn budget_is(world: &World, status: &str) -> String {
    let has = |object: Option<&DynamicObject>| condition(object?, "WithinDeletionBudget").filter(|c| c.0 == status).map(|c| c.2);
    world.wait("AwsAccount", &world.account, status, has).await
}

/// Number of Warning Events of this reason about the account.
async fn warnings_of_account(world: &World) -> usize {
    let events = world.api_in(Some("default"), "events.k8s.io/v1", "Event").list(&ListParams::default()).await.unwrap();
    let about = |event: &&DynamicObject| {
        event.data["regarding"]["name"] == world.account.as_str() && event.data["reason"] == EXCEEDED && event.data["type"] == "Warning"
    };
    events.iter().filter(about).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mass_deletion_stops_at_the_budget_and_an_approval_releases_one_object() {
    let time = Time::start();
    let world = with_rules("budget", time.options(), json!({"maxObjects": 2, "windowSeconds": 600}), 5).await;
    assert_eq!(budget_is(&world, "True").await, "no object waits for spec.deletionBudget");
    let mark = world.aws.mark().await;
    futures::future::join_all(names(5).iter().map(|rule| world.delete("EventRule", rule))).await;
    let waiting = settled(&world, &names(5)).await;
    assert_eq!((waiting.len(), deleted(&world, mark).await.len()), (3, 2));
    let message = world.not_ready("EventRule", &waiting[0], EXCEEDED).await;
    let hash = plan_hash(&world, "EventRule", &waiting[0]).await;
    assert!(message.contains(&world.account) && message.contains("2 of 2") && message.contains(&format!("{APPROVED}={hash}")), "{message}");
    let object = world.get("EventRule", &waiting[0]).await.unwrap();
    assert_eq!(object.data["status"]["plan"].as_array().map(Vec::len), Some(1), "{}", object.data["status"]);
    assert!(object.metadata.finalizers.is_some_and(|finalizers| !finalizers.is_empty()));
    budget_is(&world, "False").await;
    // The last of the rules may have begun to wait after the account was reconciled for the first.
    let names_all = |object: Option<&DynamicObject>| {
        let (_, _, message) = condition(object?, "WithinDeletionBudget")?;
        waiting.iter().all(|rule| message.contains(&format!("EventRule {}/{rule}", world.namespace))).then_some(())
    };
    world.wait("AwsAccount", &world.account, "all rules that wait are named", names_all).await;
    world.aws.until("the account warns", || async { (warnings_of_account(&world).await == 1).then_some(()) }).await;
    let notes = || async { (event_notes(&world, "EventRule", &waiting[0], EXCEEDED).await.len() == 1).then_some(()) };
    world.aws.until("the object warns", notes).await;

    // The hash of another object's plan, and then its own.
    world.annotate("EventRule", &waiting[0], APPROVED, Some(&plan_hash(&world, "EventRule", &waiting[1]).await)).await;
    world.annotate("EventRule", &waiting[0], "tributary.dev/reconcile-at", Some("now")).await;
    world.annotate("EventRule", &waiting[1], APPROVED, Some(&plan_hash(&world, "EventRule", &waiting[1]).await)).await;
    world.gone("EventRule", &waiting[1]).await;
    assert_eq!((settled(&world, &waiting).await.len(), deleted(&world, mark).await.len()), (2, 3));
    assert_eq!(warnings_of_account(&world).await, 1, "once");

    // The window passes: an approved deletion took no room of it.
    time.advance(601);
    for rule in [&waiting[0], &waiting[2]] {
        world.annotate("EventRule", rule, "tributary.dev/reconcile-at", Some("later")).await;
    }
    for rule in names(5) {
        world.gone("EventRule", &rule).await;
    }
    budget_is(&world, "True").await;
    let account = world.get("AwsAccount", &world.account).await.unwrap();
    assert_eq!(account.data["status"]["deletions"].as_array().map(Vec::len), Some(2), "what left the window is dropped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_the_page_approve_all_that_was_reviewed_and_take_no_room_of_the_budget() {
    let world = with_rules("budget-many", options(), json!({"maxObjects": 0}), 4).await;
    futures::future::join_all(names(4).iter().map(|rule| world.delete("EventRule", rule))).await;
    assert_eq!(settled(&world, &names(4)).await.len(), 4);
    let folder = std::env::temp_dir().join(format!("approvals-{}", world.namespace));
    std::fs::create_dir_all(&folder).unwrap();
    let run = |block: usize| {
        let page = std::fs::read_to_string(tributary_testkit::root().join("docs/how-to/protect-a-production-account.md")).unwrap();
        let section = page.split_once("### Many at once").unwrap().1;
        let command = section
            .split("```shell")
            .nth(block)
            .unwrap()
            .split("```")
            .next()
            .unwrap()
            .replace("-n orders", &format!("-n {}", world.namespace));
        let done = std::process::Command::new("bash").args(["-euc", &command]).current_dir(&folder).output().unwrap();
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
    };
    run(1);
    let plans = folder.join("plans.txt");
    let listed = std::fs::read_to_string(&plans).unwrap();
    assert_eq!(listed.lines().count(), 4, "{listed}");
    // Who reviews takes one out.
    std::fs::write(&plans, listed.lines().filter(|line| !line.contains(" r3 ")).fold(String::new(), |all, line| all + line + "\n"))
        .unwrap();
    run(2);
    for rule in &names(3) {
        world.gone("EventRule", rule).await;
    }
    assert_eq!(settled(&world, &names(4)[3..]).await, ["r3"]);
    let account = world.get("AwsAccount", &world.account).await.unwrap();
    assert_eq!(account.data["status"].get("deletions"), None, "an approved deletion takes no room");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_count_survives_a_crash_and_a_write_of_the_accounts_status() {
    let mut world = with_rules("budget-crash", options(), json!({"maxPercent": 25}), 3).await;
    // 25 % of a bus and three rules.
    world.delete("EventRule", "r0").await;
    world.gone("EventRule", "r0").await;
    world.crash().await;
    world.run(options()).await;
    // The account writes its whole status.
    let spec = merged(world.account_spec(), json!({"deletionBudget": {"maxPercent": 25}, "defaultTags": {"team": "other"}}));
    world.apply_account(spec).await;
    world.ready("AwsAccount", &world.account).await;
    let mark = world.aws.mark().await;
    world.delete("EventRule", "r1").await;
    world.not_ready("EventRule", "r1", EXCEEDED).await;
    assert!(deleted(&world, mark).await.is_empty());
    // The owner of the account raises the budget.
    world.apply_account(merged(world.account_spec(), json!({"deletionBudget": {"maxPercent": 50}}))).await;
    world.gone("EventRule", "r1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_that_work_at_the_same_time_share_one_count() {
    let world = with_rules("budget-two", options(), json!({"maxObjects": 3}), 12).await;
    let mut other = world.handle();
    other.run(options()).await;
    other.ready("EventBus", "b").await;
    let mark = world.aws.mark().await;
    futures::future::join_all(names(12).iter().map(|rule| world.delete("EventRule", rule))).await;
    assert_eq!(settled(&world, &names(12)).await.len(), 9);
    assert_eq!(deleted(&world, mark).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_deletes_data_waits_too() {
    let mut world = World::empty("budget-data").await;
    world.apply_account(merged(world.account_spec(), json!({"deletionBudget": {"maxObjects": 0}}))).await;
    world.run(options()).await;
    let archives = json!({"archives": [{"name": "all", "deletionPolicy": "Delete"}], "deletionPolicy": "Delete"});
    world.apply("EventBus", "b", archives).await;
    world.ready("EventBus", "b").await;
    let mark = world.aws.mark().await;
    patch_spec(&world, "EventBus", "b", json!({"archives": [], "description": "changed"})).await;
    let message = world.not_ready("EventBus", "b", EXCEEDED).await;
    assert!(message.starts_with("the change deletes resources that hold data"), "{message}");
    assert_eq!(world.aws.writes(mark).await, [""; 0]);
    // A change that deletes nothing passes.
    patch_spec(&world, "EventBus", "b", json!({"archives": [{"name": "all", "deletionPolicy": "Delete"}]})).await;
    world.ready("EventBus", "b").await;
    assert_eq!(world.aws.writes(mark).await, ["UpdateEventBus"]);
    patch_spec(&world, "EventBus", "b", json!({"archives": []})).await;
    world.not_ready("EventBus", "b", EXCEEDED).await;
    world.annotate("EventBus", "b", APPROVED, Some(&plan_hash(&world, "EventBus", "b").await)).await;
    world.ready("EventBus", "b").await;
    assert_eq!(world.aws.writes(mark).await, ["UpdateEventBus", "DeleteArchive"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_deletes_nothing_in_aws_is_not_counted() {
    let mut world = World::empty("budget-kept").await;
    world.apply_account(merged(world.account_spec(), json!({"deletionBudget": {"maxObjects": 0}}))).await;
    world.run(options()).await;
    world.apply("EventBus", "b", json!({})).await;
    world.apply("EventSink", "q", json!({"sqs": {"managed": {}}})).await;
    world.apply("EventRule", "r", tributary_testkit::rule_spec("b", &["q"])).await;
    all_ready(&world, &[("EventBus", "b"), ("EventSink", "q"), ("EventRule", "r")]).await;
    world.annotate("EventRule", "r", "tributary.dev/orphan", Some("true")).await;
    for (kind, name) in [("EventRule", "r"), ("EventSink", "q")] {
        world.delete(kind, name).await;
        world.gone(kind, name).await;
    }
    let kept = world.aws.contents().await;
    let queue = aws_name(&world, "q");
    assert!(kept.keys().any(|name| name.contains(&queue)), "{kept:?}");
}
