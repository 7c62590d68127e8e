//! Watches that end, expire, stall, or lose, repeat and reorder events: every change of a spec is applied.

use std::time::Duration;

use serde_json::json;
use tributary_testkit::{Fault, Mangle, Row, catch_panic, form, product::Timeouts, seed, until};

use crate::fixture::{Fixture, PLURALS, nothing_repeated, rule, visible, with_timeouts};

const BAR: Duration = Duration::from_mins(1);

/// Only what the row is of brings a change to light: lists are not repeated meanwhile.
fn no_relist() -> Timeouts {
    Timeouts { list: Duration::from_hours(24), ..Timeouts::default() }
}

/// The watches run: each was requested after `before`.
async fn requested_again(fixture: &Fixture, verb: &str, before: usize) {
    until("the rules are requested again", || async { (fixture.proxy.requests(verb, "eventrules") > before).then_some(()) }).await;
}

#[derive(Clone, Copy, Debug)]
enum Way {
    /// The connection breaks; the watch goes on where it was.
    Broken,
    /// An ERROR event of code 410 in the stream, after a compaction.
    Expired,
    /// The same, as the HTTP status of the next watch; some API servers and proxies answer so.
    Gone,
    /// A watch is refused for a while.
    Unavailable,
}

async fn broken(fixture: &Fixture, way: Way, n: usize) -> Result<f64, String> {
    let (world, proxy) = (&fixture.world, &fixture.proxy);
    let mark = world.aws.mark().await;
    let watches = proxy.requests("watch", "eventrules");
    if let Way::Gone | Way::Unavailable = way {
        for plural in PLURALS {
            match way {
                // Until the client lists again: a watch from the same version is rejected each time.
                Way::Gone => proxy.fault_until_listed(plural, Fault::Answer(410, "Expired")),
                _ => proxy.fault("watch", plural, 2, Fault::Answer(503, "ServiceUnavailable")),
            }
        }
    }
    // One change before it, which may or may not have been delivered, and one after.
    let (a, b) = (format!("a{n}"), format!("b{n}"));
    world.apply("EventRule", "r", rule(&a)).await;
    if let Way::Expired = way {
        proxy.expire_watches();
    } else {
        proxy.break_watches();
    }
    requested_again(fixture, "watch", watches).await;
    world.apply("EventRule", "r", rule(&b)).await;
    let seconds = visible(world, "r", &b, BAR).await?;
    world.ready("EventRule", "r").await;
    nothing_repeated(world, mark).await.map(|()| seconds)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_breaks_or_expires_misses_nothing() {
    let what = "Watches broken, ended by an ERROR event of 410, by HTTP 410, by HTTP 503: the changes before and after are seen within 60 s; no PutRule is repeated.";
    let mut row = Row::new("K1-watch-410", what);
    let fixture = Fixture::new("expired", with_timeouts(no_relist())).await;
    let mut slowest = 0_f64;
    for n in 0..form(1, 13) {
        for way in [Way::Broken, Way::Expired, Way::Gone, Way::Unavailable] {
            let outcome = catch_panic(broken(&fixture, way, n * 4 + way as usize)).await;
            slowest = slowest.max(*outcome.as_ref().unwrap_or(&0.0));
            row.trial(outcome.map(drop).map_err(|error| format!("{n} {way:?}: {error}")));
            fixture.proxy.clear();
        }
    }
    row.figure("slowest change, s", slowest);
    row.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_watch_times_out() {
    let what = "Running watches stay open and deliver nothing; watch timeout 1 s (product: 200 s), no relists: a change is seen within timeout + 5 s + 60 s.";
    let mut row = Row::new("K1-watch-stalls", what);
    let patience = Timeouts { watch: Duration::from_secs(1), ..no_relist() };
    let fixture = Fixture::new("stalled", with_timeouts(patience)).await;
    let mut slowest = 0_f64;
    for n in 0..form(1, 10) {
        fixture.proxy.stall_watches();
        let text = format!("s{n}");
        fixture.world.apply("EventRule", "r", rule(&text)).await;
        let outcome = catch_panic(visible(&fixture.world, "r", &text, BAR)).await;
        slowest = slowest.max(*outcome.as_ref().unwrap_or(&0.0));
        row.trial(outcome.map(drop));
    }
    row.figure("slowest change, s", slowest);
    row.figure("timeout of the product, s", Timeouts::default().watch.as_secs() + 5);
    row.end();
    assert!(Timeouts::default().watch + Duration::from_secs(5) + BAR <= Duration::from_mins(5), "the product's own bar");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_without_a_response_times_out() {
    let what = "Lists, watches and status writes without a response, and a network partition; response timeout 1 s (product: 30 s): a later change is seen within 60 s.";
    let mut row = Row::new("K1-silence", what);
    let patience = Timeouts { answer: Duration::from_secs(1), watch: Duration::from_secs(1), list: Duration::from_secs(4) };
    let fixture = Fixture::new("unanswered", with_timeouts(patience)).await;
    let mut slowest = 0_f64;
    for n in 0..form(1, 5) {
        for (verb, plural) in [("list", "eventrules"), ("watch", "eventrules"), ("patch", "eventrules"), ("", "")] {
            let text = format!("{verb}{n}");
            if verb.is_empty() {
                fixture.proxy.cut();
                fixture.world.apply("EventRule", "r", rule(&text)).await;
                tokio::time::sleep(Duration::from_secs(2)).await;
                fixture.proxy.mend();
            } else {
                let before = fixture.proxy.requests(verb, plural);
                fixture.proxy.fault(verb, plural, 1, Fault::Silence);
                fixture.proxy.break_watches();
                fixture.world.apply("EventRule", "r", rule(&text)).await;
                requested_again_of(&fixture, verb, plural, before).await;
            }
            let outcome = catch_panic(visible(&fixture.world, "r", &text, BAR)).await;
            slowest = slowest.max(*outcome.as_ref().unwrap_or(&0.0));
            row.trial(outcome.map(drop).map_err(|error| format!("{n} {verb}: {error}")));
            fixture.world.ready("EventRule", "r").await;
            fixture.proxy.clear();
        }
    }
    row.figure("slowest change, s", slowest);
    row.end();
}

async fn requested_again_of(fixture: &Fixture, verb: &str, plural: &str, before: usize) {
    until("the request arrives", || async { (fixture.proxy.requests(verb, plural) > before).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_doubled_and_swapped_events_are_repaired() {
    let what = "All watch events of rules lost once; then 25 % each of the events of rules or sinks lost, duplicated, reordered; relist every 2 s (product: 5 min): the latest spec is in AWS within 60 s, and deleted objects are gone.";
    let mut row = Row::new("K1-events", what);
    let patience = Timeouts { list: Duration::from_secs(2), ..Timeouts::default() };
    let fixture = Fixture::new("events", with_timeouts(patience)).await;
    let (world, proxy) = (&fixture.world, &fixture.proxy);
    let (mut slowest, mut mangled) = (0_f64, 0);
    for n in 0..form(4_u64, 50) {
        let plural = if n % 4 == 3 { "eventsinks" } else { "eventrules" };
        // The first of all loses everything: only the next list tells.
        let chances = if n == 0 { (1.0, 0.0, 0.0) } else { (0.25, 0.25, 0.25) };
        proxy.mangle(Some(Mangle::new(plural, seed() + n, chances)));
        proxy.break_watches();
        let name = format!("e{}", n % 3);
        let trial = async {
            for k in 0..5 {
                world.apply("EventRule", &name, rule(&format!("{n}.{k}"))).await;
                world
                    .apply("EventSink", "q", json!({"sqs": {"managed": {"visibilityTimeoutSeconds": 30 + k}}, "deletionPolicy": "Delete"}))
                    .await;
            }
            let seconds = visible(world, &name, &format!("{n}.4"), BAR).await?;
            world.ready("EventRule", &name).await;
            world.ready("EventSink", "q").await;
            if n % 2 == 1 {
                world.delete("EventRule", &name).await;
                world.gone("EventRule", &name).await;
                if world.aws.rule(&format!("{}-b", world.namespace), &format!("{}-{name}", world.namespace)).await.is_some() {
                    return Err("the deleted rule is still in AWS".into());
                }
            }
            Ok(seconds)
        };
        let outcome = catch_panic(trial).await;
        mangled += proxy.mangled();
        slowest = slowest.max(*outcome.as_ref().unwrap_or(&0.0));
        row.trial(outcome.map(drop).map_err(|error| format!("{n}: {error}")));
        proxy.clear();
    }
    row.figure("slowest change, s", slowest);
    row.figure("events mangled", mangled);
    row.end();
    assert!(mangled > 0, "nothing was injected");
}
