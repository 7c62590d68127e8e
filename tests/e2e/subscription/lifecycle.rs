//! `BenchlingSubscription`: its children, monitoring, deletion, the shorthand and its warnings, and conflicts about a source.

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use tributary_testkit::{
    Aws, Bed, OPERATOR_NAMESPACE, REGION, World, all_ready, assert_reason, aws_name, condition, event_notes, fast_resync, is_ready,
    partner::{APP, detail, entity, marks, rule, source, subscription, tenant},
    status,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_are_exactly_what_the_subscription_says() {
    let world = World::with("children", fast_resync()).await;
    world.aws.make_source(&source(&world)).await;
    let spec = |retention: i32| json!({"monitoring": {"logGroup": {"retentionDays": retention}}, "bus": {"tags": {"a": "1"}}});
    world.apply("BenchlingSubscription", "lims", subscription(&world, spec(7))).await;
    all_ready(&world, &[("BenchlingSubscription", "lims"), ("EventRule", "lims-monitoring"), ("EventSink", "lims-monitoring")]).await;
    let bus = world.get("EventBus", "lims").await.unwrap();
    let owner = &bus.metadata.owner_references.as_ref().unwrap()[0];
    assert_eq!((owner.kind.as_str(), owner.name.as_str(), owner.controller), ("BenchlingSubscription", "lims", Some(true)));
    // A change of the subscription reaches them; a change by hand is taken back, a deletion too.
    world.apply("BenchlingSubscription", "lims", subscription(&world, spec(30))).await;
    let group = format!("/aws/events/{}", aws_name(&world, "lims-monitoring"));
    let thirty = || async { world.aws.log_group(&group).await.filter(|group| group["retentionInDays"] == 30) };
    world.aws.until("30 days", thirty).await;
    let patch = json!({"spec": {"description": "by hand", "tags": {"a": "2", "b": "3"}}});
    world.api("EventBus").patch("lims", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    let restored = |bus: Option<&DynamicObject>| {
        let spec = &bus?.data["spec"];
        (spec["tags"] == json!({"a": "1"}) && spec["description"].is_null()).then_some(())
    };
    world.wait("EventBus", "lims", "as it was", restored).await;
    world.delete("EventRule", "lims-monitoring").await;
    world.gone_or_new("EventRule", "lims-monitoring").await;
    all_ready(&world, &[("EventRule", "lims-monitoring"), ("BenchlingSubscription", "lims")]).await;
    // Without monitoring the rule and the sink go, in that order; the group is retained.
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({"bus": {"tags": {"a": "1"}}}))).await;
    world.gone("EventRule", "lims-monitoring").await;
    world.gone("EventSink", "lims-monitoring").await;
    all_ready(&world, &[("BenchlingSubscription", "lims")]).await;
    assert!(world.aws.log_group(&group).await.is_some());
}

/// The rule for monitoring refers to the sink: it must not hold up the deletion of the sink that it is to be made with again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn monitoring_that_goes_and_comes_back_is_made_again() {
    let world = World::with("back", fast_resync()).await;
    world.aws.make_source(&source(&world)).await;
    let spec = subscription(&world, json!({"monitoring": {"logGroup": {"retentionDays": 7}}}));
    let all = [("BenchlingSubscription", "lims"), ("EventRule", "lims-monitoring"), ("EventSink", "lims-monitoring")];
    world.apply("BenchlingSubscription", "lims", spec.clone()).await;
    all_ready(&world, &all).await;
    let uid = || async { world.get("EventSink", "lims-monitoring").await.unwrap().metadata.uid };
    let first = uid().await;
    // Somebody keeps the sink for a while, as a slow deletion in AWS does.
    let hold = async |finalizers: Value| {
        let patch = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
        world.api("EventSink").patch("lims-monitoring", &PatchParams::default(), &patch).await.unwrap();
    };
    hold(json!(["tributary.dev/finalizer", "example.com/hold"])).await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({}))).await;
    world.gone("EventRule", "lims-monitoring").await;
    let only_the_other = |sink: Option<&DynamicObject>| (sink?.metadata.finalizers.as_deref()? == ["example.com/hold"]).then_some(());
    world.wait("EventSink", "lims-monitoring", "held by another finalizer", only_the_other).await;
    world.apply("BenchlingSubscription", "lims", spec).await;
    assert_reason(&world, "BenchlingSubscription", "lims", "Deleting", &["EventSink", "/lims-monitoring is being deleted"]).await;
    assert!(world.get("EventRule", "lims-monitoring").await.is_none(), "it would keep the sink");
    hold(json!([])).await;
    world.gone_or_new("EventSink", "lims-monitoring").await;
    all_ready(&world, &all).await;
    let second = uid().await;
    assert_ne!(first, second);
    // Somebody deletes the sink, which the rule refers to.
    world.delete("EventSink", "lims-monitoring").await;
    world.gone_or_new("EventSink", "lims-monitoring").await;
    all_ready(&world, &all).await;
    assert_ne!(second, uid().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_a_child_needs_and_somebody_else_has_is_left_alone() {
    let world = World::with("clash", fast_resync()).await;
    world.aws.make_source(&source(&world)).await;
    world.apply("EventBus", "lims", json!({"description": "mine"})).await;
    all_ready(&world, &[("EventBus", "lims")]).await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({}))).await;
    assert_reason(&world, "BenchlingSubscription", "lims", "NotOwned", &["EventBus", "/lims", "does not belong to this subscription"])
        .await;
    assert_eq!(world.get("EventBus", "lims").await.unwrap().data["spec"]["description"], "mine");
    // A rule that means the subscription does not get the other bus.
    world.apply("EventRule", "r", rule(json!({}), &[])).await;
    assert_reason(&world, "EventRule", "r", "BusNotReady", &["BenchlingSubscription", "has no bus yet"]).await;
    world.delete("EventBus", "lims").await;
    all_ready(&world, &[("BenchlingSubscription", "lims"), ("EventRule", "r")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletion_waits_for_rules_takes_the_children_along_and_keeps_the_bus() {
    let world = World::with("delete", fast_resync()).await;
    world.aws.make_source(&source(&world)).await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({"monitoring": {"logGroup": {}}}))).await;
    world.apply("EventRule", "r", rule(json!({}), &[])).await;
    all_ready(&world, &[("BenchlingSubscription", "lims"), ("EventRule", "r"), ("EventRule", "lims-monitoring")]).await;
    world.delete("BenchlingSubscription", "lims").await;
    assert_reason(&world, "BenchlingSubscription", "lims", "InUse", &["EventRule", "/r"]).await;
    assert!(is_ready(&world.get("EventBus", "lims").await.unwrap()));
    world.delete("EventRule", "r").await;
    world.gone("BenchlingSubscription", "lims").await;
    for (kind, name) in [("EventBus", "lims"), ("EventRule", "lims-monitoring"), ("EventSink", "lims-monitoring")] {
        assert!(world.get(kind, name).await.is_none(), "{kind} {name}");
    }
    assert_eq!(world.aws.source_state(&source(&world)).await.as_deref(), Some("ACTIVE"), "the bus is retained");
    assert!(world.aws.rule(&source(&world), &aws_name(&world, "lims-monitoring")).await.is_none());
    // Made again it takes the bus back, without a write of the bus.
    let mark = world.aws.mark().await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({}))).await;
    all_ready(&world, &[("BenchlingSubscription", "lims")]).await;
    assert!(world.aws.writes(mark).await.is_empty(), "{:?}", world.aws.writes(mark).await);
    // On the user's word the bus goes too.
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({"deletionPolicy": "Delete"}))).await;
    all_ready(&world, &[("BenchlingSubscription", "lims")]).await;
    world.delete("BenchlingSubscription", "lims").await;
    world.gone("BenchlingSubscription", "lims").await;
    assert_eq!(world.aws.source_state(&source(&world)).await.as_deref(), Some("PENDING"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orphaned_subscription_touches_nothing_in_aws() {
    let mut world = World::with("orphan", fast_resync()).await;
    world.aws.make_source(&source(&world)).await;
    let spec = json!({"monitoring": {"logGroup": {}}, "deletionPolicy": "Delete"});
    world.apply("BenchlingSubscription", "lims", subscription(&world, spec)).await;
    all_ready(&world, &[("BenchlingSubscription", "lims"), ("EventRule", "lims-monitoring")]).await;
    let (before, mark) = (world.aws.contents().await, world.aws.mark().await);
    // Word and deletion come while nobody looks, so that the children were not told before.
    world.stop().await;
    world.annotate("BenchlingSubscription", "lims", "tributary.dev/orphan", Some("true")).await;
    world.delete("BenchlingSubscription", "lims").await;
    world.run(fast_resync()).await;
    world.gone("BenchlingSubscription", "lims").await;
    assert_eq!(world.aws.contents().await, before);
    assert!(world.aws.writes(mark).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuilt_cluster_takes_all_back_without_a_write() {
    let mut world = World::with("rebuilt", fast_resync()).await;
    world.aws.make_source(&source(&world)).await;
    let function = world.aws.make_function("f").await;
    let apply = async |world: &World| {
        world.apply("BenchlingSubscription", "lims", subscription(world, json!({"monitoring": {"logGroup": {"retentionDays": 7}}}))).await;
        world.apply("EventRule", "r", rule(json!({"eventTypes": ["v2.entity.registered"]}), &["f", "q"])).await;
        world.apply("EventSink", "f", json!({"lambda": {"existing": {"arn": function}}})).await;
        world.apply("EventSink", "q", json!({"sqs": {"managed": {}, "triggers": [{"functionArn": function}]}})).await;
    };
    let objects = [("BenchlingSubscription", "lims"), ("EventRule", "r"), ("EventSink", "f"), ("EventSink", "q")];
    apply(&world).await;
    all_ready(&world, &objects).await;
    all_ready(&world, &[("EventRule", "lims-monitoring"), ("EventSink", "lims-monitoring")]).await;
    world.stop().await;
    let before = world.aws.contents().await;
    for (kind, name) in
        objects.into_iter().chain([("EventBus", "lims"), ("EventRule", "lims-monitoring"), ("EventSink", "lims-monitoring")])
    {
        let api = world.api(kind);
        api.patch(name, &PatchParams::default(), &Patch::Merge(json!({"metadata": {"finalizers": []}}))).await.unwrap();
        let _ = api.delete(name, &DeleteParams::default()).await;
    }
    for (kind, name) in objects {
        world.gone(kind, name).await;
    }
    let mark = world.aws.mark().await;
    apply(&world).await;
    world.run(fast_resync()).await;
    all_ready(&world, &objects).await;
    all_ready(&world, &[("EventRule", "lims-monitoring"), ("EventSink", "lims-monitoring")]).await;
    assert!(world.aws.writes(mark).await.is_empty(), "{:?}", world.aws.writes(mark).await);
    assert_eq!(world.aws.contents().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_sync_is_silent_in_aws_and_in_kubernetes() {
    let world = World::with("silent", fast_resync()).await;
    world.aws.make_source(&source(&world)).await;
    let function = world.aws.make_function("f").await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({"monitoring": {"logGroup": {"retentionDays": 7}}}))).await;
    world.apply("EventSink", "f", json!({"lambda": {"existing": {"arn": function}, "onFailure": {"sinkRef": {"name": "q"}}}})).await;
    world.apply("EventSink", "q", json!({"sqs": {"managed": {}, "triggers": [{"functionArn": function}]}})).await;
    world.apply("EventRule", "r", rule(json!({"eventTypes": ["v2.entity.registered"]}), &["f"])).await;
    let objects = [
        ("BenchlingSubscription", "lims"),
        ("EventBus", "lims"),
        ("EventRule", "lims-monitoring"),
        ("EventSink", "lims-monitoring"),
        ("EventSink", "f"),
        ("EventSink", "q"),
        ("EventRule", "r"),
    ];
    all_ready(&world, &objects).await;
    // What a user puts on a child is the user's.
    world.annotate("EventBus", "lims", "tributary.dev/reconcile-at", Some("by hand")).await;
    let looked = |object: Option<&DynamicObject>| (status(object?)["lastHandledReconcileAt"] == "by hand").then_some(());
    world.wait("EventBus", "lims", "looked at", looked).await;
    let versions = async || {
        let mut versions = Vec::new();
        for (kind, name) in objects {
            versions.push(world.get(kind, name).await.unwrap().metadata.resource_version.unwrap());
        }
        versions
    };
    let (before, mark) = (versions().await, world.aws.mark().await);
    let sweeps =
        || async { Some(world.aws.calls(mark).await).filter(|all| all.iter().filter(|c| *c == "events:DescribeEventBus").count() >= 4) };
    let calls = world.aws.until("four sweeps", sweeps).await;
    assert!(world.aws.writes(mark).await.is_empty(), "{calls:?}");
    assert_eq!(versions().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shorthand_picks_what_it_says_and_shows_its_pattern() {
    let world = World::with("shorthand", fast_resync()).await;
    world.aws.make_source(&source(&world)).await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({}))).await;
    world.apply("EventSink", "q", json!({"sqs": {"managed": {}}})).await;
    let updates = json!({"eventTypes": ["v2.assayRun.updated.fields"], "updatedFields": ["Cost Center"]});
    let either = json!({"eventTypes": ["v2.request.created"], "schemas": {"ids": ["ts_9"], "names": ["Validated Request"]}});
    world.apply("EventRule", "updates", rule(updates, &["q"])).await;
    world.apply("EventRule", "either", rule(either, &["q"])).await;
    all_ready(&world, &[("EventRule", "updates"), ("EventRule", "either")]).await;
    let bus = source(&world);
    let send = async |event_type: &str, resource: &str, schema: Value, updates: &[&str], mark: &str| {
        world.aws.partner_event(&bus, event_type, &detail(event_type, resource, schema, updates, mark)).await;
    };
    let schema = |id: &str, name: &str| json!({"id": id, "name": name});
    send("v2.assayRun.updated.fields", "assayRun", schema("a", "b"), &["fields.Cost Center"], "hit-field").await;
    send("v2.assayRun.updated.fields", "assayRun", schema("a", "b"), &["fields.Other"], "miss").await;
    send("v2.request.created", "request", schema("ts_9", "x"), &[], "hit-id").await;
    send("v2.request.created", "request", schema("x", "Validated Request"), &[], "hit-name").await;
    send("v2.request.created", "request", schema("x", "y"), &[], "miss").await;
    let mut received = marks(&world.aws.receive(&format!("{}-q", world.namespace)).await);
    received.sort();
    assert_eq!(received, ["hit-field", "hit-id", "hit-name"]);
    let shown = world.get("EventRule", "updates").await.unwrap();
    let shown: Value = serde_json::from_str(status(&shown)["eventPattern"].as_str().unwrap()).unwrap();
    assert_eq!(shown, json!({"detail-type": ["v2.assayRun.updated.fields"], "detail": {"updates": ["fields.Cost Center"]}}));
    let held: Value = serde_json::from_str(
        world.aws.rule(&bus, &format!("{}-updates", world.namespace)).await.unwrap()["EventPattern"].as_str().unwrap(),
    )
    .unwrap();
    assert_eq!(held, shown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_never_matches_is_warned_of_and_holds_nothing_up() {
    let world = World::with("warnings", fast_resync()).await;
    world.aws.make_source(&source(&world)).await;
    let types = json!({"eventTypes": ["v2.entity.registered", "v2.nobody.knows"]});
    world.apply("BenchlingSubscription", "lims", subscription(&world, types)).await;
    // The vendor's own examples.
    let raw = |pattern: Value| json!({"busRef": {"kind": "BenchlingSubscription", "name": "lims"}, "eventPattern": pattern});
    world.apply("EventRule", "update", raw(json!({"detail-type": ["v2.assayRun.updated"], "detail": {"updates": ["my_field"]}}))).await;
    let schema =
        json!({"detail-type": ["v2.entity.registered"], "detail": {"entity": {"schema": {"“id”": {"“value”": ["My_Schema_ID"]}}}}});
    world.apply("EventRule", "schema", raw(schema)).await;
    world.apply("EventRule", "excluded", rule(json!({"eventTypes": ["v2.request.created"]}), &[])).await;
    world.apply("EventRule", "good", rule(json!({"eventTypes": ["v2.entity.registered"]}), &[])).await;
    let warnings = async |kind: &str, name: &str| {
        world.ready(kind, name).await;
        let object = world.get(kind, name).await.unwrap();
        status(&object)["warnings"]
            .as_array()
            .cloned()
            .unwrap_or_default()
            .iter()
            .map(|w| w.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
            .join("\n")
    };
    let update = warnings("EventRule", "update").await;
    assert!(update.contains("v2.assayRun.updated.fields") && update.contains("fields.my_field"), "{update}");
    assert!(warnings("EventRule", "schema").await.contains("quote"));
    let excluded = warnings("EventRule", "excluded").await;
    assert!(excluded.contains("does not include v2.request.created"), "{excluded}");
    assert_eq!(warnings("EventRule", "good").await, "");
    assert!(warnings("BenchlingSubscription", "lims").await.contains("v2.nobody.knows"));
    let events = || async { Some(event_notes(&world, "EventRule", "update", "SpecWarning").await).filter(|notes| !notes.is_empty()) };
    let before = world.aws.until("a Warning Event", events).await.len();
    // The subscription takes the type in: the warning goes, and none is repeated.
    world
        .apply("BenchlingSubscription", "lims", subscription(&world, json!({"eventTypes": ["v2.entity.registered", "v2.request.created"]})))
        .await;
    let clean = |object: Option<&DynamicObject>| status(object?)["warnings"].is_null().then_some(());
    world.wait("EventRule", "excluded", "without warnings", clean).await;
    assert_eq!(event_notes(&world, "EventRule", "update", "SpecWarning").await.len(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn monitoring_shows_when_the_last_event_came() {
    let world = World::with("monitoring", fast_resync()).await;
    world.aws.make_source(&source(&world)).await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({"monitoring": {"logGroup": {"retentionDays": 14}}}))).await;
    all_ready(&world, &[("BenchlingSubscription", "lims"), ("EventRule", "lims-monitoring")]).await;
    assert!(status(&world.get("BenchlingSubscription", "lims").await.unwrap())["lastEventTime"].is_null());
    world.aws.partner_event(&source(&world), "v2.entity.registered", &entity("Plasmid", "one")).await;
    let time = |object: Option<&DynamicObject>| status(object?)["lastEventTime"].as_str().map(str::to_owned);
    world.wait("BenchlingSubscription", "lims", "the last event's time", time).await;
    // Where it may not be read, nothing else suffers.
    world.aws.faults(json!([{"match": "logs.DescribeLogStreams", "kind": "error", "status": 400, "code": "AccessDeniedException"}])).await;
    world.annotate("EventSink", "lims-monitoring", "tributary.dev/reconcile-at", Some("now")).await;
    all_ready(&world, &[("EventSink", "lims-monitoring")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_in_another_region_or_account_is_found_out() {
    let world = World::with("elsewhere", fast_resync()).await;
    // The tenant admin typed another account, which this namespace may use as well.
    let (other, name) = (Aws::new(Bed::get()), format!("other-{}", world.namespace));
    let keys = json!({"stringData": {"AWS_ACCESS_KEY_ID": other.account, "AWS_SECRET_ACCESS_KEY": "x"}});
    world.apply_in(Some(OPERATOR_NAMESPACE), "v1", "Secret", &format!("keys-{name}"), keys).await;
    let mut spec = world.account_spec();
    spec["accountId"] = json!(other.account);
    spec["credentials"] = json!({"secretRef": {"name": format!("keys-{name}")}});
    world.apply_in(None, "tributary.dev/v1alpha1", "AwsAccount", &name, json!({"spec": spec})).await;
    world.aws.partner("CreatePartnerEventSource", json!({"Name": source(&world), "Account": other.account})).await.unwrap();
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({}))).await;
    assert_reason(&world, "BenchlingSubscription", "lims", "SourceElsewhere", &[&other.account, REGION, &name, "recreate this object"])
        .await;
    // It goes on saying so between sweeps, without a word more.
    let version = async || world.get("BenchlingSubscription", "lims").await.unwrap().metadata.resource_version.unwrap();
    let (before, mark) = (version().await, world.aws.mark().await);
    let looks = || async { (world.aws.calls(mark).await.len() >= 8).then_some(()) };
    world.aws.until("some looks and sweeps", looks).await;
    assert_eq!(version().await, before, "the reason flaps");
    world.aws.make_source(&source(&world)).await;
    all_ready(&world, &[("BenchlingSubscription", "lims")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_object_for_the_same_source_names_the_first_and_takes_over_when_that_is_gone() {
    let world = World::with("twice", fast_resync()).await;
    world.aws.make_source(&source(&world)).await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({}))).await;
    all_ready(&world, &[("BenchlingSubscription", "lims")]).await;
    world.apply("EventBus", "second", json!({"eventSourceName": source(&world)})).await;
    assert_reason(&world, "EventBus", "second", "SourceTaken", &["/lims", "allowedNamespaces"]).await;
    world.apply("BenchlingSubscription", "third", subscription(&world, json!({}))).await;
    assert_reason(&world, "BenchlingSubscription", "third", "SourceTaken", &["/lims"]).await;
    assert!(is_ready(&world.get("BenchlingSubscription", "lims").await.unwrap()));
    world.delete("BenchlingSubscription", "third").await;
    world.gone("BenchlingSubscription", "third").await;
    world.delete("BenchlingSubscription", "lims").await;
    world.gone("BenchlingSubscription", "lims").await;
    // The bus was retained, and bears the first one's tag.
    assert_reason(&world, "EventBus", "second", "NotOwned", &["belongs to"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_may_show_another_name_for_the_source() {
    let world = World::with("named", fast_resync()).await;
    let name = format!("aws.partner/benchling.com/other-{}/{APP}", tenant(&world));
    world.aws.make_source(&name).await;
    world.apply("BenchlingSubscription", "lims", subscription(&world, json!({"eventSourceName": name}))).await;
    all_ready(&world, &[("BenchlingSubscription", "lims")]).await;
    assert_eq!(world.aws.source_state(&name).await.as_deref(), Some("ACTIVE"));
    assert_eq!(condition(&world.get("EventBus", "lims").await.unwrap(), "Ready").unwrap().1, "InSync");
}
