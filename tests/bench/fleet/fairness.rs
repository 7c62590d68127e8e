//! Benchmark, part 8e: fairness. Rules of other accounts are edited one after the other: alone, then while all rules of one account are
//! edited at once and AWS throttles that account, then while AWS answers that account's calls after seconds only.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    objects::{self, Size},
    process::{self, NEVER, Process},
    watch::Watches,
};
use crate::{
    Result,
    cluster::Cluster,
    figures::{Report, count, rounded},
    say,
    settings::Settings,
    standin::{Log, Options, StandIn},
};

/// The account that is hot.
const HOT: usize = 0;
const HOT_RULES: usize = 500;
const OTHER_RULES: usize = 100;
/// Calls per second that AWS allows the hot account.
const ALLOWED: usize = 10;
const SLOW: Duration = Duration::from_secs(3);

struct Bench<'a> {
    cluster: &'a Cluster,
    size: Size,
    standin: &'a StandIn,
    watches: &'a Watches,
    latency: Duration,
}

/// Milliseconds from the edit of a rule until its new generation is Ready, sorted.
struct Times(Vec<f64>);

impl Times {
    /// By nearest rank.
    fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }

    fn json(&self) -> Value {
        json!({"edits": self.0.len(), "medianMs": rounded(self.percentile(50)), "p90Ms": rounded(self.percentile(90)),
               "p99Ms": rounded(self.percentile(99)), "maximumMs": rounded(self.percentile(100))})
    }
}

impl Bench<'_> {
    /// The hot account's rules that are edited.
    fn hot_rules(&self) -> usize {
        HOT_RULES.min(self.size.rules)
    }

    /// Edits rules of all other accounts, one after the other.
    async fn others(&self, text: &str) -> Result<Times> {
        let mut times = vec![];
        for k in 0..OTHER_RULES {
            let (account, n) = (HOT + 1 + k % (self.size.accounts - 1), k % self.size.rules);
            let at = Instant::now();
            let (key, generation) = objects::edit(&self.cluster.admin, account, n, &format!("{text} {k}")).await?;
            self.watches.rules.until_ready("Ready after an edit", &[(key, generation)]).await?;
            times.push(at.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        Ok(Times(times))
    }

    /// Edits all rules of the hot account at once.
    async fn heat(&self, text: &str) -> Result<Vec<(String, i64)>> {
        objects::edit_all(&self.cluster.admin, (0..self.hot_rules()).map(|n| (HOT, n)), text).await
    }

    /// Edits them again as soon as all are Ready, so that the account stays hot.
    async fn stay_hot(&self, mut edited: Vec<(String, i64)>, text: &str) -> Result<Infallible> {
        let mut round = 0;
        loop {
            round += 1;
            self.watches.rules.until_ready("Ready in the hot account", &edited).await?;
            edited = self.heat(&format!("{text} {round}")).await?;
        }
    }

    /// The times of the others while AWS answers the hot account like this, and that account's calls meanwhile.
    async fn beside(&self, what: &str, answers: Options) -> Result<(Times, Log)> {
        say(&format!("fleet: {OTHER_RULES} rules of other accounts are edited beside a hot account: {what}"));
        self.standin.set(&objects::id(HOT), answers);
        let from = Instant::now();
        let edited = self.heat(what).await?;
        let times = tokio::select! {
            times = self.others(what) => times?,
            never = self.stay_hot(edited, what) => match never? {},
        };
        let calls = self.standin.log().between(from, Instant::now()).of_account(&objects::id(HOT));
        self.standin.set(&objects::id(HOT), Options { latency: self.latency, throttle: None });
        self.watches.ready().await?;
        Ok((times, calls))
    }
}

pub async fn run(
    (cluster, settings, report): (&Cluster, &Settings, &mut Report),
    size: Size,
    standin: &StandIn,
    watches: &Watches,
) -> Result<()> {
    let bench = Bench { cluster, size, standin, watches, latency: settings.latency };
    let mut processes = vec![Process::start(cluster, settings, "fairness", NEVER, &[])?];
    processes[0].inspected(size.objects()).await?;
    process::silent(&mut processes, standin).await?;
    say(&format!("fleet: {OTHER_RULES} rules are edited one after the other, without a hot account"));
    let alone = bench.others("alone").await?;
    let name = |text: &str| format!("{} objects: {text}", size.objects());
    report.figure(name("edit to Ready, p99, without a hot account"), alone.percentile(99), "ms", None);
    report.figure(name("  median"), alone.percentile(50), "ms", None);
    report.figure(name("  maximum"), alone.percentile(100), "ms", None);
    report.detail(&format!("fleet {} alone", size.objects()), alone.json());
    let throttled = Options { latency: settings.latency, throttle: Some(ALLOWED) };
    let slow = Options { latency: SLOW, throttle: None };
    for (what, answers) in [("throttled to 10 calls/s", throttled), ("each call takes 3 s", slow)] {
        let (times, calls) = bench.beside(what, answers).await?;
        process::silent(&mut processes, standin).await?;
        if calls.len() == 0 || (answers.throttle.is_some() && calls.throttled() == 0) {
            return Err(format!("the account was not hot: {} calls, {} throttled", calls.len(), calls.throttled()).into());
        }
        report.figure(name(&format!("edit to Ready, p99, beside a hot account ({what})")), times.percentile(99), "ms", None);
        report.figure(name("  median"), times.percentile(50), "ms", None);
        report.figure(name("  maximum"), times.percentile(100), "ms", None);
        report.figure(name("  p99, as a ratio to that without"), times.percentile(99) / alone.percentile(99), "", None);
        report.figure(name("  calls of the hot account meanwhile"), count(calls.len()), "", None);
        report.figure(name("  of them throttled"), count(calls.throttled()), "", None);
        let mut detail = times.json();
        detail["hotCalls"] = json!(calls.by_operation());
        report.detail(&format!("fleet {} beside: {what}", size.objects()), detail);
    }
    process::stop(processes).await
}
