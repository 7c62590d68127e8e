//! `tributary backfill` as a process: every event of the window arrives once, despite refusals and kills.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};
use tributary_testkit::{Benchling, REGION, World, all_ready, aws_name};

struct Rig {
    world: World,
    benchling: Benchling,
    app: Value,
    checkpoint: PathBuf,
}

impl Rig {
    /// A tenant with so many events of a second each, a bus, and a rule by the `benchling:` shorthand to a queue.
    async fn new(name: &str, events: usize) -> Self {
        let world = World::start(name).await;
        let benchling = Benchling::of(&world);
        let checkpoint = std::env::temp_dir().join(format!("backfill-{}.json", world.namespace));
        let _ = std::fs::remove_file(&checkpoint);
        let app = benchling.app(json!({})).await;
        benchling.control("events", json!({"count": events, "from": "2026-11-20T00:00:00Z"})).await;
        let rig = Self { world, benchling, app, checkpoint };
        let world = &rig.world;
        world.apply("EventBus", "b", json!({})).await;
        world.apply("EventSink", "q", json!({"sqs": {"managed": {}}})).await;
        let targets = json!([{"name": "q", "sinkRef": {"name": "q"}}]);
        let shorthand = json!({"eventTypes": ["v2.entity.registered"], "schemas": {"names": ["Plasmid"]}});
        world.apply("EventRule", "r", json!({"busRef": {"name": "b"}, "benchling": shorthand, "targets": targets})).await;
        all_ready(world, &[("EventBus", "b"), ("EventSink", "q"), ("EventRule", "r")]).await;
        rig
    }

    fn spawn(&self, flags: &[&str], secret: &str) -> Child {
        let url = self.benchling.urls().tenant;
        Command::new(tributary_testkit::executable())
            .args(["backfill", "--tenant", &self.benchling.tenant, "--benchling-url", &url, "--region", REGION])
            .args(["--endpoint-url", &self.world.aws.endpoint, "--from", "2026-11-20T00:00:00Z", "--output", "json"])
            .args(flags)
            .envs([
                ("AWS_ACCESS_KEY_ID", self.world.aws.account.as_str()),
                ("AWS_SECRET_ACCESS_KEY", "canary-7Qm2"),
                ("AWS_EC2_METADATA_DISABLED", "true"),
                ("BENCHLING_CLIENT_ID", self.app["clientId"].as_str().unwrap()),
                ("BENCHLING_CLIENT_SECRET", secret),
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn run(&self, flags: &[&str]) -> (bool, Value, String) {
        let Output { status, stdout, stderr } = self.spawn(flags, self.app["clientSecret"].as_str().unwrap()).wait_with_output().unwrap();
        (status.success(), serde_json::from_slice(&stdout).unwrap_or_default(), String::from_utf8(stderr).unwrap())
    }

    /// Flags of a run to the bus, with a checkpoint.
    fn to_bus<'a>(&'a self, bus: &'a str) -> Vec<&'a str> {
        vec!["--bus", bus, "--checkpoint", self.checkpoint.to_str().unwrap()]
    }

    /// How often each event was accepted by AWS, by its id.
    async fn accepted(&self) -> BTreeMap<String, usize> {
        let mut all = BTreeMap::new();
        for call in self.world.aws.journal(0).await.0.into_iter().filter(|call| call.op == "PutEvents" && call.status == Some(200)) {
            for entry in call.request["Entries"].as_array().unwrap() {
                let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
                *all.entry(detail["id"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
        all
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_events_of_a_window_arrive_once_despite_a_rejected_call() {
    let rig = Rig::new("backfill", 230).await;
    let bus = aws_name(&rig.world, "b");
    let mut flags = rig.to_bus(&bus);
    flags.extend(["--until", "2026-11-20T00:03:19Z"]);
    let (ok, dry, err) = rig.run(&[flags.as_slice(), &["--dry-run"]].concat());
    assert!(ok, "{err}");
    assert_eq!((&dry["counts"]["sent"], &dry["counts"]["listed"], &dry["dryRun"]), (&json!(200), &json!(230), &json!(true)));
    assert!(rig.accepted().await.is_empty() && !rig.checkpoint.exists());
    // Benchling refuses two requests as too many, and AWS the seventh call for good.
    rig.benchling.own_fault("/api/v2/events", json!({"status": 429, "times": 2})).await;
    rig.world
        .aws
        .faults(json!([{"match": "events.PutEvents", "kind": "error", "status": 400, "code": "AccessDeniedException", "message": "no", "after": 6, "times": 1}]))
        .await;
    let (ok, said, err) = rig.run(&flags);
    assert!(!ok && err.contains("10 events") && err.contains("goes on from"), "{err}");
    assert_eq!((said["refused"].as_array().unwrap().len(), &said["complete"]), (10, &json!(false)), "{said}");
    let (ok, said, err) = rig.run(&flags);
    assert!(ok, "{err}");
    assert_eq!((&said["counts"]["sent"], &said["counts"]["alreadySeen"], &said["complete"]), (&json!(200), &json!(0), &json!(true)));
    let accepted = rig.accepted().await;
    assert_eq!((accepted.len(), accepted.values().max()), (200, Some(&1)));
    let received = rig.world.aws.receive(&aws_name(&rig.world, "q")).await;
    let source = format!("benchling.backfill/{}", rig.benchling.tenant);
    assert!(
        received.iter().all(|event| event["source"] == source.as_str() && event["detail"]["schema"]["name"] == "Plasmid"),
        "{received:?}"
    );
    assert!(!received.is_empty());
    // Again: there is nothing left to do, and another run is not taken for this one.
    let mark = rig.world.aws.mark().await;
    let (ok, ..) = rig.run(&flags);
    assert!(ok && rig.world.aws.calls(mark).await.iter().all(|call| call != "events:PutEvents"));
    let (ok, _, err) = rig.run(&[rig.to_bus(&bus).as_slice(), &["--until", "2026-11-20T00:01:00Z"]].concat());
    assert!(!ok && err.contains("another run"), "{err}");
    std::fs::remove_file(&rig.checkpoint).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_run_loses_nothing_and_repeats_at_most_one_call() {
    let rig = Rig::new("backfill-kill", 300).await;
    let bus = aws_name(&rig.world, "b");
    for calls in [3, 14] {
        let mut child = rig.spawn(&rig.to_bus(&bus), rig.app["clientSecret"].as_str().unwrap());
        let far =
            || async { (rig.world.aws.calls(0).await.iter().filter(|call| *call == "events:PutEvents").count() >= calls).then_some(()) };
        rig.world.aws.until("some calls", far).await;
        // Too late is no matter: then there is nothing to go on with.
        let _ = child.kill();
        child.wait().unwrap();
    }
    let (ok, said, err) = rig.run(&rig.to_bus(&bus));
    assert!(ok && said["complete"] == true, "{err}");
    let accepted = rig.accepted().await;
    assert_eq!(accepted.len(), 300);
    let twice = accepted.values().filter(|count| **count > 1).count();
    assert!(twice <= 20 && accepted.values().all(|count| *count <= 3), "two kills, a call each: {twice}");
    std::fs::remove_file(&rig.checkpoint).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_flags_are_reported_before_anything_is_sent() {
    let rig = Rig::new("backfill-no", 3).await;
    let bus = aws_name(&rig.world, "b");
    for (flags, word) in [
        (vec!["--bus", "aws.partner/benchling.com/acme/app"], "partner"),
        (vec!["--bus", "nobodys"], "event bus nobodys not found"),
        (vec!["--bus", &bus, "--until", "2026-11-19T00:00:00Z"], "--from must be before --until"),
        (vec!["--bus", &bus, "--source", "aws.mine"], "aws."),
        (vec!["--bus", &bus, "--seen", "/nowhere"], "--seen /nowhere"),
    ] {
        let (ok, _, err) = rig.run(&flags);
        assert!(!ok && err.contains(word), "{flags:?}: {err}");
    }
    let wrong = rig.spawn(&["--bus", &bus], "canary-Secret9").wait_with_output().unwrap();
    let err = String::from_utf8(wrong.stderr).unwrap();
    assert!(!wrong.status.success() && err.contains("client") && !err.contains("canary-Secret9"), "{err}");
    // What arrived already is skipped.
    let seen = std::env::temp_dir().join(format!("seen-{}", rig.world.namespace));
    std::fs::write(&seen, "evt_1\n").unwrap();
    let (ok, said, err) = rig.run(&["--bus", &bus, "--seen", seen.to_str().unwrap()]);
    std::fs::remove_file(&seen).unwrap();
    assert!(ok, "{err}");
    assert_eq!((&said["counts"]["sent"], &said["counts"]["alreadySeen"]), (&json!(2), &json!(1)));
    assert_eq!(rig.accepted().await.into_keys().collect::<Vec<_>>(), ["evt_0", "evt_2"]);
}
