//! The rows of the tree: each root, and what is below it in the direction of the events.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::graph::{Edge, EdgeKind, Graph, Node, NodeKind};

/// A line of the tree.
#[derive(Clone, Debug)]
pub(super) struct Row<'a> {
    /// For each level, whether the row's branch is the last one there.
    pub(super) branches: Vec<bool>,
    pub(super) node: &'a Node,
    /// Connection to the row above it.
    pub(super) edge: Option<&'a Edge>,
    /// Whether what is below the node is shown above.
    pub(super) is_repeated: bool,
    /// Whether rows are below this one.
    pub(super) has_children: bool,
}

/// Returns the rows of all trees.
pub(super) fn rows(graph: &Graph) -> Vec<Row<'_>> {
    let mut forest = Forest { graph, children: BTreeMap::new(), shown: BTreeSet::new(), rows: Vec::new() };
    for edge in &graph.edges {
        // A replay is shown below the bus that it publishes to.
        let parent = if edge.kind == EdgeKind::Replay { &edge.to } else { &edge.from };
        forest.children.entry(parent).or_default().push(edge);
    }
    let below: BTreeSet<&str> = forest.children.values().flatten().map(|edge| child(edge)).collect();
    let mut roots: Vec<&Node> = graph.nodes.iter().map(AsRef::as_ref).filter(|node| !below.contains(node.id.as_str())).collect();
    roots.sort_by_key(|node| (rank(node), &node.id));
    for root in roots {
        forest.show(root, None, None, &mut Vec::new());
    }
    // Buses that send to each other in a circle have no root.
    let rest: Vec<&Node> = graph.nodes.iter().map(AsRef::as_ref).filter(|node| !forest.shown.contains(node.id.as_str())).collect();
    for node in rest {
        if !forest.shown.contains(node.id.as_str()) {
            forest.show(node, None, None, &mut Vec::new());
        }
    }
    forest.rows
}

/// Where a root is in the list: sources first, accounts last.
fn rank(node: &Node) -> u8 {
    match node.kind {
        NodeKind::EventSource => 0,
        NodeKind::BenchlingSubscription => 1,
        NodeKind::BenchlingApp => 2,
        NodeKind::EventBus => 3,
        NodeKind::EventRule => 4,
        NodeKind::EventSink => 5,
        NodeKind::EventReplay | NodeKind::EventRedrive | NodeKind::BenchlingBackfill | NodeKind::Resource => 6,
        NodeKind::AwsAccount => 7,
    }
}

fn child(edge: &Edge) -> &str {
    if edge.kind == EdgeKind::Replay { &edge.from } else { &edge.to }
}

struct Forest<'a> {
    graph: &'a Graph,
    children: BTreeMap<&'a str, Vec<&'a Edge>>,
    /// Nodes that have a row.
    shown: BTreeSet<&'a str>,
    rows: Vec<Row<'a>>,
}

impl<'a> Forest<'a> {
    /// Adds the row of a node and those below it. `rule` is the rule that the row is below.
    fn show(&mut self, node: &'a Node, edge: Option<&'a Edge>, rule: Option<&'a str>, branches: &mut Vec<bool>) {
        let is_new = self.shown.insert(&node.id);
        let rule = if node.kind == NodeKind::EventRule { Some(node.id.as_str()) } else { rule };
        // A sink has a row for each rule, because its dead-letter queue is that of the rule's target.
        let is_of_target = |edge: &&&Edge| edge.via.as_deref().is_none_or(|via| !via.starts_with("EventRule/") || Some(via) == rule);
        let is_of_same_target = |below: &&&Edge| {
            below.via.is_none() || below.target.is_none() || edge.and_then(|edge| edge.target.as_ref()) == below.target.as_ref()
        };
        let children: Vec<&'a Edge> =
            self.children.get(node.id.as_str()).into_iter().flatten().filter(is_of_target).filter(is_of_same_target).copied().collect();
        let expands = is_new || node.kind == NodeKind::EventSink && branches.len() < DEEPEST;
        let is_repeated = !expands && !children.is_empty();
        self.rows.push(Row { branches: branches.clone(), node, edge, is_repeated, has_children: expands && !children.is_empty() });
        if !expands {
            return;
        }
        let last = children.len().saturating_sub(1);
        for (index, edge) in children.into_iter().enumerate() {
            let Some(node) = self.graph.node(child(edge)) else { continue };
            branches.push(index == last);
            self.show(node, Some(edge), rule, branches);
            branches.pop();
        }
    }
}

/// Depth from which sinks that are shown above are not shown again: sinks can refer to each other.
const DEEPEST: usize = 8;
