//! Which buses, rules and targets names of objects mean. Pure.

use std::collections::BTreeSet;

use tributary_core::names::Arn;

use super::{
    filter::{Filter, RuleFilter},
    names::label,
};
use crate::cli::graph::{EdgeKind, Graph, Node, NodeKind, Origin};

/// Names of objects, as `NAME` or `NAMESPACE/NAME`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) bus: Option<String>,
    pub(super) rule: Option<String>,
    pub(super) target: Option<String>,
}

/// A log group that events themselves are delivered to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EventGroup {
    pub(super) name: String,
    pub(super) region: String,
}

/// What the names mean.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Resolved {
    /// Nodes of buses.
    pub(super) buses: Vec<Node>,
    pub(super) filter: Filter,
    pub(super) event_groups: Vec<EventGroup>,
}

/// Returns the buses whose logs have the events, and what to select from them.
///
/// # Errors
/// An object that is named does not exist, or is not in AWS yet.
pub(super) fn resolve(graph: &Graph, wanted: &Wanted) -> Result<Resolved, String> {
    let rule = wanted.rule.as_ref().map(|name| find(graph, &[NodeKind::EventRule], name)).transpose()?;
    let sink = wanted.target.as_ref().map(|name| find(graph, &[NodeKind::EventSink], name)).transpose()?;
    let mut filter = Filter::default();
    if let Some(rule) = rule {
        filter.rule = Some(RuleFilter::Arn(arn(rule)?.to_owned()));
    }
    if let Some(sink) = sink {
        filter.targets.push(arn(sink)?.trim_end_matches(":*").to_owned());
    }
    let rules = || graph.edges.iter().filter(|edge| edge.kind == EdgeKind::Rule);
    let of_rule = |rule: &str| rules().filter(|edge| edge.to == rule).map(|edge| edge.from.clone()).collect::<BTreeSet<_>>();
    let ids: BTreeSet<String> = match (&wanted.bus, rule, sink) {
        (Some(bus), ..) => bus_ids(graph, bus)?,
        (None, Some(rule), _) => of_rule(&rule.id),
        (None, None, Some(sink)) => {
            let senders = graph.edges.iter().filter(|edge| edge.kind == EdgeKind::Target && edge.to == sink.id);
            let ids: BTreeSet<String> = senders.flat_map(|edge| of_rule(&edge.from)).collect();
            if ids.is_empty() {
                return Err(format!("no EventRule sends to {}. Correct --target, or set -A.", label(sink)));
            }
            ids
        }
        (None, None, None) => {
            let own = |node: &&std::sync::Arc<Node>| node.kind == NodeKind::EventBus && node.origin == Origin::Object;
            graph.nodes.iter().filter(own).map(|node| node.id.clone()).collect()
        }
    };
    let buses: Vec<Node> = ids.iter().filter_map(|id| graph.node(id)).cloned().collect();
    let event_groups = event_groups(graph, &ids);
    Ok(Resolved { buses, filter, event_groups })
}

/// Returns the buses that a name means: that of an `EventBus`, or of an object that has one.
fn bus_ids(graph: &Graph, name: &str) -> Result<BTreeSet<String>, String> {
    let owners = [NodeKind::EventBus, NodeKind::BenchlingSubscription, NodeKind::BenchlingApp];
    let found = find(graph, &owners, name)?;
    if found.kind == NodeKind::EventBus {
        return Ok(BTreeSet::from([found.id.clone()]));
    }
    let buses = graph.edges.iter().filter(|edge| edge.kind == EdgeKind::Bus && edge.from == found.id);
    Ok(buses.map(|edge| edge.to.clone()).collect())
}

/// Finds an object. The kinds are in the order of preference: a subscription and its bus have the same name.
fn find<'a>(graph: &'a Graph, kinds: &[NodeKind], name: &str) -> Result<&'a Node, String> {
    let is_named =
        |node: &Node| node.name == name || node.namespace.as_ref().is_some_and(|namespace| format!("{namespace}/{}", node.name) == name);
    for kind in kinds {
        let nodes = graph.nodes.iter().map(|node| &**node);
        let found: Vec<&Node> = nodes.filter(|node| node.kind == *kind && node.origin == Origin::Object && is_named(node)).collect();
        match found.as_slice() {
            [] => {}
            [one] => return Ok(one),
            [first, second, ..] => {
                return Err(format!("{name} is {} and {}. Use NAMESPACE/NAME.", label(first), label(second)));
            }
        }
    }
    let kind = kinds.first().copied().unwrap_or(NodeKind::EventBus);
    let unread = graph.notes.iter().find(|note| note.kind == kind).map(|note| format!(" Not read: {}", note.message));
    let next = unread.unwrap_or_else(|| " Correct the name, or set -n NAMESPACE or -A.".into());
    Err(format!("{kind} {name} not found.{next}"))
}

fn arn(node: &Node) -> Result<&str, String> {
    node.arns.first().map(String::as_str).ok_or_else(|| {
        let why = node.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
        format!("{} does not exist in AWS yet{why}", label(node))
    })
}

/// Returns the log groups that rules of these buses send whole events to, such as the monitoring of a subscription.
fn event_groups(graph: &Graph, buses: &BTreeSet<String>) -> Vec<EventGroup> {
    let rules = graph.edges.iter().filter(|edge| edge.kind == EdgeKind::Rule && buses.contains(&edge.from));
    let details = rules.filter_map(|edge| graph.node(&edge.to)?.rule.as_ref());
    let whole = details
        .flat_map(|details| &details.targets)
        .filter(|target| target.input.is_none() && target.input_path.is_none() && target.input_transformer.is_none());
    let arns = whole.filter_map(|target| graph.node(&target.sink)?.arns.first());
    let groups: BTreeSet<EventGroup> = arns.filter_map(|arn| group_of(arn)).collect();
    groups.into_iter().collect()
}

/// Returns the log group of an ARN; `None` for other ARNs.
pub(super) fn group_of(arn: &str) -> Option<EventGroup> {
    let parsed = Arn::parse(arn).filter(|arn| arn.service == "logs")?;
    let name = parsed.resource.strip_prefix("log-group:")?.trim_end_matches(":*");
    Some(EventGroup { name: name.to_owned(), region: parsed.region.to_owned() })
}
