//! The tree as text.

use std::fmt::Write as _;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use strum::IntoEnumIterator;
use tributary_core::names::Arn;

use crate::cli::{
    columns::{continued, cut, pad, prefix, width, wrap},
    graph::{Edge, EdgeKind, Graph, Health, Node, NodeKind, Origin},
    tree::{
        forest::{Row, rows},
        sign,
    },
};

/// Widest line of a tree that is not wide.
const WIDTH: usize = 100;
/// Widest column of names of a tree that is not wide.
const NAMES: usize = 58;
/// Most lines of one message in a tree that is not wide.
const MESSAGE_LINES: usize = 3;
/// Narrowest message, in a deep tree.
const NARROWEST: usize = 40;

/// How the tree looks.
pub(super) struct Style {
    pub(super) is_colored: bool,
    pub(super) is_wide: bool,
    /// Time from which ages are counted.
    pub(super) now: Timestamp,
}

pub(super) fn text(graph: &Graph, style: &Style) -> String {
    let home = home(graph);
    let rows = rows(graph);
    let names: Vec<String> = rows.iter().map(|row| prefix(&row.branches) + &name(row, home, style.is_wide)).collect();
    let longest = names.iter().map(|name| width(name)).max().unwrap_or_default();
    let column = if style.is_wide { longest } else { longest.min(NAMES) };
    let mut out = String::new();
    for (row, name) in rows.iter().zip(&names) {
        let health = format!("{} {:<11}", sign(row.node.health), row.node.health);
        let head = format!("{}  {health}", pad(&cut(name, column), column));
        let details = details(row, style).join(", ");
        let details = if style.is_wide { details } else { cut(&details, WIDTH.saturating_sub(width(&head) + 1)) };
        let line = format!("{head} {details}");
        let line = line.trim_end();
        let _ = writeln!(out, "{}", line.replacen(&health, &style.paint(row.node.health, &health), 1));
        message(&mut out, row, style);
    }
    if rows.is_empty() {
        out.push_str("no objects\n");
    }
    let _ = writeln!(out, "\n{}", summary(graph));
    out
}

/// Returns the namespace that need not be named, because all objects are in it.
fn home(graph: &Graph) -> Option<&str> {
    let mut namespaces = graph.nodes.iter().filter(|node| node.origin == Origin::Object).filter_map(|node| node.namespace.as_deref());
    let first = namespaces.next()?;
    namespaces.all(|namespace| namespace == first).then_some(first)
}

/// Returns how many objects have which health.
fn summary(graph: &Graph) -> String {
    let objects = || graph.nodes.iter().filter(|node| node.origin == Origin::Object);
    let count = objects().count();
    let parts: Vec<_> = Health::iter()
        .rev()
        .map(|health| (health, objects().filter(|node| node.health == health).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(health, count)| format!("{count} {}", health.to_string().to_lowercase()))
        .collect();
    let noun = if count == 1 { "object" } else { "objects" };
    if parts.is_empty() { format!("{count} {noun}") } else { format!("{count} {noun}: {}", parts.join(", ")) }
}

fn name(row: &Row<'_>, home: Option<&str>, is_wide: bool) -> String {
    let node = row.node;
    let label = row.edge.map_or_else(String::new, label);
    if node.kind == NodeKind::Resource {
        let short = Arn::parse(&node.name).map(|arn| format!("{} {}", arn.service, arn.resource)).filter(|_| !is_wide);
        return label + short.as_ref().unwrap_or(&node.name);
    }
    let name = match &node.namespace {
        Some(namespace) if home != Some(namespace) => format!("{namespace}/{}", node.name),
        _ => node.name.clone(),
    };
    let type_ = fact(node, "type").map(|type_| format!(" ({type_})")).unwrap_or_default();
    format!("{label}{} {name}{type_}", node.kind)
}

/// Returns what a connection is, where the kinds at its ends do not say so.
fn label(edge: &Edge) -> String {
    match edge.kind {
        EdgeKind::Source | EdgeKind::Bus | EdgeKind::Rule | EdgeKind::Replay => String::new(),
        EdgeKind::Target => edge.target.as_ref().map(|target| format!("{target}: ")).unwrap_or_default(),
        EdgeKind::DeadLetter => "dead letters: ".into(),
        EdgeKind::Forward => "forwards to ".into(),
        EdgeKind::Consumer => "consumed by ".into(),
        EdgeKind::Uses => "uses ".into(),
    }
}

fn fact<'a>(node: &'a Node, name: &str) -> Option<&'a String> {
    node.facts.iter().find(|fact| fact.name == name).map(|fact| &fact.value)
}

/// Returns what is known of a row, the most important first.
fn details(row: &Row<'_>, style: &Style) -> Vec<String> {
    let (node, mut all) = (row.node, Vec::new());
    let source = if node.kind == NodeKind::EventSource { fact(node, "state") } else { None };
    all.extend(source.cloned());
    all.extend(node.reason.clone().filter(|reason| Some(reason) != source));
    all.extend((node.deleting && node.reason.as_deref() != Some("Deleting")).then(|| "deletion requested".into()));
    if let Some(edge) = row.edge {
        all.extend(connection(edge));
    }
    if let (NodeKind::EventSource, Some(time)) = (node.kind, &node.expires) {
        all.push(format!("expires {}", relative(time, style.now)));
    }
    all.extend(node.last_event.as_ref().map(|time| format!("last event {}", relative(time, style.now))));
    let wanted: &[&str] = match node.kind {
        NodeKind::EventBus => &["bus"],
        NodeKind::EventRule => &["state", "schedule"],
        NodeKind::EventReplay => &["state", "replayed"],
        NodeKind::EventRedrive => &["state", "messages sent"],
        NodeKind::BenchlingBackfill => &["state", "published"],
        NodeKind::AwsAccount => &["account", "region"],
        _ => &[],
    };
    let is_named = |name: &&&str| **name != "state" || node.health == Health::Healthy || node.kind != NodeKind::EventRule;
    all.extend(wanted.iter().filter(is_named).filter_map(|name| fact(node, name).cloned()));
    all.extend((!node.warnings.is_empty()).then(|| count(node.warnings.len(), "warning")));
    all.extend((!node.plan.is_empty()).then(|| format!("{} withheld", count(node.plan.len(), "AWS write"))));
    all.extend(row.is_repeated.then(|| "shown above".into()));
    if style.is_wide {
        let aws = node.aws.as_ref().filter(|_| node.kind != NodeKind::AwsAccount);
        all.extend(aws.map(|aws| [&aws.account, &aws.account_id, &aws.region].map(String::as_str).join(" ").trim().to_owned()));
        all.extend(node.arns.first().filter(|arn| **arn != node.name).cloned());
    }
    all
}

/// Returns what is known of the delivery to a row.
fn connection(edge: &Edge) -> Vec<String> {
    let mut all = Vec::new();
    all.extend((edge.ready == Some(false)).then(|| "target not in place".to_owned()));
    all.extend(edge.deliverable.map(|deliverable| match deliverable {
        "Yes" => "deliverable".to_owned(),
        "No" => "not deliverable".to_owned(),
        _ => "deliverable: unknown".to_owned(),
    }));
    let letters = |count: i64| if count == 1 { "1 message".to_owned() } else { format!("{count} messages") };
    all.extend(edge.dead_letters.map(letters));
    all
}

fn count(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Adds the message of what is not healthy, below its row.
fn message(out: &mut String, row: &Row<'_>, style: &Style) {
    // A source has the message of the subscription or bus below it, and a rule's message contains those of its targets.
    let own = row.node.message.as_ref().filter(|_| row.node.kind != NodeKind::EventSource);
    let of_target = row.edge.filter(|edge| edge.kind == EdgeKind::DeadLetter && edge.dead_letters.is_some_and(|count| count > 0));
    let Some(message) = own.or(of_target.and_then(|edge| edge.message.as_ref())) else { return };
    let before = continued(&row.branches, row.has_children);
    let lines = wrap(message, WIDTH.saturating_sub(width(&before)).max(NARROWEST));
    let most = if style.is_wide { lines.len() } else { MESSAGE_LINES };
    for (index, line) in lines.iter().take(most).enumerate() {
        let end = if index + 1 == most && most < lines.len() { "…" } else { "" };
        let line = if end.is_empty() { line.clone() } else { cut(line, WIDTH.saturating_sub(width(&before)).max(NARROWEST) - 1) + end };
        let _ = writeln!(out, "{}", format!("{before}{line}").trim_end());
    }
}

/// Returns a time as people say it: `3m ago`, `in 2d`.
fn relative(time: &str, now: Timestamp) -> String {
    let Ok(time) = time.parse::<Timestamp>() else { return time.to_owned() };
    let duration = time.duration_since(now);
    if duration > SignedDuration::ZERO { format!("in {}", age(duration)) } else { format!("{} ago", age(-duration)) }
}

fn age(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

impl Style {
    fn paint(&self, health: Health, text: &str) -> String {
        let color = match health {
            Health::Healthy => 32,
            Health::Degraded => 31,
            Health::Progressing | Health::Unknown => 33,
            Health::Paused => 36,
        };
        if self.is_colored { format!("\x1b[{color}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
