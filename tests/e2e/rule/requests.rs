//! What a rule costs: calls of AWS and requests to Kubernetes of its creation and of its deletion. Counts, not times.

use std::collections::BTreeMap;

use kube::api::DeleteParams;
use serde_json::json;
use tributary_testkit::{
    ApiProxy, Bed, REGION, World, all_ready, apply_pipeline, aws_name, event_notes, existing_queue, foreign_queue, merged, options,
    rule_spec, writes_since,
};

const RULES: usize = 50;
const BUSES: usize = 2;

/// Requests of the operator so far, by verb and plural, without those of its watches.
struct Requests(BTreeMap<(&'static str, &'static str), usize>);

impl Requests {
    fn now(proxy: &ApiProxy) -> Self {
        let mut all = BTreeMap::new();
        for verb in ["get", "patch", "post", "put", "delete"] {
            for plural in ["awsaccounts", "eventbuses", "eventrules", "eventsinks", "events"] {
                all.insert((verb, plural), proxy.requests(verb, plural));
            }
        }
        Self(all)
    }

    /// Those since then, without the kinds of which there were none.
    fn since(&self, before: &Self) -> BTreeMap<(&'static str, &'static str), usize> {
        let grown = self.0.iter().map(|(kind, count)| (*kind, count - before.0[kind]));
        grown.filter(|(_, count)| *count > 0).collect()
    }
}

/// Calls of EventBridge since the mark, by operation.
async fn calls(world: &World, mark: u64) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for call in world.aws.journal(mark).await.0.into_iter().filter(|call| call.service == "events") {
        *all.entry(call.op).or_default() += 1;
    }
    all
}

fn total<K>(counts: &BTreeMap<K, usize>) -> usize {
    counts.values().sum()
}

/// Buses, and sinks that no rule waits for: others keep the permissions of their queues.
async fn apply_others(world: &World) {
    for n in 0..BUSES {
        let (bus, sink) = (format!("b{n}"), format!("q{n}"));
        foreign_queue(&world.aws, &sink, &[]).await;
        world.apply("EventBus", &bus, json!({})).await;
        world.apply("EventSink", &sink, merged(existing_queue(&world.aws, &sink), json!({"permissions": "External"}))).await;
        all_ready(world, &[("EventBus", &bus), ("EventSink", &sink)]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_costs_two_calls_and_three_requests_to_create_and_two_of_each_to_delete() {
    let mut world = World::empty("requests").await;
    let proxy = ApiProxy::new(Bed::get().operator().await).await;
    world.run_through(proxy.client(), options());
    apply_others(&world).await;
    let (before, mark) = (Requests::now(&proxy), world.aws.mark().await);
    for n in 0..RULES {
        world.apply("EventRule", &format!("r{n}"), rule_spec(&format!("b{}", n % BUSES), &[&format!("q{}", n % BUSES)])).await;
    }
    for n in 0..RULES {
        world.ready("EventRule", &format!("r{n}")).await;
    }
    // An Event is written after the status.
    let events = |before: usize| {
        let proxy = &proxy;
        move || async move { (proxy.requests("post", "events") >= before + RULES).then_some(()) }
    };
    world.aws.until("an Event for each rule", events(before.0[&("post", "events")])).await;
    let created = Requests::now(&proxy);
    let (requests, called) = (created.since(&before), calls(&world, mark).await);
    assert_eq!(requests[&("patch", "eventrules")], 2 * RULES, "the finalizer with the identity, then the status: {requests:?}");
    assert!(!requests.contains_key(&("get", "eventrules")), "{requests:?}");
    // One that says what was applied, one that nothing permits the delivery.
    assert!(requests[&("post", "events")] <= 2 * RULES, "{requests:?}");
    assert_eq!((called["PutRule"], called["PutTargets"]), (RULES, RULES), "{called:?}");
    assert!(total(&called) <= 2 * RULES + 10 * BUSES, "{called:?}");

    let mark = world.aws.mark().await;
    world.api("AwsAccount").delete(&world.account, &DeleteParams::default()).await.unwrap();
    for n in 0..BUSES {
        world.delete("EventBus", &format!("b{n}")).await;
        world.delete("EventSink", &format!("q{n}")).await;
    }
    for n in 0..RULES {
        world.delete("EventRule", &format!("r{n}")).await;
    }
    world.gone("AwsAccount", &world.account).await;
    world.aws.until("an Event for each rule", events(created.0[&("post", "events")])).await;
    let (requests, called) = (Requests::now(&proxy).since(&created), calls(&world, mark).await);
    assert_eq!(requests[&("patch", "eventrules")], RULES, "the finalizer only: {requests:?}");
    // One is read that the store still has after its end.
    assert!(requests.get(&("get", "eventrules")).is_none_or(|gets| *gets <= RULES / 5), "{requests:?}");
    assert!(requests.get(&("get", "eventbuses")).is_none_or(|gets| *gets <= 4 * BUSES), "none while they wait: {requests:?}");
    assert!(total(&requests) <= 2 * RULES + 24 * (2 * BUSES + 1), "{requests:?}");
    assert_eq!((called["RemoveTargets"], called["DeleteRule"]), (RULES, RULES), "{called:?}");
    assert!(!called.contains_key("ListTargetsByRule"), "targets are known from status: {called:?}");
    assert!(called["ListTagsForResource"] <= 8 * BUSES, "the tags of a bus serve its rules: {called:?}");
    let left: Vec<_> = world.aws.contents().await.into_keys().filter(|name| !name.starts_with("queue ")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_somebody_added_goes_with_its_rule() {
    let world = World::start("added").await;
    apply_pipeline(&world).await;
    let (bus, rule) = (aws_name(&world, "b"), aws_name(&world, "r"));
    let target = json!({"Id": "by-hand", "Arn": format!("arn:aws:sqs:{REGION}:{}:{}", world.aws.account, aws_name(&world, "q"))});
    world.aws.events("PutTargets", json!({"EventBusName": bus, "Rule": rule, "Targets": [target]})).await;
    let mark = world.aws.mark().await;
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    assert!(world.aws.rule(&bus, &rule).await.is_none());
    assert_eq!(
        event_writes(&world, mark).await,
        ["RemoveTargets", "DeleteRule", "RemoveTargets", "DeleteRule"],
        "AWS refuses the first deletion"
    );
}

/// Writes to EventBridge since the mark. A sink withdraws the permission of a rule that is gone.
async fn event_writes(world: &World, mark: u64) -> Vec<String> {
    let calls = writes_since(world, mark).await.into_iter().filter(|call| call.service == "events");
    calls.map(|call| call.op).collect()
}

/// Gives the resource another owner.
async fn give_away(world: &World, resource: &str) {
    let arn = format!("arn:aws:events:{REGION}:{}:{resource}", world.aws.account);
    let tags = json!([{"Key": "tributary.dev/owner", "Value": "blue/EventRule/x/y"}]);
    world.aws.events("TagResource", json!({"ResourceARN": arn, "Tags": tags})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_has_another_owner_by_now_is_left_alone() {
    let world = World::start("taken").await;
    apply_pipeline(&world).await;
    let (bus, rule) = (aws_name(&world, "b"), aws_name(&world, "r"));
    give_away(&world, &format!("rule/{bus}/{rule}")).await;
    let mark = world.aws.mark().await;
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    assert_eq!(event_writes(&world, mark).await, Vec::<String>::new());
    assert_eq!(world.aws.targets(&bus, &rule).await.len(), 1);
    let notes = || async { Some(event_notes(&world, "EventRule", "r", "LeftAlone").await).filter(|notes| !notes.is_empty()) };
    let notes = world.aws.until("an Event", notes).await;
    assert!(notes[0].contains("blue/EventRule/x/y"), "{notes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_goes_with_its_bus_only_if_the_bus_has_its_owner() {
    let world = World::start("bustaken").await;
    apply_pipeline(&world).await;
    let (bus, rule) = (aws_name(&world, "b"), aws_name(&world, "r"));
    give_away(&world, &format!("rule/{bus}/{rule}")).await;
    give_away(&world, &format!("event-bus/{bus}")).await;
    let mark = world.aws.mark().await;
    world.delete("EventBus", "b").await;
    world.not_ready("EventBus", "b", "InUse").await;
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    world.gone("EventBus", "b").await;
    assert_eq!(event_writes(&world, mark).await, Vec::<String>::new());
    assert_eq!(world.aws.targets(&bus, &rule).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_somebody_put_in_its_place_is_left_alone() {
    let mut world = World::start("replaced").await;
    apply_pipeline(&world).await;
    // A list of rules may be five seconds old; that of a new process is not.
    world.stop().await;
    let (bus, rule) = (aws_name(&world, "b"), aws_name(&world, "r"));
    world.aws.events("RemoveTargets", json!({"EventBusName": bus, "Rule": rule, "Ids": ["q"]})).await;
    world.aws.events("DeleteRule", json!({"EventBusName": bus, "Name": rule})).await;
    world.aws.events("PutRule", json!({"EventBusName": bus, "Name": rule, "EventPattern": r#"{"source":["theirs"]}"#})).await;
    let mark = world.aws.mark().await;
    world.run(options()).await;
    world.delete("EventBus", "b").await;
    world.not_ready("EventBus", "b", "InUse").await;
    world.delete("EventRule", "r").await;
    world.gone("EventRule", "r").await;
    assert_eq!(event_writes(&world, mark).await, Vec::<String>::new());
    assert!(world.aws.rule(&bus, &rule).await.is_some());
    // The bus waits for the rule, which is not managed here.
    world
        .wait("EventBus", "b", "waiting for the rule", |bus| bus?.data["status"].to_string().contains("not managed here").then_some(()))
        .await;
    all_ready(&world, &[("EventSink", "q")]).await;
}
