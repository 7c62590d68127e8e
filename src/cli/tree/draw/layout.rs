//! Places the nodes of a graph in columns: sources on the left, dead-letter queues on the right. Pure.

use std::collections::BTreeMap;

use super::connections;
use crate::cli::graph::{EdgeKind, Graph, NodeKind};

/// How often the order in the columns is improved.
const SWEEPS: usize = 8;

/// Where the nodes are.
pub(super) struct Layout {
    /// Column and row of each node, in the order of the graph.
    pub(super) cells: Vec<(usize, usize)>,
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// Returns a cell for each node. No two nodes have the same one.
pub(super) fn layout(graph: &Graph) -> Layout {
    let columns = columns(graph);
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (node, column) in columns.iter().enumerate() {
        members.entry(*column).or_default().push(node);
    }
    let mut neighbors: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for (from, to, _) in connections(graph) {
        neighbors[from].push(to);
        neighbors[to].push(from);
    }
    let mut position = vec![0.0; graph.nodes.len()];
    for nodes in members.values() {
        place(nodes, &mut position);
    }
    for sweep in 0..SWEEPS {
        let order: Vec<usize> = if sweep % 2 == 0 { members.keys().copied().collect() } else { members.keys().rev().copied().collect() };
        for column in order {
            let Some(nodes) = members.get_mut(&column) else { continue };
            let mean = |node: usize| {
                // The neighbors on the side that was placed before.
                let of_side: Vec<f64> = neighbors[node]
                    .iter()
                    .filter(|other| (columns[**other] < column) == (sweep % 2 == 0) && columns[**other] != column)
                    .map(|other| position[*other])
                    .collect();
                #[allow(clippy::cast_precision_loss)] // A mean of row numbers.
                let count = of_side.len() as f64;
                if of_side.is_empty() { position[node] } else { of_side.iter().sum::<f64>() / count }
            };
            let means: BTreeMap<usize, f64> = nodes.iter().map(|node| (*node, mean(*node))).collect();
            nodes.sort_by(|a, b| means[a].total_cmp(&means[b]).then(a.cmp(b)));
            place(nodes, &mut position);
        }
    }
    let mut cells = vec![(0, 0); graph.nodes.len()];
    // Empty columns take no space.
    for (column, nodes) in members.values().enumerate() {
        for (row, node) in nodes.iter().enumerate() {
            cells[*node] = (column, row);
        }
    }
    Layout { cells, columns: members.len(), rows: members.values().map(Vec::len).max().unwrap_or_default() }
}

/// Sets the positions of a column from its order. They are relative, so that columns of different lengths are centered on each other.
fn place(nodes: &[usize], position: &mut [f64]) {
    #[allow(clippy::cast_precision_loss)] // Numbers of rows.
    let length = nodes.len() as f64;
    for (row, node) in nodes.iter().enumerate() {
        #[allow(clippy::cast_precision_loss)] // Numbers of rows.
        let row = row as f64;
        position[*node] = (row + 0.5) / length;
    }
}

fn columns(graph: &Graph) -> Vec<usize> {
    let mut columns: Vec<usize> = graph
        .nodes
        .iter()
        .map(|node| match node.kind {
            NodeKind::EventSource | NodeKind::AwsAccount => 0,
            NodeKind::BenchlingSubscription | NodeKind::BenchlingApp | NodeKind::BenchlingBackfill | NodeKind::EventReplay => 1,
            NodeKind::EventBus => 2,
            NodeKind::EventRule | NodeKind::EventRedrive => 3,
            NodeKind::EventSink => 4,
            NodeKind::Resource => 5,
        })
        .collect();
    let mut is_target = vec![false; graph.nodes.len()];
    let mut is_dead_letter = vec![false; graph.nodes.len()];
    for (_, to, edge) in connections(graph) {
        is_target[to] |= edge.kind == EdgeKind::Target;
        is_dead_letter[to] |= edge.kind == EdgeKind::DeadLetter;
    }
    for (node, column) in columns.iter_mut().enumerate() {
        if graph.nodes[node].kind == NodeKind::EventSink && is_dead_letter[node] && !is_target[node] {
            *column = 5;
        }
    }
    columns
}
