//! The graph as a picture: for Graphviz, for Mermaid, and as SVG with a layout of its own.

pub(super) mod dot;
mod layout;
pub(super) mod mermaid;
pub(super) mod svg;

use crate::cli::{
    graph::{Edge, EdgeKind, Graph, Node, NodeKind},
    tree::sign,
};

/// Returns the two lines in the box of a node.
fn lines(node: &Node) -> [String; 2] {
    let type_ = node.facts.iter().find(|fact| fact.name == "type").map(|fact| format!(" ({})", fact.value)).unwrap_or_default();
    let kind = if node.kind == NodeKind::Resource { "AWS".to_owned() } else { node.kind.to_string() };
    let name = match &node.namespace {
        Some(namespace) => format!("{namespace}/{}", node.name),
        None => node.name.clone(),
    };
    [format!("{} {kind}{type_}", sign(node.health)), name]
}

/// Returns the text at a connection.
fn label(edge: &Edge) -> String {
    let kind = match edge.kind {
        EdgeKind::Source | EdgeKind::Bus | EdgeKind::Rule => String::new(),
        EdgeKind::Target => edge.target.clone().unwrap_or_default(),
        EdgeKind::DeadLetter => "dead letters".into(),
        EdgeKind::Forward => "forwards".into(),
        EdgeKind::Consumer => "consumed by".into(),
        EdgeKind::Uses => "uses".into(),
        EdgeKind::Replay => "replays".into(),
    };
    if is_broken(edge) { format!("{kind}: not deliverable").trim_start_matches(": ").to_owned() } else { kind }
}

fn is_broken(edge: &Edge) -> bool {
    edge.deliverable == Some("No")
}

/// Returns whether no events pass in the normal case.
fn is_dashed(edge: &Edge) -> bool {
    matches!(edge.kind, EdgeKind::DeadLetter | EdgeKind::Uses | EdgeKind::Replay)
}

/// Returns the connections whose both ends are in the graph, as indexes of its nodes.
fn connections(graph: &Graph) -> impl Iterator<Item = (usize, usize, &Edge)> {
    let index = |id: &str| graph.nodes.binary_search_by(|node| node.id.as_str().cmp(id)).ok();
    graph.edges.iter().filter_map(move |edge| Some((index(&edge.from)?, index(&edge.to)?, edge)))
}
