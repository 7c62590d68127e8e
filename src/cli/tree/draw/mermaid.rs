//! The graph as a Mermaid flowchart, which GitHub and GitLab render in Markdown.

use std::fmt::Write as _;

use strum::IntoEnumIterator;

use super::{connections, is_broken, is_dashed, label, lines};
use crate::cli::graph::{Graph, Health};

pub(in crate::cli::tree) fn mermaid(graph: &Graph) -> String {
    let mut out = String::from("flowchart LR\n");
    for (index, node) in graph.nodes.iter().enumerate() {
        let [kind, name] = lines(node);
        let _ = writeln!(out, "  n{index}[\"{}<br/>{}\"]:::{}", escape(&kind), escape(&name), class(node.health));
    }
    let mut broken = Vec::new();
    for (number, (from, to, edge)) in connections(graph).enumerate() {
        let arrow = if is_dashed(edge) { "-.->" } else { "-->" };
        let label = label(edge);
        let label = if label.is_empty() { String::new() } else { format!("|\"{}\"|", escape(&label)) };
        let _ = writeln!(out, "  n{from} {arrow}{label} n{to}");
        if is_broken(edge) {
            broken.push(number.to_string());
        }
    }
    if !broken.is_empty() {
        let _ = writeln!(out, "  linkStyle {} stroke:#c0392b", broken.join(","));
    }
    for health in Health::iter() {
        let colors = match health {
            Health::Healthy => "fill:#d7f0dc,stroke:#2e7d32",
            Health::Degraded => "fill:#f8d4d0,stroke:#c0392b",
            Health::Progressing => "fill:#fdf0c4,stroke:#b7791f",
            Health::Paused => "fill:#dce6f5,stroke:#3b5b92",
            Health::Unknown => "fill:#e6e6e6,stroke:#777777",
        };
        let _ = writeln!(out, "  classDef {} {colors},color:#111111", class(health));
    }
    out
}

fn class(health: Health) -> String {
    health.to_string().to_lowercase()
}

/// Escapes text for a quoted label: by entity codes, because Mermaid has no other escapes (Mermaid documentation, "Flowcharts - Basic
/// Syntax", "Entity codes to escape characters").
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        // Mermaid makes a line break of a backslash and an `n`, even of their codes: a word joiner, which is not visible, goes between.
        if (before, c) == ('\\', 'n') {
            out.push_str("#8288;");
        }
        before = c;
        match c {
            // `;` ends an entity code, `#` begins one; a backtick begins Markdown.
            '"' | '#' | ';' | '<' | '>' | '&' | '`' | '\\' | '|' | '{' | '}' | '[' | ']' => {
                let _ = write!(out, "#{};", u32::from(c));
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
