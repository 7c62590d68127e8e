//! etcd is restored from an older backup, so that versions decrease; and wiped, with the same manifests applied again. In its own bed.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::json;
use tributary_testkit::{Bed, OPERATOR_NAMESPACE, OwnBed, Row, World, catch_panic, condition, form, product::Timeouts, until};

use crate::fixture::{apply_pipeline, description, rule, visible, with_timeouts};

const BAR: Duration = Duration::from_mins(1);
const ALL: [&str; 3] = ["kube-controller-manager", "kube-apiserver", "etcd"];

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(done.success());
}

/// Does this to etcd's data while nobody uses them.
fn at_rest(own: &OwnBed, work: impl FnOnce(&Path)) {
    own.kill(&ALL);
    work(&own.etcd());
    own.restart(&["etcd", "kube-apiserver", "kube-controller-manager"]);
}

async fn alive(world: &World) {
    until("the API server answers", || async { world.api("EventRule").list(&kube::api::ListParams::default()).await.ok() }).await;
}

/// Writes that make the versions of the present much higher than those of the backup.
async fn pass_time(world: &World) {
    let settings: Api<DynamicObject> = world.api_in(Some(&world.namespace), "v1", "ConfigMap");
    world.apply_in(Some(&world.namespace), "v1", "ConfigMap", "time", json!({"data": {}})).await;
    for n in 0..500 {
        let patch = Patch::Merge(json!({"data": {"n": n.to_string()}}));
        settings.patch("time", &PatchParams::default(), &patch).await.unwrap();
    }
}

/// The operator runs all along: it has seen a future that is undone.
async fn restore(own: &OwnBed, world: &World, n: usize) -> Result<(), String> {
    // A name of this trial: the backup knows nothing of it.
    let later = format!("later{n}");
    let kept = own.etcd().with_file_name(format!("backup-{n}"));
    world.apply("EventRule", "r", rule(&format!("kept {n}"))).await;
    world.ready("EventRule", "r").await;
    tokio::task::block_in_place(|| at_rest(own, |data| copy(data, &kept)));
    alive(world).await;
    pass_time(world).await;
    world.apply("EventRule", "r", rule(&format!("undone {n}"))).await;
    world.apply("EventRule", &later, rule(&format!("later {n}"))).await;
    visible(world, "r", &format!("undone {n}"), BAR).await?;
    world.ready("EventRule", &later).await;
    tokio::task::block_in_place(|| {
        at_rest(own, |data| {
            fs::remove_dir_all(data).unwrap();
            copy(&kept, data);
        });
    });
    alive(world).await;
    let mark = world.aws.mark().await;
    // What the backup says counts, and what is changed, made and deleted after it.
    visible(world, "r", &format!("kept {n}"), BAR).await.map_err(|error| format!("the backup's spec: {error}"))?;
    world.apply("EventRule", "r", rule(&format!("after {n}"))).await;
    world.apply("EventRule", "new", rule(&format!("new {n}"))).await;
    visible(world, "r", &format!("after {n}"), BAR).await.map_err(|error| format!("changed after: {error}"))?;
    visible(world, "new", &format!("new {n}"), BAR).await.map_err(|error| format!("made after: {error}"))?;
    world.ready("EventRule", "r").await;
    world.ready("EventRule", "new").await;
    world.delete("EventRule", "new").await;
    world.gone("EventRule", "new").await;
    // Nobody knows of the rule that was made after the backup: it stays as it is in AWS, and nothing is done to it.
    let name = format!("-{later}\"");
    let touched = world.aws.journal(mark).await.0.into_iter().find(|call| call.is_write() && call.request.to_string().contains(&name));
    if let Some(call) = touched {
        return Err(format!("{} for an object that is not there: {}", call.op, call.request));
    }
    if description(world, "new").await.is_some() || description(world, &later).await.as_deref() != Some(&format!("later {n}")) {
        return Err("a deleted rule stays, or one that nobody deleted is gone".into());
    }
    // It is taken back without a write when its manifest is applied again.
    let mark = world.aws.mark().await;
    world.apply("EventRule", &later, rule(&format!("later {n}"))).await;
    world.ready("EventRule", &later).await;
    let writes = world.aws.writes(mark).await;
    world.delete("EventRule", &later).await;
    world.gone("EventRule", &later).await;
    if writes.is_empty() { Ok(()) } else { Err(format!("writes for a rule that is there already: {writes:?}")) }
}

/// A new cluster with the same manifests: AWS is not written to.
async fn wipe(own: &OwnBed, world: &mut World, about: &Path) -> Result<(), String> {
    world.apply("EventRule", "r", rule("first")).await;
    visible(world, "r", "first", BAR).await?;
    world.ready("EventRule", "r").await;
    world.stop().await;
    let contents = world.aws.contents().await;
    tokio::task::block_in_place(|| at_rest(own, |data| fs::remove_dir_all(data).unwrap()));
    alive_anew(world).await;
    let bed = {
        let about = about.to_owned();
        tokio::task::spawn_blocking(move || Bed::install(&about)).await.unwrap()
    };
    let mark = world.aws.mark().await;
    world.apply_in(None, "v1", "Namespace", &world.namespace, json!({})).await;
    world.secret(&world.aws.account.clone()).await;
    world.apply_account(world.account_spec()).await;
    world.run_through(bed.operator().await, with_timeouts(Timeouts::default()));
    apply_pipeline(world).await;
    let moment = format!("{:?}", SystemTime::now());
    for (kind, name) in [("EventBus", "b"), ("EventSink", "q"), ("EventRule", "r")] {
        world.annotate(kind, name, "tributary.dev/reconcile-at", Some(&moment)).await;
        let looked = |object: Option<&DynamicObject>| {
            let object = object?;
            (object.data["status"]["lastHandledReconcileAt"] == moment.as_str() && condition(object, "Ready")?.0 == "True").then_some(())
        };
        world.wait(kind, name, "looked at closely", looked).await;
    }
    let writes = world.aws.writes(mark).await;
    if !writes.is_empty() {
        return Err(format!("writes after the wipe: {writes:?}"));
    }
    if world.aws.contents().await == contents { Ok(()) } else { Err("AWS holds something else than before".into()) }
}

async fn alive_anew(world: &World) {
    let namespaces = || async { world.api_in(None, "v1", "Namespace").get_opt("default").await.ok().flatten() };
    until("the namespaces of a new cluster", namespaces).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_or_wiped_etcd_is_followed() {
    let what = "etcd restored from a backup that lacks 500 and more writes, operator running, no relists: the spec of the backup, and later changes, are in AWS within 60 s; then etcd wiped and the same manifests applied: no AWS writes.";
    let mut row = Row::new("K3-etcd-restored", what);
    let own = tokio::task::spawn_blocking(|| OwnBed::start("restored")).await.unwrap();
    let mut world = World::empty_in(&own.bed, "restored").await;
    world.run(with_timeouts(Timeouts { list: Duration::from_hours(24), ..Timeouts::default() })).await;
    apply_pipeline(&world).await;
    assert!(world.api_in(Some(OPERATOR_NAMESPACE), "v1", "Secret").get_opt(&format!("keys-{}", world.namespace)).await.unwrap().is_some());
    for n in 0..form(1, 5) {
        row.trial(catch_panic(restore(&own, &world, n)).await.map_err(|error| format!("restored {n}: {error}")));
    }
    let about = own.etcd().with_file_name("bed.json");
    row.trial(catch_panic(wipe(&own, &mut world, &about)).await.map_err(|error| format!("wiped: {error}")));
    row.end();
    world.stop().await;
}
