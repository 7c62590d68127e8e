//! `BenchlingBackfill`: which events of a window arrive in the queue behind a rule, as that queue, the stand-in for Benchling and the journal
//! of AWS calls show.

use std::collections::BTreeMap;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tributary_testkit::{Benchling, Binary, World, condition, sync::worker, until};

const KIND: &str = "BenchlingBackfill";

struct Rig {
    world: World,
    benchling: Benchling,
    app: Value,
    /// The first event's `createdAt`; one comes each second.
    start: Timestamp,
}

impl Rig {
    /// A tenant with so many events, its app, the app's bus, and a rule on the app's webhooks to a queue.
    async fn new(name: &str, events: usize) -> Self {
        let world = World::start(name).await;
        let benchling = Benchling::of(&world);
        let app = benchling.app(json!({})).await;
        let start = Timestamp::from_second(Timestamp::now().as_second() - 7200).unwrap();
        let rig = Self { world, benchling, app, start };
        rig.benchling.control("events", json!({"count": events, "from": start.to_string()})).await;
        rig.secret(rig.app["clientSecret"].as_str().unwrap()).await;
        let world = &rig.world;
        world.apply("EventBus", "events", json!({})).await;
        rig.apply_app("lims").await;
        rig.rule(world, "r", "q", json!({"kind": "BenchlingApp", "name": "lims"})).await;
        rig
    }

    async fn apply_app(&self, name: &str) {
        let credentials = json!({"secretRef": {"name": "lims"}});
        let spec = json!({"tenants": [self.benchling.tenant], "appDefinitionId": self.app["appDefinitionId"], "path": format!("/1/{name}"),
            "busRef": {"name": "events"}, "credentials": credentials});
        self.world.apply("BenchlingApp", name, spec).await;
    }

    async fn secret(&self, secret: &str) {
        let data = json!({"BENCHLING_CLIENT_ID": self.app["clientId"], "BENCHLING_CLIENT_SECRET": secret});
        self.world.user_secret("lims", data).await;
    }

    async fn rule(&self, world: &World, rule: &str, queue: &str, bus: Value) {
        world.apply("EventSink", queue, json!({"sqs": {"managed": {}}})).await;
        let targets = json!([{"name": "queue", "sinkRef": {"name": queue}}]);
        world
            .apply("EventRule", rule, json!({"busRef": bus, "benchling": {"eventTypes": ["v2.entity.registered"]}, "targets": targets}))
            .await;
        world.ready("EventRule", rule).await;
    }

    fn at(&self, seconds: i64) -> String {
        (self.start + SignedDuration::from_secs(seconds)).to_string()
    }

    fn spec(&self, more: &Value) -> Value {
        let mut spec = json!({"appRef": {"name": "lims"}, "startTime": self.at(0), "endTime": self.at(3600), "eventsPerSecond": 1000});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    }

    /// Made once: the spec cannot be changed.
    async fn backfill(&self, name: &str, more: Value) {
        self.world.apply(KIND, name, self.spec(&more)).await;
    }

    fn worker(&self) -> Binary {
        worker(&self.world, &self.benchling, &["--backfill-claim-seconds", "4"])
    }

    async fn completed(&self, name: &str) -> Value {
        self.world.ready(KIND, name).await.data["status"].clone()
    }

    async fn status(&self, name: &str) -> Value {
        self.world.get(KIND, name).await.unwrap().data["status"].clone()
    }

    /// So many calls of `PutEvents` since then.
    async fn calls(&self, mark: u64) -> usize {
        self.world.aws.calls(mark).await.iter().filter(|call| *call == "events:PutEvents").count()
    }

    async fn some_calls(&self, count: usize) {
        self.world.aws.until("some calls", || async { (self.calls(0).await >= count).then_some(()) }).await;
    }

    /// All that is in the queue, taken out: how often each event came, by its id; and one of them.
    async fn delivered(&self, queue: &str, least: usize) -> (BTreeMap<String, usize>, Value) {
        let queue = format!("{}-{queue}", self.world.namespace);
        let (aws, url) = (&self.world.aws, self.world.aws.queue_url(&queue).await.unwrap());
        let (mut all, mut one) = (BTreeMap::new(), Value::Null);
        loop {
            let wish = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 600, "WaitTimeSeconds": if all.len() < least { 5 } else { 0 }});
            let messages = aws.sqs("ReceiveMessage", wish).await["Messages"].as_array().cloned().unwrap_or_default();
            if messages.is_empty() {
                return (all, one);
            }
            for message in messages {
                one = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
                *all.entry(one["detail"]["id"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
    }

    /// A worker has seen all objects, for it has worked off one that came last.
    async fn looked(&self, name: &str) {
        self.backfill(name, json!({"dryRun": true})).await;
        self.completed(name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_a_window_come_by_the_rules_of_the_app_once() {
    let rig = Rig::new("backfills", 230).await;
    // Benchling refuses two requests as too many.
    rig.benchling.own_fault("/api/v2/events", json!({"status": 429, "times": 2})).await;
    rig.backfill("once", json!({"endTime": rig.at(199)})).await;
    let worker = rig.worker();
    let status = rig.completed("once").await;
    let counts = &status["counts"];
    assert_eq!((&counts["listed"], &counts["sent"], &counts["afterTheWindow"]), (&json!(230), &json!(200), &json!(30)), "{status}");
    assert_eq!(
        (&status["state"], &status["percent"], &counts["byType"]["v2.entity.registered"]),
        (&json!("Completed"), &json!(100), &json!(200))
    );
    assert!(status["claim"].is_null() && status["checkpoint"].is_null() && status["completedAt"].is_string(), "{status}");
    let (delivered, one) = rig.delivered("q", 200).await;
    assert_eq!((delivered.len(), delivered.values().max()), (200, Some(&1)));
    let source = format!("benchling.webhook/{}/lims/{}", rig.world.namespace, rig.benchling.tenant);
    assert_eq!((&one["source"], &one["detail"]["tenant"]), (&json!(source), &json!(rig.benchling.tenant)));
    assert_eq!(one["detail"]["backfill"]["name"], json!(format!("{}/once", rig.world.namespace)));
    // It is never begun again, by whomever.
    let before = rig.world.get(KIND, "once").await.unwrap().metadata.resource_version;
    worker.stop().await;
    let (worker, mark) = (rig.worker(), rig.world.aws.mark().await);
    rig.looked("later").await;
    assert_eq!((rig.calls(mark).await, rig.world.get(KIND, "once").await.unwrap().metadata.resource_version), (0, before));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_by_type_and_sends_nothing() {
    let rig = Rig::new("backfills-dry", 120).await;
    rig.benchling.control("events", json!({"count": 7, "from": rig.at(200), "eventType": "v2.request.created"})).await;
    rig.benchling.control("events", json!({"events": [{"id": "evt_untyped", "createdAt": rig.at(300)}]})).await;
    let worker = rig.worker();
    rig.backfill("dry", json!({"dryRun": true})).await;
    let status = rig.completed("dry").await;
    let counts = &status["counts"];
    assert_eq!(
        (&counts["listed"], &counts["sent"], &counts["wouldBeSent"], &counts["unreadable"]),
        (&json!(128), &json!(0), &json!(127), &json!(1))
    );
    assert_eq!(counts["byType"], json!({"v2.entity.registered": 120, "v2.request.created": 7}));
    // Only some types.
    rig.backfill("requests", json!({"dryRun": true, "eventTypes": ["v2.request.created"]})).await;
    assert_eq!(rig.completed("requests").await["counts"]["wouldBeSent"], 7);
    assert_eq!(rig.calls(0).await, 0);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_loses_nothing_and_one_call_is_made_again_at_most() {
    let rig = Rig::new("backfills-kill", 300).await;
    rig.backfill("killed", json!({"eventsPerSecond": 100})).await;
    for calls in [3, 14] {
        let mut worker = rig.worker();
        rig.some_calls(calls).await;
        worker.kill();
        assert_eq!(rig.status("killed").await["state"], "Running", "it was killed on the way");
    }
    let worker = rig.worker();
    let status = rig.completed("killed").await;
    assert_eq!(status["counts"]["listed"], 300, "what is listed again counts once");
    let (delivered, _) = rig.delivered("q", 300).await;
    let twice: usize = delivered.values().map(|count| count - 1).sum();
    assert!(delivered.len() == 300 && twice <= 20, "two kills, a call each: {} events, {twice} of them again", delivered.len());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_got_lost_is_one_call_again_and_bad_events_hold_up_nothing() {
    let rig = Rig::new("backfills-lost", 120).await;
    rig.world
        .aws
        .faults(json!([
            {"match": "events.PutEvents", "kind": "applied_reset", "after": 3, "times": 1},
            {"match": "events.PutEvents", "kind": "failed_entry", "code": "MalformedDetail", "message": "Detail is malformed.", "after": 6, "times": 1}
        ]))
        .await;
    rig.backfill("lost", json!({})).await;
    let worker = rig.worker();
    let message = rig.world.not_ready(KIND, "lost", "EventsRefused").await;
    let status = rig.status("lost").await;
    assert_eq!(
        (&status["state"], &status["counts"]["sent"], &status["counts"]["refused"]),
        (&json!("Failed"), &json!(110), &json!(10)),
        "{status}"
    );
    let refused = status["refused"][0]["id"].as_str().unwrap();
    assert!(message.contains(refused) && message.contains("MalformedDetail") && message.contains("does not run again"), "{message}");
    let (delivered, _) = rig.delivered("q", 110).await;
    let twice: usize = delivered.values().map(|count| count - 1).sum();
    assert!(delivered.len() == 110 && !delivered.contains_key(refused) && twice <= 10, "{} events, {twice} again", delivered.len());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_one_works_at_it_and_the_other_takes_over() {
    let rig = Rig::new("backfills-two", 300).await;
    let (first, second) = (rig.worker(), rig.worker());
    // Slow enough that the other one, if it would, could take it between two writes.
    rig.backfill("shared", json!({"eventsPerSecond": 40})).await;
    rig.completed("shared").await;
    let at_work =
        |worker: &Binary, name: &str| worker.log().lines().filter(|line| line.contains("backfill started") && line.contains(name)).count();
    assert_eq!(at_work(&first, "shared") + at_work(&second, "shared"), 1, "one of them, and once");
    let (delivered, _) = rig.delivered("q", 300).await;
    assert_eq!((delivered.len(), delivered.values().max()), (300, Some(&1)));
    // The one that has it is killed.
    let mark = rig.calls(0).await;
    rig.backfill("orphaned", json!({"eventsPerSecond": 100})).await;
    rig.some_calls(mark + 5).await;
    let (mut holder, other) = if at_work(&first, "orphaned") == 1 { (first, second) } else { (second, first) };
    assert_eq!(at_work(&other, "orphaned"), 0);
    holder.kill();
    rig.completed("orphaned").await;
    let (delivered, _) = rig.delivered("q", 300).await;
    let twice: usize = delivered.values().map(|count| count - 1).sum();
    assert!(delivered.len() == 300 && twice <= 10, "one kill, one call: {} events, {twice} again", delivered.len());
    // Stopped as by a rollout, it gives the claim back.
    rig.backfill("handed", json!({"eventsPerSecond": 20})).await;
    rig.world.not_ready(KIND, "handed", "Backfilling").await;
    other.stop().await;
    assert!(rig.status("handed").await["claim"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_was_frozen_and_followed_sends_no_more() {
    let rig = Rig::new("backfills-frozen", 200).await;
    let frozen = rig.worker();
    rig.backfill("followed", json!({"eventsPerSecond": 100})).await;
    rig.some_calls(4).await;
    frozen.signal("STOP");
    let next = rig.worker();
    until("it is taken over", || async { next.log().contains("backfill started").then_some(()) }).await;
    frozen.signal("CONT");
    until("it sees that it was followed", || async { frozen.log().contains("backfill stopped").then_some(()) }).await;
    rig.completed("followed").await;
    let (delivered, _) = rig.delivered("q", 200).await;
    let twice: usize = delivered.values().map(|count| count - 1).sum();
    assert!(delivered.len() == 200 && twice <= 10, "{} events, {twice} again", delivered.len());
    frozen.stop().await;
    next.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_its_way_is_told_and_once_it_is_remedied_all_arrive() {
    let rig = Rig::new("backfills-no", 30).await;
    let worker = rig.worker();
    let wrong = "canary-wrong";
    rig.secret(wrong).await;
    rig.backfill("client", json!({})).await;
    let message = rig.world.not_ready(KIND, "client", "CredentialsRejected").await;
    assert!(message.contains("Developer Console"), "{message}");
    rig.secret(rig.app["clientSecret"].as_str().unwrap()).await;
    rig.completed("client").await;

    rig.backfill("app", json!({"appRef": {"name": "late"}})).await;
    assert!(rig.world.not_ready(KIND, "app", "AppNotFound").await.contains("/late not found. Create it"));
    rig.apply_app("late").await;
    rig.completed("app").await;

    rig.backfill("tenant", json!({"tenant": "other"})).await;
    assert!(rig.world.not_ready(KIND, "tenant", "AppNotReady").await.contains("spec.tenant"));
    rig.world.delete(KIND, "tenant").await;

    // AWS takes one call, and then nothing any more.
    let (mark, denied) = (
        rig.calls(0).await,
        json!({"match": "events.PutEvents", "kind": "error", "status": 400, "code": "AccessDeniedException", "message": "no"}),
    );
    rig.delivered("q", 30).await;
    let mut later = denied.clone();
    later["after"] = json!(1);
    rig.world.aws.faults(json!([later])).await;
    rig.backfill("denied", json!({})).await;
    let message = rig.world.not_ready(KIND, "denied", "AccessDenied").await;
    assert!(message.contains("events:PutEvents") && message.contains("docs/how-to/set-up-iam.md"), "{message}");
    rig.some_calls(mark + 3).await;
    assert_eq!(rig.status("denied").await["counts"]["sent"], 10);
    rig.world.aws.faults(json!([])).await;
    rig.completed("denied").await;
    let (delivered, _) = rig.delivered("q", 30).await;
    assert_eq!((delivered.len(), delivered.values().max()), (30, Some(&1)));

    // Of a call that AWS refuses there is nothing to keep.
    rig.world.aws.faults(json!([denied])).await;
    rig.backfill("first", json!({})).await;
    rig.world.not_ready(KIND, "first", "AccessDenied").await;
    assert_eq!(rig.status("first").await["counts"]["listed"], 0);
    assert!(rig.status("first").await["checkpoint"].is_null());
    rig.world.aws.faults(json!([])).await;
    rig.completed("first").await;

    // The account's owner withdraws the namespace.
    let mut spec = rig.world.account_spec();
    spec["grants"][0]["namespaces"] = json!([format!("{}-*", rig.world.namespace)]);
    rig.world.apply_account(spec).await;
    rig.backfill("grant", json!({})).await;
    assert!(rig.world.not_ready(KIND, "grant", "AccountNotPermitted").await.contains("spec.grants"));
    rig.world.apply_account(rig.world.account_spec()).await;
    rig.completed("grant").await;

    let mut all = worker.log();
    for name in ["client", "app", "denied", "first", "grant"] {
        all += &rig.status(name).await.to_string();
    }
    for secret in [rig.app["clientSecret"].as_str().unwrap(), wrong, "canary-7Qm2"] {
        assert!(!all.contains(secret), "a secret is told");
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_namespaces_bus_needs_its_consent_and_a_partners_takes_nobodys_events() {
    let rig = Rig::new("backfills-bus", 30).await;
    let near = rig.world.neighbour("near").await;
    near.apply("EventBus", "theirs", json!({})).await;
    rig.rule(&near, "r", "q", json!({"name": "theirs"})).await;
    let source = format!("aws.partner/benchling.com/{}/app", rig.benchling.tenant);
    rig.world.aws.make_source(&source).await;
    rig.world.apply("EventBus", "partner", json!({"eventSourceName": source})).await;
    rig.world.ready("EventBus", "partner").await;
    let worker = rig.worker();
    rig.backfill("nobodys", json!({"busRef": {"name": "theirs"}})).await;
    assert!(rig.world.not_ready(KIND, "nobodys", "BusNotFound").await.contains("spec.busRef"));
    rig.backfill("partner", json!({"busRef": {"name": "partner"}})).await;
    let message = rig.world.not_ready(KIND, "partner", "InvalidSpec").await;
    assert!(message.contains("only the partner can publish to it"), "{message}");
    let theirs = json!({"busRef": {"name": "theirs", "namespace": near.namespace}, "source": "mine.again"});
    rig.backfill("theirs", theirs).await;
    assert!(rig.world.not_ready(KIND, "theirs", "ReferenceNotPermitted").await.contains("spec.allowedNamespaces"));
    // An app's Secret is of the app's namespace: that of the same name next door is not found.
    near.user_secret("theirs", json!({"BENCHLING_CLIENT_ID": rig.app["clientId"], "BENCHLING_CLIENT_SECRET": rig.app["clientSecret"]}))
        .await;
    let credentials = json!({"secretRef": {"name": "theirs"}});
    let app =
        json!({"tenants": [rig.benchling.tenant], "appDefinitionId": "appdef_2", "busRef": {"name": "events"}, "credentials": credentials});
    rig.world.apply("BenchlingApp", "other", app).await;
    rig.backfill("secret", json!({"appRef": {"name": "other"}})).await;
    let own = format!("{}/theirs does not exist", rig.world.namespace);
    assert!(rig.world.not_ready(KIND, "secret", "SecretNotFound").await.contains(&own));
    assert_eq!(rig.calls(0).await, 0, "nothing was sent to any of them");
    // Consent opens: else nothing above could fail.
    near.apply("EventBus", "theirs", json!({"allowedNamespaces": [rig.world.namespace]})).await;
    assert_eq!(rig.completed("theirs").await["counts"]["sent"], 30);
    let (delivered, one) = rig.delivered("near-q", 30).await;
    assert_eq!((delivered.len(), &one["source"]), (30, &json!("mine.again")));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_benchling_says_is_told_and_it_goes_on_by_itself() {
    let rig = Rig::new("backfills-said", 20).await;
    let worker = rig.worker();
    // A refusal as too many is asked again five times before it is told.
    for (name, status, times, reason, says) in [
        ("refused", 400, 2, "BenchlingRefused", "Correct the event types"),
        ("broken", 500, 2, "BenchlingUnavailable", "answered 500"),
        ("limited", 429, 5, "RateLimited", "All its apps share a limit"),
    ] {
        rig.benchling.own_fault("/api/v2/events", json!({"status": status, "times": times})).await;
        rig.backfill(name, json!({})).await;
        let said = rig.world.not_ready(KIND, name, reason).await;
        assert!(said.contains(says) && said.contains(&rig.benchling.tenant), "{said}");
        let object = rig.world.ready(KIND, name).await;
        assert_eq!(condition(&object, "Ready").unwrap().1, "BackfillCompleted");
        assert_eq!(object.data["status"]["counts"]["sent"], 20);
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_holds_it_and_a_deletion_stops_it() {
    let rig = Rig::new("backfills-stop", 600).await;
    let worker = rig.worker();
    rig.backfill("stopped", json!({"eventsPerSecond": 50})).await;
    rig.some_calls(3).await;
    rig.world.annotate(KIND, "stopped", "tributary.dev/paused", Some("true")).await;
    rig.world.not_ready(KIND, "stopped", "Paused").await;
    rig.looked("one").await;
    let mark = rig.world.aws.mark().await;
    rig.looked("two").await;
    assert_eq!(rig.calls(mark).await, 0, "it is paused");
    let before = rig.calls(0).await;
    rig.world.annotate(KIND, "stopped", "tributary.dev/paused", None).await;
    rig.some_calls(before + 3).await;
    rig.world.delete(KIND, "stopped").await;
    rig.world.gone(KIND, "stopped").await;
    rig.looked("three").await;
    let mark = rig.world.aws.mark().await;
    rig.looked("four").await;
    assert_eq!(rig.calls(mark).await, 0, "it is gone");
    assert!(rig.calls(0).await < 60, "it was stopped on the way");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_for_the_end_of_its_window_and_is_not_changed() {
    let rig = Rig::new("backfills-due", 3).await;
    let worker = rig.worker();
    let end = Timestamp::from_second(Timestamp::now().as_second() + 6).unwrap();
    rig.backfill("due", json!({"endTime": end.to_string()})).await;
    assert!(rig.world.not_ready(KIND, "due", "BackfillNotDue").await.contains("spec.endTime"));
    let object = rig.world.ready(KIND, "due").await;
    assert!(object.data["status"]["startedAt"].as_str().unwrap().parse::<Timestamp>().unwrap() >= end);
    assert_eq!(condition(&object, "Stalled").unwrap().0, "False");
    for (name, more, word) in [
        ("due", json!({"dryRun": true, "endTime": end.to_string()}), "immutable"),
        ("a", json!({"endTime": rig.at(-1)}), "spec.endTime must be after"),
        ("b", json!({"source": "aws.partner/benchling.com/acme/app"}), "Omit spec.source"),
        ("c", json!({"source": "benchling.webhook/other/app/acme"}), "Omit spec.source"),
        ("d", json!({"busRef": {"kind": "BenchlingSubscription", "name": "s"}}), "spec.busRef must reference an EventBus"),
        ("e", json!({"eventTypes": ["a,b"]}), "eventTypes"),
        ("f", json!({"eventsPerSecond": 0}), "eventsPerSecond"),
    ] {
        let error = rig.world.attempt(KIND, name, rig.spec(&more)).await.unwrap_err().to_string();
        assert!(error.contains(word), "{name}: {error}");
    }
    worker.stop().await;
}
