//! Benchmark, part 4b: `tributary plan` of what is in sync, beside a full resync and the time that its calls need at AWS's quota.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    Result,
    cluster::Cluster,
    figures::{Report, count, rounded},
    objects::NAMESPACE,
    say,
    settings::scratch,
    standin::{ACCOUNT, REGION, Service, StandIn},
};

/// Calls per second to EventBridge's control plane that AWS allows.
const QUOTA: u32 = 50;

/// Plans the objects of the cluster, which must be in sync.
///
/// # Errors
/// The command fails, or finds changes.
pub async fn run(cluster: &Cluster, standin: &StandIn, report: &mut Report, full_resync: usize) -> Result<()> {
    say("plan: of what is in sync");
    let (file, quota) = (scratch().join("plan.json"), QUOTA.to_string());
    let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
    command
        .args(["plan", "--quiet", "-n", NAMESPACE, "--quota", &quota, "-o", "json", "--output-file"])
        .arg(&file)
        .env_clear()
        .env("KUBECONFIG", &cluster.admin_kubeconfig)
        .envs([("AWS_ACCESS_KEY_ID", ACCOUNT), ("AWS_SECRET_ACCESS_KEY", "bench"), ("AWS_REGION", REGION)])
        .envs([("AWS_EC2_METADATA_DISABLED", "true")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let started = Instant::now();
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let wall = started.elapsed();
    if output.status.code() != Some(0) {
        return Err(format!("plan of what is in sync: {}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    let calls = standin.log().between(started, Instant::now());
    let events = calls.of(Service::Events).len();
    let needed = Duration::from_secs(1) * u32::try_from(events)? / QUOTA;
    report.figure("EventBridge calls of a plan, as a ratio to a full resync", count(events) / count(full_resync), "", Some(1.0));
    report.figure("  wall time, as a ratio to that of its calls at 50 a second", wall.as_secs_f64() / needed.as_secs_f64(), "", Some(1.3));
    report.figure("  writes", count(calls.writes()), "", Some(0.0));
    let objects = serde_json::from_str::<Value>(&std::fs::read_to_string(&file)?)?["objects"].as_array().map(Vec::len);
    report.detail(
        "plan",
        json!({"wallSeconds": rounded(wall.as_secs_f64()), "events": calls.of(Service::Events).by_operation(), "objects": objects}),
    );
    Ok(())
}
