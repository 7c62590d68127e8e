//! Benchmark, part 0: what can be set, all through the environment.

use std::{path::PathBuf, time::Duration};

use serde_json::{Value, json};

use crate::Result;

#[derive(Clone)]
pub struct Settings {
    /// `BENCH_RULES`: rules, each with one target, on four buses; 0 leaves those phases out.
    pub rules: usize,
    /// `BENCH_THROTTLED_RULES`: the same where the stand-in throttles.
    pub throttled_rules: usize,
    /// `BENCH_SCALE`, such as `100,1000,10000`: only what these numbers of rules cost, one after the other.
    pub scale: Vec<usize>,
    /// `BENCH_FLEET`, such as `30000`: only what fleets of these numbers of objects cost, one after the other.
    pub fleet: Vec<usize>,
    /// `BENCH_FLEET_ACCOUNTS`: of a fleet; two at least.
    pub fleet_accounts: usize,
    /// `BENCH_FLEET_REPLICAS`: of a fleet, measured besides one. 1 measures one only.
    pub replicas: usize,
    /// `BENCH_IN_FLIGHT`: AWS calls in flight, the operator's and the floor's. 10 is what the strongest peer was measured with.
    pub in_flight: usize,
    /// `BENCH_LATENCY_MS`: of each AWS call.
    pub latency: Duration,
    /// `BENCH_WEBHOOKS_SECONDS`: how long webhooks are sent to the gateway, and before to the Flask app.
    pub webhooks: Duration,
    /// `BENCH_PARTS`: of `rules`, `observe`, `partner` and `gateway`, which are measured. Defaults to all.
    pub parts: Vec<String>,
    /// `BENCH_LOG`: the operator's `--log`.
    pub log: String,
    /// `TRIBUTARY_BENCH_JSON`: file for the figures.
    pub json: PathBuf,
}

fn number(name: &str, default: usize) -> Result<usize> {
    match std::env::var(name) {
        Ok(text) => text.parse().map_err(|error| format!("{name}={text}: {error}").into()),
        Err(_) => Ok(default),
    }
}

/// Numbers separated by commas. Defaults to none.
fn numbers(name: &str) -> Result<Vec<usize>> {
    let text = std::env::var(name).unwrap_or_default();
    let all = text.split(',').filter(|text| !text.is_empty()).map(str::parse).collect::<std::result::Result<_, _>>();
    all.map_err(|error| format!("{name}={text}: {error}").into())
}

impl Settings {
    pub fn from_env() -> Result<Self> {
        let rules = number("BENCH_RULES", 1_000)?;
        let latency = number("BENCH_LATENCY_MS", 30)?;
        let parts =
            std::env::var("BENCH_PARTS").unwrap_or_else(|_| "rules,observe,partner,gateway".into()).split(',').map(str::to_owned).collect();
        Ok(Self {
            rules,
            parts,
            scale: numbers("BENCH_SCALE")?,
            fleet: numbers("BENCH_FLEET")?,
            fleet_accounts: number("BENCH_FLEET_ACCOUNTS", 30)?.max(2),
            replicas: number("BENCH_FLEET_REPLICAS", 1)?,
            throttled_rules: number("BENCH_THROTTLED_RULES", rules.min(300))?,
            in_flight: number("BENCH_IN_FLIGHT", 10)?,
            latency: Duration::from_millis(u64::try_from(latency)?),
            webhooks: Duration::from_secs(u64::try_from(number("BENCH_WEBHOOKS_SECONDS", 10)?.max(1))?),
            log: std::env::var("BENCH_LOG").unwrap_or_else(|_| "info,kube_runtime=warn".into()),
            json: std::env::var_os("TRIBUTARY_BENCH_JSON").map_or_else(|| scratch().join("bench-rules.json"), PathBuf::from),
        })
    }

    pub fn has(&self, part: &str) -> bool {
        self.parts.iter().any(|wanted| wanted == part)
    }

    pub fn title(&self) -> String {
        if !self.fleet.is_empty() {
            return format!("a fleet in {} accounts, {} ms latency", self.fleet_accounts, self.latency.as_millis());
        }
        format!("{} rules with a target each, {} ms latency, {} AWS calls in flight", self.rules, self.latency.as_millis(), self.in_flight)
    }

    pub fn json(&self) -> Value {
        json!({"rules": self.rules, "throttledRules": self.throttled_rules, "inFlight": self.in_flight,
               "latencyMs": u64::try_from(self.latency.as_millis()).unwrap_or(u64::MAX)})
    }
}

/// Where logs of the operator and the figures go.
pub fn scratch() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}
