//! Benchmark, part 4: the phases, one after the other, each from a fresh start of the operator: create, floor, resyncs, delete; then all
//! of it once more with the token bucket on and a stand-in that throttles.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    Result,
    audit::Requests,
    cluster::Cluster,
    figures::{Report, count, rounded},
    floor::{self, Times},
    objects,
    operator::{Operator, Usage},
    perfect::{self, Measured, ratio},
    plan,
    ready::Rules,
    say,
    settings::Settings,
    standin::{Log, Options, Service, StandIn},
};

/// Long enough that none happens.
const NEVER: &str = "1000000";

/// What happened from the start of the operator until the end of a phase.
struct Phase {
    wall: Duration,
    usage: Usage,
    started: Instant,
    calls: Log,
    requests: Requests,
    /// What the API server and etcd used meanwhile.
    control_plane: Duration,
}

impl Phase {
    fn json(&self) -> Value {
        let events = self.calls.of(Service::Events);
        let spans = ["ListRules", "CreateEventBus", "PutRule", "PutTargets", "RemoveTargets", "DeleteRule", "DeleteEventBus"]
            .into_iter()
            .filter_map(|op| events.span(op, self.started).map(|(first, last)| (op.to_owned(), json!([rounded(first), rounded(last)]))));
        json!({
            "wallSeconds": rounded(self.wall.as_secs_f64()),
            "cpuSeconds": rounded(self.usage.cpu.as_secs_f64()),
            "peakRssMiB": rounded(self.usage.peak_rss_mib),
            "anonymousMiB": rounded(self.usage.anonymous_mib),
            "fileMiB": rounded(self.usage.file_mib),
            "controlPlaneCpuSeconds": rounded(self.control_plane.as_secs_f64()),
            "firstAndLastCallSeconds": spans.collect::<serde_json::Map<_, _>>(),
            "mostInFlight": events.most_in_flight(),
            "events": events.by_operation(),
            "sqs": self.calls.of(Service::Sqs).by_operation(),
            "sts": self.calls.of(Service::Sts).by_operation(),
            "kubernetes": self.requests.json(),
        })
    }
}

fn flags(pairs: &[(&str, &str)]) -> Vec<String> {
    pairs.iter().flat_map(|(name, value)| [format!("--{name}"), (*value).to_owned()]).collect()
}

/// Starts the operator on what is in the API server, and waits until all of it is Ready.
async fn create(cluster: &Cluster, standin: &StandIn, settings: &Settings, name: &str, flags: &[String]) -> Result<Phase> {
    let rules = Rules::shall(&cluster.admin, false).await?;
    let (mark, before) = (cluster.audit.mark()?, cluster.cpu()?);
    let mut operator = Operator::start(cluster, name, &settings.log, flags)?;
    rules.wait().await?;
    let (wall, usage, control_plane) = (operator.started.elapsed(), operator.usage()?, cluster.cpu()?.saturating_sub(before));
    let started = operator.started;
    operator.stop().await?;
    let calls = standin.log().between(started, Instant::now());
    Ok(Phase { wall, usage, started, calls, requests: cluster.audit.since(mark)?, control_plane })
}

/// Starts the operator, deletes everything, and waits until all of it is gone.
async fn delete(cluster: &Cluster, standin: &StandIn, settings: &Settings, name: &str, flags: &[String]) -> Result<Phase> {
    let rules = Rules::shall(&cluster.admin, true).await?;
    let mut operator = Operator::start(cluster, name, &settings.log, flags)?;
    // What a start costs is no part of a deletion.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (mark, before, own, started) = (cluster.audit.mark()?, cluster.cpu()?, operator.usage()?.cpu, Instant::now());
    objects::delete(&cluster.admin).await?;
    rules.wait().await?;
    let (wall, after, control_plane) = (started.elapsed(), operator.usage()?, cluster.cpu()?.saturating_sub(before));
    let usage = Usage { cpu: after.cpu.saturating_sub(own), ..after };
    operator.stop().await?;
    let calls = standin.log().between(started, Instant::now());
    Ok(Phase { wall, usage, started, calls, requests: cluster.audit.since(mark)?, control_plane })
}

/// Lets `resyncs` resyncs go by on what is in sync; half a period before the first is left to the start.
async fn resync(
    cluster: &Cluster,
    standin: &StandIn,
    settings: &Settings,
    name: &str,
    full: &str,
    (period, resyncs): (u32, u32),
) -> Result<Phase> {
    let (in_flight, seconds) = (settings.in_flight.to_string(), period.to_string());
    let flags = flags(&[("quota", "0"), ("aws-in-flight", &in_flight), ("resync-seconds", &seconds), ("full-resync-seconds", full)]);
    let mut operator = Operator::start(cluster, name, &settings.log, &flags)?;
    let period = Duration::from_secs(period.into());
    let from = operator.started + period / 2;
    tokio::time::sleep_until(from.into()).await;
    let (mark, before, control_plane) = (cluster.audit.mark()?, operator.usage()?, cluster.cpu()?);
    tokio::time::sleep_until((from + period * resyncs).into()).await;
    let after = operator.usage()?;
    let (requests, control_plane) = (cluster.audit.since(mark)?, cluster.cpu()?.saturating_sub(control_plane));
    operator.stop().await?;
    let calls = standin.log().between(from, from + period * resyncs);
    let usage = Usage { cpu: after.cpu.saturating_sub(before.cpu), ..after };
    Ok(Phase { wall: period * resyncs, usage, started: from, calls, requests, control_plane })
}

/// What creating and deleting take at least.
#[derive(Clone, Copy)]
struct Floors {
    /// The AWS calls alone.
    calls: Times,
    /// Those and the writes to Kubernetes.
    perfect: Measured,
}

impl Floors {
    async fn measure(cluster: &Cluster, settings: &Settings, made: &StandIn, options: Options, report: &mut Report) -> Result<Self> {
        say("floor: the same writes through the AWS SDK");
        let (fresh, contents) = (StandIn::start(options).await?, made.contents());
        let calls = floor::run(&fresh, &contents, settings.in_flight).await?;
        say("floor: the same with two writes and an Event for each rule, through the API server");
        let another = StandIn::start(options).await?;
        let perfect = perfect::run(cluster, &another, &contents, settings.in_flight)?;
        let json = |times: Times, standin: &StandIn| {
            let (create, delete) = (rounded(times.create.as_secs_f64()), rounded(times.delete.as_secs_f64()));
            json!({"createSeconds": create, "deleteSeconds": delete, "mostInFlight": standin.log().most_in_flight()})
        };
        report.detail("floor", json(calls, &fresh));
        report.detail("perfectOperator", json(perfect.wall, &another));
        Ok(Self { calls, perfect })
    }
}

/// Figures of a phase beside its floors.
fn report_floors(done: &str, wall: Duration, floors: (Duration, Duration), aims: (f64, Option<f64>), report: &mut Report) {
    report.figure(format!("wall time until all {done}, as a ratio to a perfect operator"), ratio(wall, floors.1), "", Some(aims.0));
    report.figure(format!("wall time until all {done}, as a ratio to the AWS calls alone"), ratio(wall, floors.0), "", aims.1);
    report.figure(format!("  wall time until all {done}"), wall.as_secs_f64(), "s", None);
    report.figure("  floor of a perfect operator: the same AWS calls, two writes and an Event", floors.1.as_secs_f64(), "s", None);
    report.figure("  floor of the AWS calls alone, as many in flight", floors.0.as_secs_f64(), "s", None);
}

fn report_created(created: &Phase, floors: Floors, rules: f64, report: &mut Report) {
    report_floors("Ready", created.wall, (floors.calls.create, floors.perfect.wall.create), (1.15, Some(1.3)), report);
    let events = created.calls.of(Service::Events);
    report.figure("EventBridge calls per rule created", count(events.len()) / rules, "", Some(2.1));
    report.figure("  calls to other services, all in all", count(created.calls.len() - events.len()), "", None);
    report.figure("Kubernetes requests per rule created", count(created.requests.total()) / rules, "", Some(3.05));
    report.figure("CPU per rule created", created.usage.cpu.as_secs_f64() * 1_000.0 / rules, "ms", Some(1.2));
    let perfect = floors.perfect.cpu.create.as_secs_f64() * 1_000.0 / rules;
    report.figure("  CPU of a perfect operator per rule created", perfect, "ms", None);
    let control_plane = created.control_plane.as_secs_f64() * 1_000.0 / rules;
    report.figure("  CPU of the API server and etcd per rule created", control_plane, "ms", None);
    report.detail("create", created.json());
}

fn report_deleted(deleted: &Phase, floors: Floors, rules: f64, report: &mut Report) {
    report_floors("is gone", deleted.wall, (floors.calls.delete, floors.perfect.wall.delete), (1.3, None), report);
    report.figure("EventBridge calls per rule deleted", count(deleted.calls.of(Service::Events).len()) / rules, "", Some(2.1));
    report.figure("Kubernetes requests per rule deleted", count(deleted.requests.total()) / rules, "", Some(2.1));
    report.figure("CPU per rule deleted", deleted.usage.cpu.as_secs_f64() * 1_000.0 / rules, "ms", Some(2.0));
    let perfect = floors.perfect.cpu.delete.as_secs_f64() * 1_000.0 / rules;
    report.figure("  CPU of a perfect operator per rule deleted", perfect, "ms", None);
    let control_plane = deleted.control_plane.as_secs_f64() * 1_000.0 / rules;
    report.figure("  CPU of the API server and etcd per rule deleted", control_plane, "ms", None);
    report.detail("delete", deleted.json());
}

pub async fn without_bucket(cluster: &Cluster, settings: &Settings, report: &mut Report) -> Result<()> {
    let rules = count(settings.rules);
    let options = Options { latency: settings.latency, throttle: None };
    let standin = StandIn::start(options).await?;
    say(&format!("writing {} rules into the API server", settings.rules));
    objects::create(&cluster.admin, settings.rules, &standin.url).await?;
    say("create: the operator, until all is Ready");
    let in_flight = settings.in_flight.to_string();
    let quiet = flags(&[("quota", "0"), ("aws-in-flight", &in_flight), ("resync-seconds", NEVER), ("full-resync-seconds", NEVER)]);
    let created = create(cluster, &standin, settings, "create", &quiet).await?;
    let floors = Floors::measure(cluster, settings, &standin, options, report).await?;
    report_created(&created, floors, rules, report);

    let long = settings.rules > 200;
    let quick = if long { (10, 3) } else { (4, 2) };
    say(&format!("quick resyncs: {} of them, {} s apart", quick.1, quick.0));
    let quick_swept = resync(cluster, &standin, settings, "quick", NEVER, quick).await?;
    // A little shorter than the quick one, so that each resync is a full one for every object.
    let (full, shorter) = if long { ((30, 1), "24") } else { ((8, 1), "6") };
    say(&format!("full resync: after {} s", full.0));
    let full_swept = resync(cluster, &standin, settings, "full", shorter, full).await?;
    let mut silent = 0;
    for (names, aim, (_, resyncs), swept) in [
        (["EventBridge calls per rule swept quick", "  CPU per rule swept quick"], 0.02, quick, &quick_swept),
        (["EventBridge calls per rule swept full", "  CPU per rule swept full"], 1.05, full, &full_swept),
    ] {
        let (each, events) = (rules * f64::from(resyncs), swept.calls.of(Service::Events).len());
        report.figure(names[0], count(events) / each, "", Some(aim));
        report.figure(names[1], swept.usage.cpu.as_secs_f64() * 1_000.0 / each, "ms", None);
        silent += swept.calls.writes() + swept.requests.writes();
    }
    report.figure("writes during resyncs, to AWS and Kubernetes", count(silent), "", Some(0.0));
    report.detail("quickSweeps", quick_swept.json());
    report.detail("fullSweep", full_swept.json());
    plan::run(cluster, &standin, report, full_swept.calls.of(Service::Events).len()).await?;

    say("delete: everything at once, until all is gone");
    let deleted = delete(cluster, &standin, settings, "delete", &quiet).await?;
    report_deleted(&deleted, floors, rules, report);
    report.detail("leftInAws", standin.contents());
    let peak = [&created, &quick_swept, &full_swept, &deleted].iter().map(|phase| phase.usage.peak_rss_mib).fold(0.0, f64::max);
    report.figure("peak RSS, of all phases", peak, "MiB", Some(40.0));
    report.figure("size of the program", size_of_the_program()?, "MiB", Some(30.0));
    Ok(())
}

/// In MiB. It is all the image holds besides the certificates.
fn size_of_the_program() -> Result<f64> {
    let bytes = std::fs::metadata(env!("CARGO_BIN_EXE_tributary-operator"))?.len();
    Ok(f64::from(u32::try_from(bytes / 1_024)?) / 1_024.0)
}

/// The default bucket, under AWS's limit of 50 calls a second.
pub async fn with_bucket(cluster: &Cluster, settings: &Settings, report: &mut Report) -> Result<()> {
    let standin = StandIn::start(Options { latency: settings.latency, throttle: Some(50) }).await?;
    say(&format!("with the bucket: writing {} rules into the API server", settings.throttled_rules));
    objects::create(&cluster.admin, settings.throttled_rules, &standin.url).await?;
    let defaults = flags(&[("resync-seconds", NEVER), ("full-resync-seconds", NEVER)]);
    say("with the bucket: create and delete, AWS throttling at 50 calls a second");
    let created = create(cluster, &standin, settings, "bucket-create", &defaults).await?;
    let deleted = delete(cluster, &standin, settings, "bucket-delete", &defaults).await?;
    let (making, unmaking) = (created.calls.of(Service::Events), deleted.calls.of(Service::Events));
    report.figure("throttled calls with the bucket on, of all", count(making.throttled() + unmaking.throttled()), "", Some(0.0));
    report.figure("  calls in all", count(making.len() + unmaking.len()), "", None);
    report.figure("  calls in the busiest second", count(making.busiest_second().max(unmaking.busiest_second())), "", None);
    report.figure("  calls a second while creating", count(making.len()) / created.wall.as_secs_f64(), "", None);
    report.detail("bucketCreate", created.json());
    report.detail("bucketDelete", deleted.json());
    Ok(())
}
