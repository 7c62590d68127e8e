//! The API server is killed and restarted, in its own bed.

use std::time::{Duration, Instant};

use kube::api::DynamicObject;
use tributary_testkit::{OwnBed, Row, World, catch_panic, form, product::Timeouts, until};

use crate::fixture::{apply_pipeline, nothing_repeated, rule, visible, with_timeouts};

const BAR: Duration = Duration::from_mins(1);

/// `kubectl apply`, again and again until somebody answers.
async fn insist(world: &World, text: &str) {
    let apply = || async { world.attempt("EventRule", "r", rule(text)).await.ok() };
    let _: DynamicObject = until("the API server takes the change", apply).await;
}

/// A change in the last moment before, another as soon as it answers again. Gives the seconds from then until it is in AWS.
async fn kill(own: &OwnBed, world: &World, n: usize, away: Duration) -> Result<f64, String> {
    let mark = world.aws.mark().await;
    let (before, after) = (format!("before {n}"), format!("after {n}"));
    world.apply("EventRule", "r", rule(&before)).await;
    // Somewhere in the pass that this change starts.
    tokio::time::sleep(Duration::from_millis(n as u64 * 13 % 100)).await;
    tokio::task::block_in_place(|| own.kill(&["kube-apiserver"]));
    tokio::time::sleep(away).await;
    tokio::task::block_in_place(|| own.restart(&["kube-apiserver"]));
    let back = Instant::now();
    // Every other time nothing is changed afterwards: what came in the last moment must not need a push.
    let text = if n.is_multiple_of(2) { &before } else { &after };
    if n % 2 == 1 {
        insist(world, &after).await;
    }
    visible(world, "r", text, BAR).await?;
    let seconds = back.elapsed().as_secs_f64();
    world.ready("EventRule", "r").await;
    nothing_repeated(world, mark).await.map(|()| seconds)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_api_server_is_reconnected() {
    let what = "SIGKILL of the API server up to 100 ms after a change, downtime, restart: that change, or one made after the restart, is in AWS within 60 s; no PutRule is repeated. No relists.";
    let mut row = Row::new("K1-killed", what);
    let own = tokio::task::spawn_blocking(|| OwnBed::start("killed")).await.unwrap();
    let mut world = World::empty_in(&own.bed, "killed").await;
    world.run(with_timeouts(Timeouts { list: Duration::from_hours(24), ..Timeouts::default() })).await;
    apply_pipeline(&world).await;
    let (mut slowest, trials) = (0_f64, form(2, 10));
    for n in 0..trials {
        let away = Duration::from_secs(form(1, [1, 5, 15, 30][n % 4]));
        let outcome = catch_panic(kill(&own, &world, n, away)).await;
        slowest = slowest.max(*outcome.as_ref().unwrap_or(&0.0));
        row.trial(outcome.map(drop).map_err(|error| format!("{n}: {error}")));
    }
    row.figure("slowest change after the restart, s", slowest);
    row.figure("longest downtime, s", form(1, 30));
    row.end();
    world.stop().await;
}
