//! A lease that people annotate, delete, or assign to another holder.

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use tributary_testkit::until_within;

use super::fixture::{Fixture, Leader, TIME_LIMIT, now};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_another_client_changes_or_deletes_stays_with_its_leader() {
    let fixture = Fixture::new("touched", 2).await;
    let (leases, name) = (fixture.leases(), fixture.world.namespace.clone());
    let leader = fixture.leader().await.unwrap();
    let load = fixture.load();
    fixture.writes_of(&leader).await;
    let touch = Patch::Merge(json!({"metadata": {"annotations": {"touched": "by hand"}}}));
    let touched = leases.patch(&name, &PatchParams::default(), &touch).await.unwrap();
    let renewed = || async {
        let lease = leases.get(&name).await.unwrap();
        (lease.metadata.resource_version != touched.metadata.resource_version).then_some(lease)
    };
    let lease = until_within(TIME_LIMIT, "a renewal of the touched lease", renewed).await;
    assert_eq!(lease.metadata.annotations.unwrap()["touched"], "by hand");
    leases.delete(&name, &DeleteParams::default()).await.unwrap();
    let made = || async { leases.get_opt(&name).await.unwrap() };
    let again = until_within(TIME_LIMIT, "the lease is there again", made).await;
    assert_ne!(again.metadata.uid, touched.metadata.uid);
    assert_eq!(fixture.leader().await.unwrap(), leader, "the leader made it again; nobody else took the place of one that still writes");
    drop(load);
    fixture.settles().await;
    assert!(fixture.world.aws.journal(0).await.0.iter().all(|call| call.replica() == Some(&leader.name)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_lost_its_lease_steps_down_and_may_lead_again() {
    let fixture = Fixture::new("stolen", 1).await;
    let leases = fixture.leases();
    let old = fixture.leader().await.unwrap();
    let load = fixture.load();
    fixture.writes_of(&old).await;
    let rival = json!({"spec": {"holderIdentity": "rival_1", "leaseDurationSeconds": 1}});
    leases.patch(&fixture.world.namespace, &PatchParams::default(), &Patch::Merge(rival)).await.unwrap();
    let stands_by =
        || async { fixture.replica(&old.name).get("/readyz").await.filter(|(_, text)| text.contains("standby; rival_1")).map(drop) };
    until_within(TIME_LIMIT, "it stands by", stands_by).await;
    let (down, metrics) = (now(), fixture.replica(&old.name).get("/metrics").await.unwrap().1);
    for line in ["tributary_leader 0", "tributary_leases_lost_total 1"] {
        assert!(metrics.contains(line), "{metrics}");
    }
    assert!(!metrics.contains("tributary_objects{"), "only a leader tells of objects: {metrics}");
    // The rival never renews; after a lease of our own length it is ours again, with a new term that starts from nothing.
    let rival = Leader { name: "rival".into(), since: old.since };
    let again = fixture.next_leader(&rival).await.unwrap();
    let calls = fixture.world.aws.journal(0).await.0;
    let between: Vec<_> = calls.iter().filter(|call| call.start > down && call.start < again.since).map(|call| &call.op).collect();
    assert!(between.is_empty(), "called between the terms: {between:?}");
    fixture.writes_of(&again).await;
    drop(load);
    fixture.settles().await;
}
