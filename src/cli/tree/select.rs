//! Which part of a graph to show: what is around an object, or what is not healthy.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use strum::IntoEnumIterator;

use crate::cli::{
    Error,
    graph::{Edge, Graph, Health, Node, NodeKind, Origin},
};

/// `KIND/NAME`, as kubectl takes it, or `KIND/NAMESPACE/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    kind: NodeKind,
    /// May be `NAMESPACE/NAME`.
    name: String,
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, name) = text.split_once('/').filter(|(_, name)| !name.is_empty()).ok_or("use KIND/NAME, such as eventrule/orders")?;
        let is_kind = |candidate: &NodeKind| names(*candidate).iter().any(|name| name.eq_ignore_ascii_case(kind));
        let kind = NodeKind::iter().find(is_kind).ok_or_else(|| {
            let all = NodeKind::iter().filter(|kind| !names(*kind).is_empty()).map(|kind| kind.to_string()).collect::<Vec<_>>();
            format!("kind {kind} does not exist. Use one of {}", all.join(", "))
        })?;
        Ok(Self { kind, name: name.to_owned() })
    }
}

/// Returns the names under which kubectl knows a kind, from its CRD.
fn names(kind: NodeKind) -> Vec<String> {
    let crd = tributary_api::crds().into_iter().find(|crd| crd.spec.names.kind == kind.to_string());
    match (crd, kind) {
        (Some(crd), _) => {
            let names = crd.spec.names;
            [Some(names.kind), Some(names.plural), names.singular]
                .into_iter()
                .flatten()
                .chain(names.short_names.into_iter().flatten())
                .collect()
        }
        (None, NodeKind::EventSource) => vec![kind.to_string()],
        (None, _) => vec![],
    }
}

impl Reference {
    fn matches(&self, node: &Node) -> bool {
        let has_name = |name: &str| self.name == name;
        node.kind == self.kind
            && (has_name(&node.name) || node.namespace.as_ref().is_some_and(|namespace| has_name(&format!("{namespace}/{}", node.name))))
    }
}

/// Returns whether a node needs attention. What a person paused does not, and of what was not read nothing is known.
pub(super) fn is_unhealthy(node: &Node) -> bool {
    node.origin != Origin::NotRead && matches!(node.health, Health::Degraded | Health::Unknown | Health::Progressing)
}

/// Returns whether a connection does not deliver.
pub(super) fn is_broken(edge: &Edge) -> bool {
    edge.deliverable == Some("No") || edge.ready == Some(false)
}

/// Returns the object, everything that sends to it, and everything that it sends to.
///
/// # Errors
/// There is no such object.
pub(super) fn around(graph: Graph, reference: &Reference) -> Result<Graph, Error> {
    let found: BTreeSet<&str> = graph.nodes.iter().filter(|node| reference.matches(node)).map(|node| node.id.as_str()).collect();
    let is_absent = found.iter().all(|id| graph.node(id).is_none_or(|node| matches!(node.origin, Origin::Missing | Origin::NotRead)));
    if is_absent {
        let why = graph.notes.iter().find(|note| note.kind == reference.kind).map(|note| format!(" Not read: {}", note.message));
        let next = why.unwrap_or_else(|| " Correct the name, or set -n NAMESPACE or -A.".into());
        return Err(format!("{} {} not found.{next}", reference.kind, reference.name).into());
    }
    let mut kept = reach(&graph, &found, |edge| (&edge.from, &edge.to));
    kept.extend(reach(&graph, &found, |edge| (&edge.to, &edge.from)));
    let kept = kept.into_iter().map(str::to_owned).collect();
    Ok(restrict(graph, &kept))
}

/// Returns what is not healthy, and everything that sends to it.
pub(super) fn unhealthy(graph: Graph) -> Graph {
    let broken = || graph.edges.iter().filter(|edge| is_broken(edge));
    let nodes = graph.nodes.iter().filter(|node| is_unhealthy(node)).map(|node| node.id.as_str());
    let found = nodes.chain(broken().map(|edge| edge.from.as_str())).collect();
    let mut kept: BTreeSet<String> = reach(&graph, &found, |edge| (&edge.to, &edge.from)).into_iter().map(str::to_owned).collect();
    // Not what else sends to them, which may be able to deliver.
    kept.extend(broken().map(|edge| edge.to.clone()));
    restrict(graph, &kept)
}

/// Returns all nodes that can be reached from these in one direction.
fn reach<'a>(graph: &'a Graph, from: &BTreeSet<&'a str>, ends: impl Fn(&'a Edge) -> (&'a String, &'a String)) -> BTreeSet<&'a str> {
    let mut next: BTreeMap<&str, Vec<&Edge>> = BTreeMap::new();
    for edge in &graph.edges {
        next.entry(ends(edge).0).or_default().push(edge);
    }
    let mut reached = from.clone();
    let mut open: Vec<&str> = from.iter().copied().collect();
    while let Some(id) = open.pop() {
        for edge in next.get(id).into_iter().flatten() {
            let to = ends(edge).1.as_str();
            if reached.insert(to) {
                open.push(to);
            }
        }
    }
    reached
}

fn restrict(graph: Graph, kept: &BTreeSet<String>) -> Graph {
    let is_kept = |edge: &Edge| {
        kept.contains(&edge.from)
            && kept.contains(&edge.to)
            && edge.via.as_ref().is_none_or(|via| kept.contains(via) || !via.starts_with("EventRule/"))
    };
    Graph {
        nodes: graph.nodes.into_iter().filter(|node| kept.contains(&node.id)).collect(),
        edges: graph.edges.into_iter().filter(is_kept).collect(),
        ..graph
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_the_names_of_kubectl() {
        for text in ["EventRule/r", "eventrules/r", "erule/r", "eventrule/r"] {
            assert_eq!(text.parse(), Ok(Reference { kind: NodeKind::EventRule, name: "r".into() }), "{text}");
        }
        assert_eq!("ebus/ns/b".parse(), Ok(Reference { kind: NodeKind::EventBus, name: "ns/b".into() }));
        for text in ["r", "erule/", "pod/r", "resource/r", ""] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }
}
