//! Benchmark, part 4b: partner event sources: what waiting costs, how soon a source is taken; and calls per rule with each type of sink.

use std::time::{Duration, Instant};

use kube::Client;
use serde_json::{Value, json};

use crate::{
    Result,
    cluster::Cluster,
    figures::{Report, count, rounded},
    objects,
    operator::Operator,
    ready::Rules,
    say,
    settings::Settings,
    standin::{ACCOUNT, Log, Options, REGION, Service, StandIn},
};

/// Subscriptions that wait in one account.
const WAITING: usize = 50;
const RULES: usize = 100;
/// Rules that send to one sink.
const PER_SINK: usize = 25;

fn source(n: usize) -> String {
    format!("aws.partner/benchling.com/tenant-{n}/app")
}

fn subscription(n: usize) -> Value {
    json!({"metadata": {"name": format!("lims-{n:02}")}, "spec": {"tenant": format!("tenant-{n}"), "appName": "app"}})
}

/// Many wait for a minute; then their sources appear, at moments that have nothing to do with the operator's.
pub async fn waiting(cluster: &Cluster, settings: &Settings, report: &mut Report) -> Result<()> {
    let standin = StandIn::start(Options { latency: settings.latency, throttle: None }).await?;
    objects::prepare(&cluster.admin, &standin.url).await?;
    objects::create_kind(&cluster.admin, "BenchlingSubscription", (0..WAITING).map(subscription)).await?;
    say(&format!("waiting: {WAITING} subscriptions without a source, for a minute"));
    // ResyncSchedule ten times as often as by default: two of them are in the minute.
    let operator = Operator::start(cluster, "waiting", &settings.log, &["--resync-seconds", "30"].map(str::to_owned))?;
    // What a start costs is no part of waiting.
    let from = operator.started + Duration::from_secs(10);
    tokio::time::sleep_until((from + Duration::from_mins(1)).into()).await;
    let calls = standin.log().between(from, from + Duration::from_mins(1));
    report.figure("calls per minute while 50 subscriptions wait", count(calls.len()), "", Some(12.0));
    say("appearance: their sources, one after the other, until each has its bus");
    let mut appeared = Vec::new();
    for n in 0..WAITING {
        standin.appear(&source(n));
        appeared.push(Instant::now());
        tokio::time::sleep(Duration::from_millis(730)).await;
    }
    tokio::time::sleep(Duration::from_secs(8)).await;
    let mut seconds = Vec::new();
    for (n, at) in appeared.iter().enumerate() {
        let taken = standin.taken(&source(n)).ok_or_else(|| format!("{} has no bus", source(n)))?;
        seconds.push(taken.duration_since(*at).as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    report.figure("seconds from a source's appearance to its bus, at most", seconds[WAITING - 1], "s", Some(6.0));
    report.figure("  the median of 50", seconds[WAITING / 2], "s", None);
    report
        .detail("waiting", json!({"calls": calls.by_operation(), "secondsToBus": seconds.iter().map(|s| rounded(*s)).collect::<Vec<_>>()}));
    objects::delete_subscriptions(&cluster.admin).await?;
    operator.stop().await
}

const FULL_SWEEP: Duration = Duration::from_secs(10);

/// The spec of the sink of this number.
type SinkSpec = fn(usize) -> Value;

fn queue(_: usize) -> Value {
    json!({"sqs": {"managed": {}}, "deletionPolicy": "Delete"})
}

fn function(n: usize) -> Value {
    json!({"lambda": {"existing": {"arn": format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:handle-{n}")}}})
}

fn log_group(_: usize) -> Value {
    json!({"logGroup": {"managed": {}}, "deletionPolicy": "Delete"})
}

fn topic(_: usize) -> Value {
    json!({"sns": {"managed": {}}, "deletionPolicy": "Delete"})
}

/// Reached by a role, as all others of those are.
fn state_machine(n: usize) -> Value {
    json!({"stateMachine": {"existing": {"arn": format!("arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:work-{n}")}}})
}

fn stream(n: usize) -> Value {
    json!({"kinesis": {"existing": {"arn": format!("arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/stream-{n}")}}})
}

async fn with_sinks(client: &Client, url: &str, spec: SinkSpec) -> Result<()> {
    objects::prepare(client, url).await?;
    objects::create_kind(client, "EventBus", std::iter::once(json!({"metadata": {"name": "bus"}, "spec": {}}))).await?;
    let sink = |n: usize| json!({"metadata": {"name": format!("sink-{n}")}, "spec": spec(n)});
    objects::create_kind(client, "EventSink", (0..RULES / PER_SINK).map(sink)).await?;
    let rule = |n: usize| {
        let target = json!({"name": "t", "sinkRef": {"name": format!("sink-{}", n / PER_SINK)}});
        json!({"metadata": {"name": format!("rule-{n:03}")}, "spec": {"busRef": {"name": "bus"}, "eventPattern": {"source": [n.to_string()]}, "targets": [target]}})
    };
    objects::create_kind(client, "EventRule", (0..RULES).map(rule)).await
}

pub async fn sinks(cluster: &Cluster, settings: &Settings, report: &mut Report) -> Result<()> {
    let kinds: [(&str, SinkSpec, [&'static str; 3]); 6] = [
        (
            "sqs",
            queue,
            [
                "EventBridge calls per rule, sink sqs",
                "  other services' calls per rule, sink sqs",
                "  other services' calls per sink and full sweep, sink sqs",
            ],
        ),
        (
            "lambda",
            function,
            [
                "EventBridge calls per rule, sink lambda",
                "  other services' calls per rule, sink lambda",
                "  other services' calls per sink and full sweep, sink lambda",
            ],
        ),
        (
            "logGroup",
            log_group,
            [
                "EventBridge calls per rule, sink logGroup",
                "  other services' calls per rule, sink logGroup",
                "  other services' calls per sink and full sweep, sink logGroup",
            ],
        ),
        (
            "sns",
            topic,
            [
                "EventBridge calls per rule, sink sns",
                "  other services' calls per rule, sink sns",
                "  other services' calls per sink and full sweep, sink sns",
            ],
        ),
        (
            "stateMachine",
            state_machine,
            [
                "EventBridge calls per rule, sink stateMachine",
                "  other services' calls per rule, sink stateMachine",
                "  other services' calls per sink and full sweep, sink stateMachine",
            ],
        ),
        (
            "kinesis",
            stream,
            [
                "EventBridge calls per rule, sink kinesis",
                "  other services' calls per rule, sink kinesis",
                "  other services' calls per sink and full sweep, sink kinesis",
            ],
        ),
    ];
    for (name, spec, figures) in kinds {
        let standin = StandIn::start(Options { latency: settings.latency, throttle: None }).await?;
        say(&format!("sinks: {RULES} rules on {} sinks of type {name}", RULES / PER_SINK));
        with_sinks(&cluster.admin, &standin.url, spec).await?;
        let rules = Rules::shall(&cluster.admin, false).await?;
        let flags = [
            "--quota",
            "0",
            "--permission-settle-seconds",
            "0",
            "--grant-grace-seconds",
            "0",
            "--resync-seconds",
            "5",
            "--full-resync-seconds",
            "10",
        ];
        let flags = flags.map(str::to_owned);
        let operator = Operator::start(cluster, &format!("sink-{name}"), &settings.log, &flags)?;
        rules.wait().await?;
        let calls: Log = standin.log().between(operator.started, Instant::now());
        let events = calls.of(Service::Events).len();
        report.figure(figures[0], count(events) / count(RULES), "", Some(2.1));
        report.figure(figures[1], count(calls.len() - events) / count(RULES), "", None);
        operator.stop().await?;
        // Sinks and proof of delivery together; two whole sweeps, each a full one.
        let sweeps = ["--quota", "0", "--resync-seconds", "10", "--full-resync-seconds", "9"].map(str::to_owned);
        let operator = Operator::start(cluster, &format!("sweep-{name}"), &settings.log, &sweeps)?;
        tokio::time::sleep(FULL_SWEEP / 2).await;
        let from = Instant::now();
        tokio::time::sleep(2 * FULL_SWEEP).await;
        let swept = standin.log().between(from, Instant::now());
        let others = swept.len() - swept.of(Service::Events).len();
        report.figure(figures[2], count(others) / count(2 * (RULES / PER_SINK)), "", None);
        report.detail(&format!("sink {name}"), json!({"create": calls.by_operation(), "two full sweeps": swept.by_operation()}));
        let gone = Rules::shall(&cluster.admin, true).await?;
        objects::delete(&cluster.admin).await?;
        gone.wait().await?;
        operator.stop().await?;
    }
    Ok(())
}
