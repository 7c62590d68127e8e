//! `tributary trace`: what happened to events on a bus, from the log of the bus. Reads only.
//!
//! `resolve` finds the buses, `scope` their log groups, `read` and `fetch` the records; the model of a trace is
//! `tributary_core::trace`. `text` and `json` show it.

mod envelope;
mod fetch;
mod filter;
mod follow;
mod json;
mod logging;
mod names;
mod read;
mod resolve;
mod scope;
mod since;
#[cfg(test)]
mod tests;
mod text;

use std::{
    io::{IsTerminal, Write, stderr, stdout},
    process::ExitCode,
};

use clap::{ArgGroup, Args, ValueEnum};

use crate::cli::{Error, aws_flags::AwsFlags, graph, kube_flags::KubeFlags};
use fetch::{Events, Found};
use filter::{Filter, RuleFilter};
use names::Names;
use read::Range;
use resolve::{Wanted, resolve};
use scope::Scope;
use since::Since;

/// Exits with 0 if events were found, or if there are none to list. Exits with 1 if nothing can be read, or if an event of --event-id has no
/// record.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(["event_id", "bus", "rule", "target", "groups"]))]
pub(super) struct Trace {
    /// ID of an event: that of EventBridge, or that of Benchling (`evt_...`). Can be repeated.
    #[arg(long, value_name = "ID", value_parser = filter::value)]
    event_id: Vec<String>,
    /// Events of this EventBus, or of the bus of this BenchlingSubscription or `BenchlingApp`.
    #[arg(long, value_name = "NAME", value_parser = filter::value, conflicts_with = "groups")]
    bus: Option<String>,
    /// Events that this EventRule matched. With --log-group, the name or ARN of a rule.
    #[arg(long, value_name = "NAME", value_parser = filter::value)]
    rule: Option<String>,
    /// Events that were sent to this EventSink. With --log-group, the ARN of a target.
    #[arg(long, value_name = "NAME", value_parser = filter::value)]
    target: Option<String>,
    /// Maximum number of events, the newest ones.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000), conflicts_with = "event_id")]
    last: u16,
    /// Show events as they happen, until interrupted.
    #[arg(short, long)]
    follow: bool,
    /// Begin of the time to search: a duration such as 30s, 15m, 2h or 7d before now, or a time in RFC 3339. Defaults to 1h, with --follow to now.
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// Log group with the log of a bus. Can be repeated. No cluster is read. Defaults to the groups that the buses deliver to.
    #[arg(long = "log-group", value_name = "NAME", value_parser = filter::value)]
    groups: Vec<String>,
    /// Log group with the events themselves, to find an ID of Benchling. Can be repeated. Defaults to the groups that rules of the bus deliver to.
    #[arg(long = "events-log-group", value_name = "NAME", value_parser = filter::value, requires = "groups", conflicts_with = "bus")]
    event_groups: Vec<String>,
    /// Format of the output. With --follow, JSON has one line for each event.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    #[command(flatten)]
    kube: KubeFlags,
    #[command(flatten)]
    aws: AwsFlags,
}

/// One hour.
const DEFAULT_SINCE: Since = Since::Ago(3_600_000);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Tree of at most 100 columns.
    Text,
    Json,
}

impl Trace {
    pub(super) async fn run(self) -> Result<ExitCode, Error> {
        let scope = self.scope().await?;
        if self.follow {
            return self.follow(&scope).await;
        }
        let now = follow::now().0;
        let range = Range { from: self.since.unwrap_or(DEFAULT_SINCE).before(now), to: now };
        let events =
            if self.event_id.is_empty() { Events::Last(self.last.into()) } else { Events::Ids(self.event_id.iter().cloned().collect()) };
        let found = fetch::fetch(&scope, &events, range).await?;
        self.print(&found, &scope.names, range)?;
        if !found.traces.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        let groups: Vec<&str> = scope.groups.iter().map(|(_, group)| group.as_str()).collect();
        let nothing = self.nothing(&groups, range);
        if self.event_id.is_empty() {
            writeln!(stderr().lock(), "tributary: {nothing}")?;
            return Ok(ExitCode::SUCCESS);
        }
        Err(nothing.into())
    }

    async fn scope(&self) -> Result<Scope, Error> {
        let options = self.aws.options()?;
        if !self.groups.is_empty() {
            let targets = self.target.iter().cloned().collect();
            let filter = Filter { buses: vec![], rule: self.rule.as_deref().map(RuleFilter::of), targets };
            return Scope::of_groups(options, &self.groups, &self.event_groups, filter).await;
        }
        let cluster = self.kube.connect().await?;
        let graph = graph::read(&cluster, &self.kube.namespaces(&cluster)).await?.graph();
        let wanted = Wanted { bus: self.bus.clone(), rule: self.rule.clone(), target: self.target.clone() };
        let names = Names::of(&graph);
        Scope::of_buses(&options, resolve(&graph, &wanted)?, names).await
    }

    fn print(&self, found: &Found, names: &Names, range: Range) -> Result<(), Error> {
        let mut out = stdout().lock();
        match self.output {
            Output::Json => {
                let document = json::document(found, names, range);
                let text = if self.follow { serde_json::to_string(&document)? } else { serde_json::to_string_pretty(&document)? };
                writeln!(out, "{text}")?;
            }
            Output::Text => {
                let is_colored = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
                let texts: Vec<String> = found.traces.iter().map(|trace| text::text(trace, names, is_colored)).collect();
                write!(out, "{}", texts.join("\n"))?;
                if self.follow && !texts.is_empty() {
                    writeln!(out)?;
                }
                out.flush()?;
                let mut err = stderr().lock();
                for note in &found.notes {
                    writeln!(err, "tributary: {note}")?;
                }
            }
        }
        Ok(out.flush()?)
    }

    /// Says that no record was found, why that may be, and what to do.
    fn nothing(&self, groups: &[&str], range: Range) -> String {
        let what = match (self.event_id.as_slice(), &self.rule, &self.target) {
            ([], Some(rule), _) => format!("no event that rule {rule} matched"),
            ([], None, Some(target)) => format!("no event that was sent to {target}"),
            ([], None, None) => "no event".to_owned(),
            (ids, ..) => format!("no record of event {}", ids.join(", ")),
        };
        let since = tributary_core::trace::Moment(range.from);
        format!(
            "{what} in log group {} since {since}. Set --since to a longer time. Records may take minutes and are not guaranteed. EventBridge does not log events of AWS services that match no rule, nor events that match only rules that AWS services manage.",
            groups.join(", ")
        )
    }

    async fn follow(&self, scope: &Scope) -> Result<ExitCode, Error> {
        if let Some(id) = self.event_id.iter().find(|id| id.starts_with(envelope::PREFIX)) {
            return Err(format!("--follow finds events by the ID of EventBridge, and {id} is an ID of Benchling. Remove --follow.").into());
        }
        let start = follow::now().0;
        let from = self.since.map_or(start, |since| since.before(start));
        let (mut follower, mut notes) = (follow::Follower::default(), scope.notes.clone());
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        loop {
            let now = follow::now().0;
            follower.poll(scope, from, now).await?;
            let mut found = Found { traces: follower.due(now), notes: std::mem::take(&mut notes) };
            found.traces.retain_mut(|trace| self.is_wanted(trace) && scope.filter.apply(trace));
            for trace in std::mem::take(&mut found.traces) {
                let one = Found { traces: vec![trace], notes: std::mem::take(&mut found.notes) };
                self.print(&one, &scope.names, Range { from, to: now })?;
            }
            if !found.notes.is_empty() {
                self.print(&found, &scope.names, Range { from, to: now })?;
            }
            tokio::select! {
                _ = &mut interrupted => return Ok(ExitCode::SUCCESS),
                () = tokio::time::sleep(follow::POLL) => {}
            }
        }
    }

    fn is_wanted(&self, trace: &tributary_core::trace::Trace) -> bool {
        self.event_id.is_empty() || self.event_id.contains(&trace.event_id)
    }
}
