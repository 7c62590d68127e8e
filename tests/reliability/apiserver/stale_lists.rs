//! The API server returns stale lists: from before a change, a deletion, or a deletion and a new object of the same name. Nothing is written to
//! AWS for the old uid or the old spec.

use std::time::Duration;

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use tributary_testkit::{Fault, Row, World, catch_panic, form, product::Timeouts, until};

use crate::fixture::{Fixture, GROUP, PLURALS, description, rule, visible, with_timeouts};

const BAR: Duration = Duration::from_mins(1);

fn short_timeouts() -> Timeouts {
    // A watch that is not answered ends the staleness soon after it is lifted.
    Timeouts { answer: Duration::from_secs(1), list: Duration::from_hours(24), ..Timeouts::default() }
}

fn uid(object: &DynamicObject) -> String {
    object.metadata.uid.clone().unwrap()
}

fn sink() -> Value {
    json!({"sqs": {"managed": {}}, "deletionPolicy": "Delete"})
}

/// Everything that happens behind the back of the lists: a spec is changed, a rule, a bus and a sink are deleted, a rule is made anew.
async fn history(fixture: &Fixture, n: usize) -> String {
    let (world, proxy) = (&fixture.world, &fixture.proxy);
    let (z, y) = (format!("z{n}"), format!("y{n}"));
    for name in ["r", "d", "x", "fresh"] {
        world.apply("EventRule", name, rule("old")).await;
    }
    world.apply("EventBus", &y, json!({})).await;
    world.apply("EventSink", &z, sink()).await;
    for (kind, name) in
        [("EventRule", "r"), ("EventRule", "d"), ("EventRule", "x"), ("EventRule", "fresh"), ("EventBus", &y), ("EventSink", &z)]
    {
        world.ready(kind, name).await;
    }
    proxy.record(GROUP, &PLURALS).await;
    world.apply("EventRule", "r", rule("new")).await;
    let going = [("EventRule", "d"), ("EventRule", "x"), ("EventBus", &*y), ("EventSink", &*z)];
    for (kind, name) in going {
        world.delete(kind, name).await;
    }
    for (kind, name) in going {
        world.gone(kind, name).await;
    }
    let made = world.apply("EventRule", "x", rule("made anew")).await;
    world.ready("EventRule", "x").await;
    world.ready("EventRule", "r").await;
    uid(&made)
}

async fn stale(fixture: &mut Fixture, n: usize, restart: bool) -> Result<(), String> {
    let made = history(fixture, n).await;
    let (contents, mark) = (fixture.world.aws.contents().await, fixture.world.aws.mark().await);
    let reads = fixture.proxy.requests("get", "eventrules");
    if restart {
        fixture.world.stop().await;
    }
    for plural in PLURALS {
        fixture.proxy.fault("list", plural, 1, Fault::Recorded);
        // The watch that follows would bring the news at once.
        fixture.proxy.fault("watch", plural, 1, Fault::Delay(Duration::from_secs(3)));
    }
    if restart {
        fixture.run(with_timeouts(Timeouts { answer: Duration::from_secs(10), ..short_timeouts() }));
    } else {
        fixture.proxy.expire_watches();
    }
    // It acts on what it saw, and learns better: objects whose old copy would mean a write are read themselves.
    until("the operator reads the rule", || async { (fixture.proxy.requests("get", "eventrules") > reads).then_some(()) }).await;
    // News come through once the watches are answered.
    let world = &fixture.world;
    world.apply("EventRule", "fresh", rule(&format!("fresh {n}"))).await;
    visible(world, "fresh", &format!("fresh {n}"), BAR).await?;
    for name in ["r", "x", "fresh"] {
        world.ready("EventRule", name).await;
    }
    let own = format!("{}-fresh", world.namespace);
    let calls = world.aws.journal(mark).await.0;
    let wrong: Vec<_> = calls
        .iter()
        .filter(|call| call.is_write() && !call.request.to_string().contains(&own))
        .map(|call| format!("{} {}", call.op, call.request))
        .collect();
    if !wrong.is_empty() {
        return Err(format!("writes from old news: {wrong:?}"));
    }
    let mut after = world.aws.contents().await;
    after.retain(|name, _| !name.contains(&own));
    let mut before = contents;
    before.retain(|name, _| !name.contains(&own));
    if after != before {
        return Err(format!("AWS holds something else: {after:?} instead of {before:?}"));
    }
    let now = world.get("EventRule", "x").await.map(|object| uid(&object));
    if now == Some(made) { Ok(()) } else { Err(format!("x is another one: {now:?}")) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_from_a_stale_list() {
    let what = "Outdated lists at a restart and at a relist, with delayed watches: a changed spec, a deleted rule, bus and sink, a recreated rule: no AWS writes for old uids and old specs, nothing resurrected or deleted, changes are seen within 60 s.";
    let mut row = Row::new("K2-stale-list", what);
    let mut fixture = Fixture::new("stale", with_timeouts(short_timeouts())).await;
    fixture.world.aws.settings(json!({"queueDeletedSeconds": 0})).await;
    for n in 0..form(2, 30) {
        let restart = n % 2 == 0;
        let outcome = catch_panic(stale(&mut fixture, n, restart)).await;
        row.trial(outcome.map_err(|error| format!("{n}, {}: {error}", if restart { "restart" } else { "relist" })));
        fixture.proxy.clear();
    }
    row.end();
}

/// As `kubectl delete --force` with the finalizer taken away: gone from Kubernetes, left in AWS.
async fn tear_out(world: &World, name: &str) {
    let api = world.api("EventRule");
    api.delete(name, &DeleteParams::default()).await.unwrap();
    let patch = Patch::Merge(json!({"metadata": {"finalizers": []}}));
    match api.patch(name, &PatchParams::default(), &patch).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        answer => drop(answer.unwrap()),
    }
    world.gone("EventRule", name).await;
}

#[derive(Clone, Copy, Debug)]
enum Way {
    /// With the operator running, as soon as the old one is gone.
    Running,
    /// Deleted with the operator away, so that its finalizer is pending; it comes back, and the new one is made as soon as that is possible.
    Pending,
    /// Torn out and made anew with the operator away: it never saw the deletion.
    Away,
    /// The same while its watches are silent, which then expire: it sees both only in the next list.
    Blind,
}

async fn recreate(fixture: &mut Fixture, n: usize, way: Way) -> Result<(), String> {
    // Both have had one spec each, so that generations tell nothing.
    let (name, text) = (format!("k{n}x{}", way as u8), format!("{way:?} {n}"));
    fixture.world.apply("EventRule", &name, rule(&format!("before {text}"))).await;
    fixture.world.ready("EventRule", &name).await;
    let mark = fixture.world.aws.mark().await;
    match way {
        Way::Running => fixture.world.delete("EventRule", &name).await,
        Way::Pending => {
            fixture.world.stop().await;
            fixture.world.delete("EventRule", &name).await;
            fixture.run(with_timeouts(short_timeouts()));
        }
        Way::Away => {
            fixture.world.stop().await;
            tear_out(&fixture.world, &name).await;
        }
        Way::Blind => {
            fixture.proxy.stall_watches();
            tear_out(&fixture.world, &name).await;
        }
    }
    fixture.world.gone("EventRule", &name).await;
    fixture.world.apply("EventRule", &name, rule(&text)).await;
    match way {
        Way::Away => fixture.run(with_timeouts(short_timeouts())),
        Way::Blind => fixture.proxy.expire_watches(),
        Way::Running | Way::Pending => {}
    }
    visible(&fixture.world, &name, &text, BAR).await?;
    fixture.world.ready("EventRule", &name).await;
    let writes = fixture.world.aws.writes(mark).await;
    let (deletions, wanted) =
        (writes.iter().filter(|op| *op == "DeleteRule").count(), usize::from(matches!(way, Way::Running | Way::Pending)));
    if deletions != wanted {
        return Err(format!("{deletions} deletions, {wanted} wanted: {writes:?}"));
    }
    // The old one's end comes late or never; the new one stays.
    if description(&fixture.world, &name).await.as_deref() != Some(&text) {
        return Err("the new rule is gone again".into());
    }
    fixture.world.delete("EventRule", &name).await;
    fixture.world.gone("EventRule", &name).await;
    if description(&fixture.world, &name).await.is_some() { Err("the deleted rule stays".into()) } else { Ok(()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recreated_object_replaces_the_old_one() {
    let what = "A rule deleted and recreated under the same name, with the operator running, stopped with the finalizer pending, stopped with the object removed, with stalled and then expired watches: the new spec is in AWS within 60 s; the old rule is deleted at most once, and never afterwards.";
    let mut row = Row::new("K2-recreated", what);
    let mut fixture = Fixture::new("recreated", with_timeouts(short_timeouts())).await;
    for n in 0..form(1, 10) {
        for way in [Way::Running, Way::Pending, Way::Away, Way::Blind] {
            let outcome = catch_panic(recreate(&mut fixture, n, way)).await;
            row.trial(outcome.map_err(|error| format!("{n} {way:?}: {error}")));
        }
    }
    row.end();
}
