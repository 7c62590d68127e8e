//! The graph in the language of Graphviz.

use std::fmt::Write as _;

use super::{connections, is_broken, is_dashed, label, lines};
use crate::cli::graph::{Graph, Health};

pub(in crate::cli::tree) fn dot(graph: &Graph) -> String {
    let mut out =
        String::from("digraph tributary {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n");
    for (index, node) in graph.nodes.iter().enumerate() {
        let [kind, name] = lines(node);
        let color = match node.health {
            Health::Healthy => "#d7f0dc",
            Health::Degraded => "#f8d4d0",
            Health::Progressing => "#fdf0c4",
            Health::Paused => "#dce6f5",
            Health::Unknown => "#e6e6e6",
        };
        let tooltip = node.message.as_deref().unwrap_or(&node.id);
        let _ = writeln!(
            out,
            "  n{index} [label=\"{}\\n{}\", fillcolor=\"{color}\", tooltip=\"{}\"];",
            escape(&kind),
            escape(&name),
            escape(tooltip)
        );
    }
    for (from, to, edge) in connections(graph) {
        let style = if is_dashed(edge) { ", style=dashed" } else { "" };
        let color = if is_broken(edge) { ", color=\"#c0392b\"" } else { "" };
        let _ = writeln!(out, "  n{from} -> n{to} [label=\"{}\"{style}{color}];", escape(&label(edge)));
    }
    out.push_str("}\n");
    out
}

/// Escapes text for a quoted string. Graphviz takes a backslash as the start of an escape (Graphviz documentation, "escString").
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ")
}
