//! Rivals with wrong clocks: the test holds the lease itself and writes times of another hour. Only the replica's own clock may count.

use std::time::Duration;

use futures::{StreamExt, stream};
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::{SignedDuration, Timestamp},
};
use kube::api::{ObjectMeta, PostParams};
use tributary_testkit::{Row, World, catch_panic, form, seed};

use super::fixture::{Fixture, now};

/// The lease as a rival writes it whose clock is off by so much.
fn theirs(world: &World, before: Option<Lease>, skew: SignedDuration) -> Lease {
    let time = MicroTime(Timestamp::now() + skew);
    let metadata =
        before.map_or_else(|| ObjectMeta { name: Some(world.namespace.clone()), ..ObjectMeta::default() }, |lease| lease.metadata);
    let spec = LeaseSpec {
        holder_identity: Some("rival_1".into()),
        lease_duration_seconds: Some(15),
        acquire_time: Some(time.clone()),
        renew_time: Some(time),
        ..LeaseSpec::default()
    };
    Lease { metadata, spec: Some(spec) }
}

/// Seconds from the rival's last renewal to the replica's lease.
async fn trial(n: usize) -> Result<f64, String> {
    let mut random = fastrand::Rng::with_seed(seed() + n as u64);
    // An hour back, an hour ahead, and everything between.
    let skew = SignedDuration::from_secs(random.i64(-3600..=3600));
    let mut fixture = Fixture::empty("rival").await;
    let leases = fixture.leases();
    let mut lease = leases.create(&PostParams::default(), &theirs(&fixture.world, None, skew)).await.unwrap();
    for name in ["r0", "r1"] {
        fixture.join(name).await;
    }
    let load = fixture.load();
    // Longer than the lease: whoever believes the times in it has taken it by then.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let renewed = theirs(&fixture.world, Some(lease), skew);
        lease = leases
            .replace(&fixture.world.namespace, &PostParams::default(), &renewed)
            .await
            .map_err(|error| format!("skew {skew:?}: taken from a rival that renews: {error}"))?;
    }
    let last = now();
    let calls = fixture.world.aws.calls(0).await;
    if !calls.is_empty() {
        return Err(format!("skew {skew:?}: calls while the rival leads: {calls:?}"));
    }
    let before = super::fixture::Leader { name: "rival".into(), since: 0.0 };
    let new = fixture.next_leader(&before).await?;
    if new.since < last + 14.5 {
        return Err(format!("skew {skew:?}: taken {:.1} s after the last renewal; the lease is 15 s", new.since - last));
    }
    fixture.writes_of(&new).await;
    drop(load);
    fixture.settles().await;
    Ok(new.since - last)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timestamps_of_others_do_not_decide_who_leads() {
    let mut row = Row::new(
        "L1-skewed",
        "Another holder renews the lease with timestamps up to an hour off: no AWS call while it renews; takeover no earlier than one lease duration after its last renewal.",
    );
    let outcomes: Vec<_> = stream::iter(0..form(3, 50)).map(|n| catch_panic(trial(n))).buffer_unordered(8).collect().await;
    let slowest = outcomes.iter().flatten().copied().fold(0.0, f64::max);
    row.figure("slowest takeover after the last renewal, s", (slowest * 100.0).round() / 100.0);
    for outcome in outcomes {
        row.trial(outcome.map(drop));
    }
    row.end();
}
