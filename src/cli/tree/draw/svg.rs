//! The graph as SVG. Colors follow the color scheme of the reader.

use std::fmt::Write as _;

use super::{connections, is_broken, is_dashed, label, layout::layout, lines};
use crate::cli::{
    graph::{Graph, Node},
    xml::escape,
};

/// Sizes in pixels.
const BOX: (usize, usize) = (230, 46);
const GAP: (usize, usize) = (90, 18);
const MARGIN: usize = 20;
/// Characters of the monospaced font that fit in a box.
const FIT: usize = 29;

const STYLE: &str = "\
  svg { background: #ffffff; color: #1b1f24; font: 12px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
  text { fill: currentColor; }
  .kind { font-size: 11px; opacity: .8; }
  rect { fill: #f3f4f6; stroke: #6b7280; stroke-width: 1.5; }
  path { fill: none; stroke: #6b7280; stroke-width: 1.3; }
  .dashed { stroke-dasharray: 5 4; }
  path.broken { stroke: #c0392b; stroke-width: 2; }
  .healthy rect { stroke: #2e7d32; }
  .degraded rect { fill: #fdecea; stroke: #c0392b; stroke-width: 2.5; }
  .progressing rect { fill: #fff8e1; stroke: #b7791f; }
  .paused rect { fill: #eaf1fb; stroke: #3b5b92; }
  .unknown rect { stroke-dasharray: 4 3; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0f1318; color: #e6e9ee; }
    rect { fill: #1c232c; stroke: #8b949e; }
    path { stroke: #8b949e; }
    path.broken { stroke: #ff7b72; }
    .healthy rect { stroke: #56b870; }
    .degraded rect { fill: #3b1618; stroke: #ff7b72; }
    .progressing rect { fill: #332a10; stroke: #e0a93b; }
    .paused rect { fill: #16243a; stroke: #79a7f0; }
  }
";

pub(in crate::cli::tree) fn svg(graph: &Graph) -> String {
    let layout = layout(graph);
    let span = |count: usize, size: usize, gap: usize| 2 * MARGIN + count * size + count.saturating_sub(1) * gap;
    let (width, height) = (span(layout.columns, BOX.0, GAP.0), span(layout.rows, BOX.1, GAP.1));
    let corner = |node: usize| {
        let (column, row) = layout.cells[node];
        (MARGIN + column * (BOX.0 + GAP.0), MARGIN + row * (BOX.1 + GAP.1))
    };
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n\
         <title>Event buses, rules and sinks</title>\n<style>\n{STYLE}</style>\n\
         <defs><marker id=\"end\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
         <path d=\"M0 0L8 4L0 8\"/></marker></defs>\n"
    );
    for (from, to, edge) in connections(graph) {
        let ((x1, y1), (x2, y2)) = (corner(from), corner(to));
        let (y1, y2) = (y1 + BOX.1 / 2, y2 + BOX.1 / 2);
        let classes = [(is_dashed(edge), "dashed"), (is_broken(edge), "broken")]
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, name)| *name)
            .collect::<Vec<_>>();
        let [kind, name] = lines(&graph.nodes[to]);
        let title = format!("{} {kind} {name}", label(edge));
        let _ = writeln!(
            out,
            "<path class=\"{}\" d=\"{}\" marker-end=\"url(#end)\"><title>{}</title></path>",
            classes.join(" "),
            curve((x1, y1), (x2, y2)),
            escape(title.trim())
        );
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        rectangle(&mut out, node, corner(index));
    }
    out.push_str("</svg>\n");
    out
}

/// Returns a curve from the right side of a box to the left side of another one. Within a column, and backwards, it goes around the boxes.
fn curve((x1, y1): (usize, usize), (x2, y2): (usize, usize)) -> String {
    let (start, half) = (x1 + BOX.0, GAP.0 / 2);
    if x2 > x1 {
        let middle = start.midpoint(x2);
        format!("M{start} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}")
    } else {
        let left = x2.saturating_sub(half);
        let between = y1.max(y2) + BOX.1 / 2 + GAP.1 / 2;
        format!(
            "M{start} {y1}C{} {y1} {} {between} {start} {between}L{x2} {between}C{left} {between} {left} {y2} {x2} {y2}",
            start + half,
            start + half
        )
    }
}

fn rectangle(out: &mut String, node: &Node, (x, y): (usize, usize)) {
    let [kind, name] = lines(node);
    let title = match &node.message {
        Some(message) => format!("{}: {}: {message}", node.id, node.health),
        None => format!("{}: {}", node.id, node.health),
    };
    let _ = writeln!(
        out,
        "<g class=\"{}\"><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"6\"/>\
         <text class=\"kind\" x=\"{}\" y=\"{}\">{}</text><text x=\"{}\" y=\"{}\">{}</text></g>",
        node.health.to_string().to_lowercase(),
        escape(&title),
        BOX.0,
        BOX.1,
        x + 10,
        y + 18,
        escape(&fit(&kind)),
        x + 10,
        y + 36,
        escape(&fit(&name))
    );
}

/// Cuts a text in the middle, because names often differ at their ends only.
fn fit(text: &str) -> String {
    let count = text.chars().count();
    if count <= FIT {
        return text.to_owned();
    }
    let (head, tail) = (FIT / 2, FIT - FIT / 2 - 1);
    text.chars().take(head).chain(['…']).chain(text.chars().skip(count - tail)).collect()
}
