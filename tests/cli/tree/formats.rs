//! The formats for machines and for pictures are well-formed, whatever objects are called.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{cluster::Cluster, text};

use super::{
    assert_golden, every_state,
    objects::{condition, object},
    tree,
};

/// Objects with texts that are special in one of the formats.
fn hostile() -> Vec<Value> {
    let message = "a \"b\" <c> & ]]> #quot; `d` | {e} \\ \u{1}\n$&";
    let conditions = json!([condition("Ready", "False", "AccessDenied", message), condition("Stalled", "True", "AccessDenied", message)]);
    let spec = json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["x"]}, "targets": [{"name": "end", "sinkRef": {"name": "s"}}]});
    let source = json!({"eventSourceName": "aws.partner/a#b;/\"c\"<d>"});
    vec![
        object("EventRule", "prod", "subgraph", &spec, &json!({"conditions": conditions})),
        object("EventBus", "prod", "b", &source, &json!({"conditions": conditions, "eventSource": {"name": "x", "state": "Active"}})),
    ]
}

#[test]
fn json_has_the_documented_fields() {
    let cluster = Cluster::new(every_state());
    let graph: Value = serde_json::from_str(&tree(&cluster, &["-o", "json"])).unwrap();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/graph-schema.md")).unwrap();
    let documented = |heading: &str| -> BTreeSet<String> {
        let section = page.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
        section.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned())).collect()
    };
    let used = |list: &Value| -> BTreeSet<String> {
        list.as_array().unwrap().iter().flat_map(|item| item.as_object().unwrap().keys().cloned()).collect()
    };
    assert_eq!(graph.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>(), documented("Graph"));
    let inner = |list: &str, field: &str| -> Value {
        graph[list].as_array().unwrap().iter().flat_map(|item| item[field].as_array().cloned().unwrap_or_default()).collect()
    };
    let rules: Value = graph["nodes"].as_array().unwrap().iter().filter_map(|node| node.get("rule").cloned()).collect();
    let targets: Value = rules.as_array().unwrap().iter().flat_map(|rule| rule["targets"].as_array().cloned().unwrap()).collect();
    for (heading, list) in [
        ("Node", &graph["nodes"]),
        ("Edge", &graph["edges"]),
        ("Condition", &inner("nodes", "conditions")),
        ("Rule", &rules),
        ("Target", &targets),
    ] {
        let (used, documented) = (used(list), documented(heading));
        assert!(!used.is_empty() && used.is_subset(&documented), "{heading}: {:?}", used.difference(&documented).collect::<Vec<_>>());
    }
    let ids: BTreeSet<&str> = graph["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect();
    for edge in graph["edges"].as_array().unwrap() {
        for end in ["from", "to", "via"] {
            assert!(edge.get(end).is_none_or(|id| ids.contains(id.as_str().unwrap())), "{edge}");
        }
    }
    let values = |list: &str, field: &str| -> BTreeSet<String> {
        graph[list].as_array().unwrap().iter().map(|item| item[field].as_str().unwrap().to_owned()).collect()
    };
    for value in [values("nodes", "health"), values("nodes", "origin"), values("nodes", "kind"), values("edges", "kind")].concat() {
        assert!(page.contains(&format!("`{value}`")), "{value} is not documented");
    }
}

trait Concat {
    fn concat(self) -> Vec<String>;
}

impl<const N: usize> Concat for [BTreeSet<String>; N] {
    fn concat(self) -> Vec<String> {
        self.into_iter().flatten().collect()
    }
}

#[test]
fn pictures_have_every_node_and_connection() {
    let cluster = Cluster::new(every_state());
    let graph: Value = serde_json::from_str(&tree(&cluster, &["-o", "json"])).unwrap();
    let (nodes, edges) = (graph["nodes"].as_array().unwrap().len(), graph["edges"].as_array().unwrap().len());
    let (dot, mermaid, svg) = (tree(&cluster, &["-o", "dot"]), tree(&cluster, &["-o", "mermaid"]), tree(&cluster, &["-o", "svg"]));
    let count = |text: &str, what: &str| text.matches(what).count();
    assert_eq!((count(&dot, "fillcolor="), count(&dot, " -> ")), (nodes, edges));
    let arrows = mermaid.lines().filter(|line| line.contains("-->") || line.contains("-.->")).count();
    assert_eq!((count(&mermaid, "]:::"), arrows), (nodes, edges));
    assert_eq!((count(&svg, "<rect "), count(&svg, "marker-end=")), (nodes, edges));
    assert_golden("mermaid.txt", &mermaid);
    assert_golden("tree.svg", &svg);
}

#[test]
fn texts_cannot_break_a_format() {
    let cluster = Cluster::new(hostile());
    let dot = tree(&cluster, &["-o", "dot"]);
    for line in dot.lines().filter(|line| line.contains("label=")) {
        let unescaped = line.replace("\\\\", "").replace("\\\"", "");
        assert_eq!(unescaped.matches('"').count() % 2, 0, "quotes are in pairs: {line}");
    }
    let mermaid = tree(&cluster, &["-o", "mermaid"]);
    for line in mermaid.lines().filter(|line| line.contains("]:::")) {
        let label = line.split_once("[\"").unwrap().1.rsplit_once("\"]").unwrap().0.replace("<br/>", "");
        let is_plain = |c: char| !"\"<>&`|{}[]\\".contains(c);
        assert!(label.chars().all(is_plain), "{label}");
        // A `#` begins an entity code, and nothing else.
        assert!(label.split('#').skip(1).all(|rest| rest.split_once(';').is_some_and(|(code, _)| code.parse::<u32>().is_ok())), "{label}");
    }
    let svg = tree(&cluster, &["-o", "svg"]);
    let mut python = std::process::Command::new("python3");
    python.args(["-c", "import sys, xml.dom.minidom as m; m.parseString(sys.stdin.buffer.read())"]);
    let parsed = crate::with_input(python, &svg);
    assert!(parsed.status.success(), "{svg}\n{}", text(&parsed.stderr));
}

#[test]
fn texts_of_a_picture_do_not_overlap() {
    let cluster = Cluster::new(every_state());
    let svg = tree(&cluster, &["-o", "svg"]);
    let number =
        |tag: &str, name: &str| -> usize { tag.split_once(&format!(" {name}=\"")).unwrap().1.split_once('"').unwrap().0.parse().unwrap() };
    let mut boxes = BTreeSet::new();
    for group in svg.split("<g class=").skip(1) {
        let rect = group.split_once("<rect").unwrap().1;
        let (x, y, width, height) = (number(rect, "x"), number(rect, "y"), number(rect, "width"), number(rect, "height"));
        for text in group.split("<text").skip(1) {
            let content = text.split_once('>').unwrap().1.split_once('<').unwrap().0;
            let characters =
                content.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">").chars().count();
            // The widest of the named fonts has 0.62 em.
            assert!(number(text, "x") + characters * 745 / 100 <= x + width, "{content} is wider than its box");
            assert!(number(text, "y") < y + height);
        }
        assert!(boxes.insert((x, y)), "two boxes are at {x} {y}");
    }
    assert!(boxes.len() > 15);
    for (x, y) in &boxes {
        for (other_x, other_y) in boxes.iter().filter(|other| *other != &(*x, *y)) {
            assert!(x.abs_diff(*other_x) >= 230 || y.abs_diff(*other_y) >= 46, "boxes overlap");
        }
    }
}
