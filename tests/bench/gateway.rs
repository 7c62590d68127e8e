//! Benchmark, part 6: the gateway on one core: what it holds under slow connections; signed webhooks a second and how long their answers take,
//! beside a Flask app that only verifies, with the same webhooks over as many connections, on the same core. Who sends, and AWS, are on another one.

use std::{
    collections::BTreeSet,
    net::{SocketAddr, TcpListener},
    process::Command,
    time::{Duration, Instant},
};

use axum::http::Request;
use serde_json::{Value, json};

use crate::{
    Result,
    cluster::Cluster,
    figures::{Report, count, rounded},
    load::{self, Sent},
    objects::{self, NAMESPACE},
    operator::Operator,
    peer::Peer,
    say,
    settings::Settings,
    slow::{self, Kind},
    standin::{Options, Service, StandIn},
    webhooks::{Benchling, DEFINITION, Signed, TENANT},
};

/// Connections over which webhooks come, as many to the gateway as to the Flask app.
const CONNECTIONS: usize = 32;
const SLOW: usize = 500;
/// How long slow connections are held: longer than the gateway bears any of them.
const HOLD: Duration = Duration::from_secs(12);
const PATIENCE: Duration = Duration::from_mins(1);
/// What the chart gives a pod of the gateway, in MiB: its request, and its limit.
const REQUEST: f64 = 64.0;
const LIMIT: f64 = 256.0;

/// The first and the last core that we may use: for the gateway, and for all else.
fn cores() -> Result<(usize, usize)> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default().trim().to_owned();
    let numbers = list.split([',', '-']).map(str::parse).collect::<std::result::Result<Vec<usize>, _>>()?;
    match numbers[..] {
        [ours, .., theirs] if ours != theirs => Ok((ours, theirs)),
        _ => Err("the gateway's figures need two cores".into()),
    }
}

/// All of our own threads.
fn pin(cores: &str) -> Result<()> {
    let done = Command::new("taskset").args(["-a", "-c", "-p", cores, &std::process::id().to_string()]).output()?;
    if done.status.success() { Ok(()) } else { Err(format!("taskset: {}", String::from_utf8_lossy(&done.stderr)).into()) }
}

/// A bus and an app, made Ready by the operator, which is ended then: it is no part of the measured path.
async fn prepare(cluster: &Cluster, settings: &Settings, standin: &StandIn) -> Result<()> {
    objects::prepare(&cluster.admin, &standin.url).await?;
    let one = |name: &str, spec: Value| std::iter::once(json!({"metadata": {"name": name}, "spec": spec}));
    objects::create_kind(&cluster.admin, "EventBus", one("events", json!({}))).await?;
    let spec = json!({"tenants": [TENANT], "appDefinitionId": DEFINITION, "busRef": {"name": "events"}});
    objects::create_kind(&cluster.admin, "BenchlingApp", one("lims", spec)).await?;
    let operator = Operator::start(cluster, "webhooks", &settings.log, &[])?;
    let path = format!("/apis/tributary.dev/v1alpha1/namespaces/{NAMESPACE}/benchlingapps/lims");
    let ready = async || -> Result<bool> {
        let app: Value = cluster.admin.request(Request::get(&path).body(vec![])?).await?;
        let conditions = app["status"]["conditions"].as_array();
        Ok(conditions.into_iter().flatten().any(|condition| condition["type"] == "Ready" && condition["status"] == "True"))
    };
    while !ready().await? {
        if operator.started.elapsed() > PATIENCE {
            return Err(format!("the BenchlingApp is not Ready: see {}", operator.log.display()).into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    operator.stop().await
}

struct Gateway {
    process: Operator,
    public: SocketAddr,
    admin: SocketAddr,
}

impl Gateway {
    async fn start(cluster: &Cluster, settings: &Settings, benchling: &Benchling, core: usize) -> Result<Self> {
        let free = || TcpListener::bind("127.0.0.1:0")?.local_addr();
        let (public, admin) = (free()?, free()?);
        let mut command = Command::new("taskset");
        command
            .args(["-c", &core.to_string(), env!("CARGO_BIN_EXE_tributary-operator"), "gateway", "--log", &settings.log])
            .args(["--listen", &public.to_string(), "--admin-listen", &admin.to_string(), "--drain-seconds", "0"])
            .args(["--benchling-keys-url", &benchling.keys_url])
            .env_clear();
        let mut process = Operator::spawn(command, &cluster.gateway_kubeconfig, "gateway")?;
        let ready = format!("http://{admin}/readyz");
        while !reqwest::get(&ready).await.is_ok_and(|answer| answer.status() == 200) {
            process.usage()?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Self { process, public, admin })
    }

    /// Open connections, by its own metrics.
    async fn connections(&self) -> Result<f64> {
        let text = reqwest::get(format!("http://{}/metrics", self.admin)).await?.text().await?;
        let line = text.lines().find_map(|line| line.strip_prefix("tributary_gateway_connections "));
        Ok(line.ok_or("no connections in /metrics")?.parse()?)
    }

    /// The most memory and the most connections in a while.
    async fn most(&mut self, time: Duration) -> Result<(f64, f64)> {
        let (began, mut memory, mut connections) = (Instant::now(), 0.0_f64, 0.0_f64);
        while began.elapsed() < time {
            memory = memory.max(self.process.usage()?.anonymous_mib);
            connections = connections.max(self.connections().await?);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok((memory, connections))
    }
}

async fn memory(gateway: &mut Gateway, benchling: &Benchling, report: &mut Report) -> Result<()> {
    // What a start allocates and gives back is no part of idling.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let idle = gateway.process.usage()?.anonymous_mib;
    for (kind, name, aim) in [
        (Kind::Slow, "memory under 500 slow connections", REQUEST),
        (Kind::Withheld, "memory under 500 bodies of 256 KiB that lack a byte", LIMIT),
    ] {
        say(&format!("gateway: {name}, for {} s", HOLD.as_secs()));
        let good = benchling.sign_all(name.split(' ').next_back().unwrap_or_default(), 1_000)?;
        let held = slow::open(gateway.public, SLOW, kind);
        let public = gateway.public;
        let others = load::run(public, &good, 1, HOLD, Duration::from_millis(20));
        let ((memory, connections), sent) = tokio::try_join!(gateway.most(HOLD), others)?;
        drop(held);
        report.figure(format!("{name} (anonymous)"), memory, "MiB", Some(aim));
        report.figure("  open connections, at most", connections, "", None);
        report.figure("  webhooks of others meanwhile that were not answered 200", count(sent.others), "", Some(0.0));
        report.figure("  of all of theirs", count(sent.milliseconds.len()), "", None);
    }
    report.figure("  memory at rest before (anonymous)", idle, "MiB", None);
    Ok(())
}

/// What one of the two does with the webhooks.
struct Measured {
    sent: Sent,
    cpu: Duration,
}

impl Measured {
    fn each(&self, of: Duration) -> f64 {
        of.as_secs_f64() * 1_000.0 / count(self.sent.accepted.len().max(1))
    }

    fn json(&self) -> Value {
        json!({"accepted": self.sent.accepted.len(), "others": self.sent.others, "wallSeconds": rounded(self.sent.wall.as_secs_f64()),
               "cpuSeconds": rounded(self.cpu.as_secs_f64()), "p50Ms": rounded(self.sent.percentile(50)), "p99Ms": rounded(self.sent.percentile(99))})
    }
}

async fn send(address: SocketAddr, webhooks: &[Signed], time: Duration) -> Result<Sent> {
    load::run(address, webhooks, CONNECTIONS, time, Duration::ZERO).await
}

async fn beside_flask(
    gateway: &mut Gateway,
    benchling: &Benchling,
    settings: &Settings,
    core: usize,
    standin: &StandIn,
    report: &mut Report,
) -> Result<()> {
    let time = settings.webhooks;
    let peer = Peer::start(core, &benchling.keys_url).await?;
    // Enough for 8,000 a second; signed shortly before, for a signature is good for five minutes.
    let seconds = usize::try_from(time.as_secs())?;
    let (warm, webhooks) = (benchling.sign_all("warm", 400)?, benchling.sign_all("rate", 8_000 * seconds)?);
    say(&format!("gateway: {} s of webhooks to the Flask app, then to the gateway", time.as_secs()));
    send(peer.address, &warm, PATIENCE).await?;
    let before = peer.cpu()?;
    let sent = send(peer.address, &webhooks, time).await?;
    let flask = Measured { sent, cpu: peer.cpu()?.saturating_sub(before) };
    drop(peer);
    send(gateway.public, &warm, PATIENCE).await?;
    let (before, from) = (gateway.process.usage()?.cpu, Instant::now());
    let sent = send(gateway.public, &webhooks, time).await?;
    let ours = Measured { sent, cpu: gateway.process.usage()?.cpu.saturating_sub(before) };
    let calls = standin.log().between(from, Instant::now()).of(Service::Events).len();

    let rate = |measured: &Measured| 1_000.0 / measured.each(measured.sent.wall);
    report.figure("time per webhook, as a ratio to a Flask app that only verifies", rate(&flask) / rate(&ours), "", Some(1.0));
    report.figure("  signed webhooks a second, on the bus", rate(&ours), "", None);
    report.figure("  Flask app: signed webhooks a second, verified", rate(&flask), "", None);
    report.figure("p99 of the answer, as a ratio to the Flask app's", ours.sent.percentile(99) / flask.sent.percentile(99), "", Some(1.0));
    report.figure("  p99", ours.sent.percentile(99), "ms", None);
    report.figure("  median", ours.sent.percentile(50), "ms", None);
    report.figure("  Flask app: p99", flask.sent.percentile(99), "ms", None);
    report.figure("  Flask app: median", flask.sent.percentile(50), "ms", None);
    report.figure("CPU per webhook, as a ratio to the Flask app's", ours.each(ours.cpu) / flask.each(flask.cpu), "", Some(1.0));
    report.figure("  CPU per webhook", ours.each(ours.cpu), "ms", None);
    report.figure("  Flask app: CPU per webhook", flask.each(flask.cpu), "ms", None);
    report.figure("PutEvents per webhook", count(calls) / count(ours.sent.accepted.len().max(1)), "", None);
    report.figure("webhooks not answered 200, of both", count(ours.sent.others + flask.sent.others), "", Some(0.0));
    report.detail("webhooks", json!({"gateway": ours.json(), "flask": flask.json(), "connections": CONNECTIONS, "putEvents": calls}));

    let put: Vec<String> = standin.put().iter().filter_map(|detail| id_of(detail)).collect();
    let once: BTreeSet<&str> = put.iter().map(String::as_str).collect();
    let lost = ours.sent.accepted.iter().filter(|id| !once.contains(id.as_str())).count();
    report.figure("webhooks answered 200 and not on the bus", count(lost), "", Some(0.0));
    report.figure("webhooks on the bus more than once", count(put.len() - once.len()), "", Some(0.0));
    Ok(())
}

fn id_of(detail: &str) -> Option<String> {
    let detail: Value = serde_json::from_str(detail).ok()?;
    detail["webhook"]["id"].as_str().map(str::to_owned)
}

pub async fn run(cluster: &Cluster, settings: &Settings, report: &mut Report) -> Result<()> {
    // AWS answers at once here: what it takes comes on top, and is the same for whoever puts events.
    let standin = StandIn::start(Options { latency: Duration::ZERO, throttle: None }).await?;
    say("gateway: an app and its bus");
    prepare(cluster, settings, &standin).await?;
    let (ours, theirs) = cores()?;
    pin(&theirs.to_string())?;
    let benchling = Benchling::start().await?;
    let mut gateway = Gateway::start(cluster, settings, &benchling, ours).await?;
    memory(&mut gateway, &benchling, report).await?;
    beside_flask(&mut gateway, &benchling, settings, ours, &standin, report).await?;
    gateway.process.stop().await?;
    pin(&format!("{ours}-{theirs}"))
}
