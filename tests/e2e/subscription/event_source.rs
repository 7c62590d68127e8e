//! The life cycle of a partner event source: each state that AWS or Benchling report, its status, and its recovery. Where sources disagree (what
//! becomes of the source when its bus is deleted, how a recreated source is joined with its old bus) both ways are tested.

use kube::api::DynamicObject;
use serde_json::{Value, json};
use tributary_testkit::{
    World, all_ready, assert_reason, condition, event_notes, fast_resync,
    partner::{entity, marks, rule, source, subscription},
    product::Options,
    status,
};

/// A subscription `lims` whose bus is there, with a rule to queue `q`.
async fn active(name: &str) -> World {
    let world = World::with(name, fast_resync()).await;
    world.aws.make_source(&source(&world)).await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({}))).await;
    world.apply("EventSink", "q", json!({"sqs": {"managed": {}}})).await;
    world.apply("EventRule", "r", rule(json!({"eventTypes": ["v2.entity.registered"]}), &["q"])).await;
    all_ready(&world, &[("BenchlingSubscription", "lims"), ("EventRule", "r")]).await;
    world
}

/// An event of the partner's arrives.
async fn arrives(world: &World, mark: &str) {
    world.aws.partner_event(&source(world), "v2.entity.registered", &entity("Plasmid", mark)).await;
    let received = world.aws.receive(&format!("{}-q", world.namespace)).await;
    assert!(marks(&received).contains(&mark.to_owned()), "{received:?}; {:?}", world.aws.deliveries().await);
}

/// The time of the Pending source runs out, which the operator has seen coming.
async fn expire(world: &World) {
    let expiry = |object: Option<&DynamicObject>| object?.data["status"]["eventSource"]["expirationTime"].as_str().map(str::to_owned);
    let before = world.wait("EventBus", "lims", "an expiry", expiry).await;
    world.aws.bend_source(&source(world), json!({"expiresIn": 5})).await;
    world.wait("EventBus", "lims", "another expiry", |object| expiry(object).filter(|now| *now != before)).await;
}

/// The state that status gives the source, of the bus and of the subscription.
async fn wait_for_state(world: &World, state: &str) {
    for kind in ["EventBus", "BenchlingSubscription"] {
        let tells = |object: Option<&DynamicObject>| (object?.data["status"]["eventSource"]["state"] == state).then_some(());
        world.wait(kind, "lims", state, tells).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_source_is_polled_cheaply_and_the_message_names_the_next_step() {
    let world = World::with("none", Options { resync: std::time::Duration::from_hours(1), ..fast_resync() }).await;
    let types = json!({"eventTypes": ["v2.entity.registered", "v2.request.created"]});
    world.apply("BenchlingSubscription", "lims", subscription(&world, types)).await;
    let parts =
        ["tenant admin", "event-subscriptions", "Region eu-west-1", "sequence-integrations", "v2.request.created", &world.aws.account];
    assert_reason(&world, "BenchlingSubscription", "lims", "SourceNotFound", &parts).await;
    wait_for_state(&world, "Missing").await;
    let stalled = condition(&world.get("BenchlingSubscription", "lims").await.unwrap(), "Stalled").unwrap().0;
    assert_eq!(stalled, "False", "it is no fault of the object's");
    // Some polls later, only the shared list was read.
    let mark = world.aws.mark().await;
    let many = || async { Some(world.aws.calls(mark).await).filter(|calls| calls.len() >= 4) };
    let calls = world.aws.until("some looks", many).await;
    assert!(calls.iter().all(|call| call == "events:ListEventSources"), "{calls:?}");
    world.aws.make_source(&source(&world)).await;
    all_ready(&world, &[("BenchlingSubscription", "lims")]).await;
    wait_for_state(&world, "Active").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pending_source_is_associated_at_once() {
    let world = active("pending").await;
    wait_for_state(&world, "Active").await;
    arrives(&world, "one").await;
    let bus = world.get("EventBus", "lims").await.unwrap();
    assert_eq!(status(&bus)["identity"]["name"], source(&world));
    assert_eq!(world.aws.writes(0).await.iter().filter(|op| *op == "CreateEventBus").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_source_is_reported_and_associated_when_it_returns() {
    let mut world = World::with("expired", fast_resync()).await;
    // It cannot be taken: the account has no room for another bus.
    world.aws.settings(json!({"busLimit": 0})).await;
    world.aws.make_source(&source(&world)).await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({}))).await;
    assert_reason(&world, "BenchlingSubscription", "lims", "QuotaExceeded", &["CreateEventBus"]).await;
    wait_for_state(&world, "Pending").await;
    let expires = |object: Option<&DynamicObject>| object?.data["status"]["eventSource"]["expirationTime"].as_str().map(str::to_owned);
    world.wait("BenchlingSubscription", "lims", "an expiry", expires).await;
    expire(&world).await;
    assert_reason(&world, "EventBus", "lims", "SourceExpired", &["expired", "Resubscribe"]).await;
    assert_reason(&world, "BenchlingSubscription", "lims", "SourceExpired", &["tenant admin", "Resubscribe"]).await;
    // A restart does not make it forget.
    world.stop().await;
    world.run(fast_resync()).await;
    assert_reason(&world, "EventBus", "lims", "SourceExpired", &["Resubscribe"]).await;
    world.aws.settings(json!({"busLimit": 100})).await;
    world.aws.make_source(&source(&world)).await;
    all_ready(&world, &[("BenchlingSubscription", "lims")]).await;
    wait_for_state(&world, "Active").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_deleted_by_the_partner_keeps_its_bus_and_is_associated_again() {
    let world = active("deleted").await;
    world.aws.delete_source(&source(&world)).await;
    assert_reason(&world, "EventBus", "lims", "SourceDeleted", &["the partner deleted", "are retained"]).await;
    assert_reason(&world, "BenchlingSubscription", "lims", "SourceDeleted", &["Resubscribe", "List Events API"]).await;
    wait_for_state(&world, "Deleted").await;
    assert!(world.aws.rule(&source(&world), &format!("{}-r", world.namespace)).await.is_some(), "the rule stays");
    assert!(tributary_testkit::is_ready(&world.get("EventRule", "r").await.unwrap()), "and is as it should be");
    world.aws.make_source(&source(&world)).await;
    all_ready(&world, &[("BenchlingSubscription", "lims")]).await;
    arrives(&world, "again").await;
    assert!(world.aws.writes(0).await.contains(&"ActivateEventSource".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recreated_source_that_needs_a_new_bus_is_reported_and_gets_one() {
    let world = active("rejoin").await;
    world.aws.settings(json!({"recreatedNeedsNewBus": 1})).await;
    world.aws.delete_source(&source(&world)).await;
    assert_reason(&world, "EventBus", "lims", "SourceDeleted", &[]).await;
    world.aws.make_source(&source(&world)).await;
    assert_reason(&world, "EventBus", "lims", "Rejected", &["ActivateEventSource", "Delete the rules and the bus"]).await;
    let (bus, rule) = (source(&world), format!("{}-r", world.namespace));
    world.aws.events("RemoveTargets", json!({"EventBusName": bus, "Rule": rule, "Ids": ["q"]})).await;
    world.aws.events("DeleteRule", json!({"EventBusName": bus, "Name": rule})).await;
    // The operator may put the rule back before the bus is gone: then once more.
    while world.aws.call("events", "DeleteEventBus", json!({"Name": bus})).await.is_err() {
        let _ = world.aws.call("events", "RemoveTargets", json!({"EventBusName": bus, "Rule": rule, "Ids": ["q"]})).await;
        let _ = world.aws.call("events", "DeleteRule", json!({"EventBusName": bus, "Name": rule})).await;
    }
    all_ready(&world, &[("BenchlingSubscription", "lims"), ("EventRule", "r")]).await;
    let there = || async { world.aws.rule(&bus, &rule).await };
    world.aws.until("the rule is back", there).await;
    let targets = || async { Some(()).filter(|()| true).and(Some(world.aws.targets(&bus, &rule).await)).filter(|t| t.len() == 1) };
    world.aws.until("with its target", targets).await;
    arrives(&world, "anew").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deactivated_source_is_activated_again() {
    let world = active("deactivated").await;
    world.aws.events("DeactivateEventSource", json!({"Name": source(&world)})).await;
    let is_active = || async { world.aws.source_state(&source(&world)).await.filter(|state| state == "ACTIVE") };
    world.aws.until("it is active again", is_active).await;
    arrives(&world, "back").await;
    let noted = || async {
        event_notes(&world, "EventBus", "lims", "DriftCorrected").await.into_iter().find(|note| note.contains("ActivateEventSource"))
    };
    world.aws.until("an Event about it", noted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deactivated_source_under_observe_has_a_plan_and_a_warning_on_expiry() {
    let world = active("observed").await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({"managementPolicy": "Observe"}))).await;
    all_ready(&world, &[("BenchlingSubscription", "lims")]).await;
    let mark = world.aws.mark().await;
    world.aws.events("DeactivateEventSource", json!({"Name": source(&world)})).await;
    world.not_ready("EventBus", "lims", "Drifted").await;
    let bus = world.get("EventBus", "lims").await.unwrap();
    assert!(status(&bus)["plan"][0].as_str().unwrap().contains("ActivateEventSource"), "{bus:?}");
    world.not_ready("BenchlingSubscription", "lims", "Drifted").await;
    expire(&world).await;
    assert_reason(&world, "EventBus", "lims", "SourceExpired", &["Resubscribe"]).await;
    assert!(world.aws.writes(mark).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_deleted_by_hand_returns_the_source_to_pending_and_is_recreated() {
    let world = active("bus-gone").await;
    take_bus_away(&world).await;
    all_ready(&world, &[("BenchlingSubscription", "lims")]).await;
    let rule_is_back =
        || async { Some(world.aws.targets(&source(&world), &format!("{}-r", world.namespace)).await).filter(|t| !t.is_empty()) };
    world.aws.until("the rule is back with its target", rule_is_back).await;
    arrives(&world, "remade").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_deleted_by_hand_may_delete_the_source_which_benchling_recreates() {
    let world = active("both-gone").await;
    world.aws.settings(json!({"busDeletionDeletesSource": 1})).await;
    take_bus_away(&world).await;
    assert_reason(&world, "BenchlingSubscription", "lims", "SourceDeleted", &["Resubscribe"]).await;
    world.aws.make_source(&source(&world)).await;
    all_ready(&world, &[("BenchlingSubscription", "lims")]).await;
    let rule_is_back =
        || async { Some(world.aws.targets(&source(&world), &format!("{}-r", world.namespace)).await).filter(|t| !t.is_empty()) };
    world.aws.until("the rule is back with its target", rule_is_back).await;
    arrives(&world, "remade").await;
}

/// Deletes the bus with all that is on it, whatever the operator puts back meanwhile.
async fn take_bus_away(world: &World) {
    let (bus, rule) = (source(world), format!("{}-r", world.namespace));
    let made = world.aws.writes(0).await.iter().filter(|op| *op == "CreateEventBus").count();
    loop {
        let _ = world.aws.call("events", "RemoveTargets", json!({"EventBusName": bus, "Rule": rule, "Ids": ["q"]})).await;
        let _ = world.aws.call("events", "DeleteRule", json!({"EventBusName": bus, "Name": rule})).await;
        if world.aws.call("events", "DeleteEventBus", json!({"Name": bus})).await.is_ok() {
            break;
        }
    }
    assert_eq!(world.aws.writes(0).await.iter().filter(|op| *op == "CreateEventBus").count(), made);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn warnings_are_published_at_seven_three_and_one_days_once_each() {
    let world = World::with("warned", fast_resync()).await;
    world.aws.settings(json!({"busLimit": 0})).await;
    world.aws.make_source(&source(&world)).await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({}))).await;
    assert_reason(&world, "EventBus", "lims", "QuotaExceeded", &[]).await;
    assert!(event_notes(&world, "EventBus", "lims", "SourceExpiring").await.is_empty(), "two weeks are no reason to warn");
    for (days, at) in [(7, 6.5), (3, 2.5), (1, 0.5)] {
        world.aws.bend_source(&source(&world), json!({"expiresIn": at * 86_400.0})).await;
        let warned = |object: Option<&DynamicObject>| (object?.data["status"]["eventSource"]["warnedDays"] == days).then_some(());
        world.wait("BenchlingSubscription", "lims", "warned", warned).await;
    }
    let all = || async {
        let bus = event_notes(&world, "EventBus", "lims", "SourceExpiring").await;
        let subscription = event_notes(&world, "BenchlingSubscription", "lims", "SourceExpiring").await;
        Some((bus, subscription)).filter(|(bus, subscription)| bus.len() >= 3 && subscription.len() >= 3)
    };
    let (bus, subscription) = world.aws.until("three warnings each", all).await;
    assert_eq!((bus.len(), subscription.len()), (3, 3), "{bus:?} {subscription:?}");
    assert!(bus.iter().any(|note| note.contains("less than 1 days")), "{bus:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_existing_bus_is_adopted_only_with_the_annotation() {
    let world = World::with("adopt", fast_resync()).await;
    world.aws.make_source(&source(&world)).await;
    world.aws.events("CreateEventBus", json!({"Name": source(&world), "EventSourceName": source(&world)})).await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({"bus": {"description": "ours"}}))).await;
    assert_reason(&world, "BenchlingSubscription", "lims", "NotOwned", &["exists", "tributary.dev/adopt"]).await;
    let described = world.aws.events("DescribeEventBus", json!({"Name": source(&world)})).await;
    assert_eq!(described["Description"], Value::Null);
    wait_for_state(&world, "Active").await;
    // The state of the source is reported although the bus has another owner.
    world.aws.events("DeactivateEventSource", json!({"Name": source(&world)})).await;
    wait_for_state(&world, "Pending").await;
    world.aws.bend_source(&source(&world), json!({"expiresIn": 86_000})).await;
    let warned = || async { Some(event_notes(&world, "EventBus", "lims", "SourceExpiring").await).filter(|notes| !notes.is_empty()) };
    world.aws.until("a warning", warned).await;
    world.annotate("BenchlingSubscription", "lims", "tributary.dev/adopt", Some("true")).await;
    all_ready(&world, &[("BenchlingSubscription", "lims")]).await;
    let described = world.aws.events("DescribeEventBus", json!({"Name": source(&world)})).await;
    assert_eq!(described["Description"], "ours");
    // The word is passed on to the child, and taken back there too.
    world.annotate("BenchlingSubscription", "lims", "tributary.dev/adopt", None).await;
    let without = |bus: Option<&DynamicObject>| {
        let annotations = bus?.metadata.annotations.clone().unwrap_or_default();
        (!annotations.contains_key("tributary.dev/adopt")).then_some(())
    };
    world.wait("EventBus", "lims", "without the word", without).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_managed_by_another_owner_is_not_changed() {
    let world = World::with("kept", fast_resync()).await;
    world.aws.make_source(&source(&world)).await;
    world.aws.bend_source(&source(&world), json!({"managedBus": "events.amazonaws.com"})).await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({}))).await;
    world.annotate("BenchlingSubscription", "lims", "tributary.dev/adopt", Some("true")).await;
    assert_reason(&world, "EventBus", "lims", "NotOwned", &["events.amazonaws.com", "No changes were made"]).await;
    assert!(world.aws.writes(0).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_without_partners_is_reported() {
    let world = World::with("disabled", fast_resync()).await;
    world.aws.settings(json!({"partnersDisabled": 1})).await;
    world.aws.make_source(&source(&world)).await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({}))).await;
    assert_reason(&world, "EventBus", "lims", "Rejected", &["OperationDisabledException", "Use another Region"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_dead_letter_queue_does_not_block_the_source() {
    let world = World::with("dead-letter", fast_resync()).await;
    world.aws.make_source(&source(&world)).await;
    let spec = json!({"bus": {"deadLetter": {"sinkRef": {"name": "late"}}}});
    world.apply("BenchlingSubscription", "lims", subscription(&world, spec)).await;
    assert_reason(&world, "EventBus", "lims", "SinkNotFound", &["spec.deadLetter.sinkRef", "/late"]).await;
    wait_for_state(&world, "Active").await;
    let dead_letter = async || {
        let bus = world.aws.events("DescribeEventBus", json!({"Name": source(&world)})).await;
        bus["DeadLetterConfig"]["Arn"].as_str().map(str::to_owned)
    };
    assert_eq!(dead_letter().await, None);
    world.apply("EventSink", "late", json!({"sqs": {"managed": {}}})).await;
    all_ready(&world, &[("BenchlingSubscription", "lims")]).await;
    assert!(dead_letter().await.is_some_and(|arn| arn.ends_with("-late")));
}
