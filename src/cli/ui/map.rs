//! The map: what the page draws of a graph, as rows of source, bus, rule, target and dead-letter queue.
//!
//! The page draws only the rows that are in view, so ten thousand objects are one document and few elements.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::cli::{
    graph::{Edge, EdgeKind, Graph, Health, Node, NodeKind, Origin},
    ui::feed::Current,
};

/// Columns of a row.
const SOURCE: usize = 0;
const RULE: usize = 2;
const TARGET: usize = 3;
const DEAD_LETTER: usize = 4;

/// Longest text about a node, in characters.
const MAX_ABOUT: usize = 120;

/// What the page draws.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Map<'a> {
    version: u64,
    scope: &'a str,
    notes: Vec<String>,
    nodes: Vec<Chip<'a>>,
    rows: Vec<Row<'a>>,
}

/// A node, as far as the map shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Chip<'a> {
    id: &'a str,
    kind: NodeKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    name: &'a str,
    origin: Origin,
    health: Health,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    about: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<&'a str>,
}

/// A line of the map.
#[derive(Debug, PartialEq, Serialize)]
struct Row<'a> {
    /// Number of the group: a bus with its sources and rules.
    group: usize,
    /// Indices of nodes, by column; -1 for none. A bus or rule is in each row that belongs to it.
    cells: [i64; 5],
    /// Name of the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    /// Whether events can be delivered: `Yes`, `No` or `Unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    deliverable: Option<&'static str>,
}

/// Returns the map of a graph.
pub(super) fn map<'a>(current: &'a Current, scope: &'a str) -> Map<'a> {
    let graph = &current.graph;
    Map {
        version: current.version,
        scope,
        notes: graph
            .notes
            .iter()
            .map(|note| match &note.namespace {
                Some(namespace) => format!("{} in {namespace}: {}", note.kind, note.message),
                None => format!("{}: {}", note.kind, note.message),
            })
            .collect(),
        nodes: graph.nodes.iter().map(|node| chip(node)).collect(),
        rows: Layout::new(graph).rows(),
    }
}

fn chip(node: &Node) -> Chip<'_> {
    Chip {
        id: &node.id,
        kind: node.kind,
        namespace: node.namespace.as_deref(),
        name: &node.name,
        origin: node.origin,
        health: node.health,
        reason: node.reason.as_deref(),
        about: about(node),
        arn: node.arns.first().map(String::as_str),
    }
}

/// Returns the second line of a node: why it is not healthy, else what it is.
fn about(node: &Node) -> String {
    let fact = |name: &str| node.facts.iter().find(|fact| fact.name == name).map(|fact| fact.value.as_str());
    let text = match (&node.reason, &node.rule) {
        (Some(reason), _) => reason.clone(),
        (None, Some(rule)) => match (&rule.schedule, &rule.pattern) {
            (Some(schedule), _) => schedule.clone(),
            (None, Some(pattern)) => types_of(pattern),
            (None, None) => String::new(),
        },
        (None, None) => fact("type").unwrap_or_default().to_owned(),
    };
    let namespace = node.namespace.as_deref().unwrap_or_default();
    let parts = [text.as_str(), namespace].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" · ").chars().take(MAX_ABOUT).collect()
}

/// Returns the event types or sources that a pattern names, for people.
fn types_of(pattern: &serde_json::Value) -> String {
    let fields = [&pattern["detail-type"], &pattern["detail"]["eventType"], &pattern["source"]];
    let named = fields.into_iter().find_map(|field| field.as_array());
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    named.map_or_else(|| pattern.to_string(), |values| values.iter().map(text).collect::<Vec<_>>().join(", "))
}

/// Edges by the index of the node that they begin or end at.
struct Layout<'a> {
    graph: &'a Graph,
    index: HashMap<&'a str, usize>,
    /// Sources of a bus.
    sources: BTreeMap<usize, Vec<usize>>,
    rules: BTreeMap<usize, Vec<usize>>,
    targets: HashMap<usize, Vec<(usize, &'a Edge)>>,
    dead_letters: HashMap<usize, usize>,
    placed: Vec<bool>,
    rows: Vec<Row<'a>>,
}

impl<'a> Layout<'a> {
    fn new(graph: &'a Graph) -> Self {
        let index: HashMap<_, _> = graph.nodes.iter().enumerate().map(|(at, node)| (node.id.as_str(), at)).collect();
        let mut layout = Self {
            graph,
            index,
            sources: BTreeMap::new(),
            rules: BTreeMap::new(),
            targets: HashMap::new(),
            dead_letters: HashMap::new(),
            placed: vec![false; graph.nodes.len()],
            rows: Vec::new(),
        };
        for edge in &graph.edges {
            layout.connect(edge);
        }
        layout
    }

    fn kind(&self, at: usize) -> NodeKind {
        self.graph.nodes[at].kind
    }

    fn connect(&mut self, edge: &'a Edge) {
        let ends = (self.index.get(edge.from.as_str()).copied(), self.index.get(edge.to.as_str()).copied());
        let (Some(from), Some(to)) = ends else { return };
        match edge.kind {
            // Of a subscription: the subscription shows its state.
            EdgeKind::Source if self.kind(to) != NodeKind::EventBus => self.placed[from] = true,
            EdgeKind::Forward if self.kind(to) != NodeKind::EventBus => {}
            EdgeKind::Source | EdgeKind::Bus | EdgeKind::Replay | EdgeKind::Forward if self.kind(from) != NodeKind::EventRule => {
                self.sources.entry(to).or_default().push(from);
            }
            EdgeKind::Rule => self.rules.entry(from).or_default().push(to),
            EdgeKind::Target => self.targets.entry(from).or_default().push((to, edge)),
            EdgeKind::DeadLetter if self.kind(from) == NodeKind::EventSink && edge.target.is_none() => {
                self.dead_letters.entry(from).or_insert(to);
            }
            _ => {}
        }
    }

    /// Returns the groups of all buses, then everything that is connected to no bus.
    fn rows(mut self) -> Vec<Row<'a>> {
        let (sources, rules) = (std::mem::take(&mut self.sources), std::mem::take(&mut self.rules));
        let (mut group, none) = (0, vec![]);
        for at in 0..self.graph.nodes.len() {
            let (of_bus, rules) = (sources.get(&at).unwrap_or(&none), rules.get(&at).unwrap_or(&none));
            if self.kind(at) == NodeKind::EventBus || !rules.is_empty() {
                self.bus(group, at, of_bus, rules);
                group += 1;
            }
        }
        for at in 0..self.graph.nodes.len() {
            let column = match self.kind(at) {
                _ if self.placed[at] => continue,
                NodeKind::EventRule => RULE,
                NodeKind::EventSink => TARGET,
                NodeKind::Resource => continue,
                _ => SOURCE,
            };
            let mut cells = [-1; 5];
            cells[column] = signed(at);
            self.rows.push(Row { group, cells, target: None, deliverable: None });
        }
        self.rows
    }

    fn bus(&mut self, group: usize, bus: usize, sources: &[usize], rules: &[usize]) {
        let start = self.rows.len();
        for &rule in rules {
            self.rule(group, bus, rule);
        }
        while self.rows.len() - start < sources.len().max(1) {
            self.rows.push(Row { group, cells: [-1, signed(bus), -1, -1, -1], target: None, deliverable: None });
        }
        for (row, &source) in self.rows[start..].iter_mut().zip(sources) {
            row.cells[SOURCE] = signed(source);
            self.placed[source] = true;
        }
        self.placed[bus] = true;
    }

    fn rule(&mut self, group: usize, bus: usize, rule: usize) {
        self.placed[rule] = true;
        let row = Row { group, cells: [-1, signed(bus), signed(rule), -1, -1], target: None, deliverable: None };
        let targets = self.targets.remove(&rule).unwrap_or_default();
        if targets.is_empty() {
            self.rows.push(row);
            return;
        }
        let details = self.graph.nodes[rule].rule.as_ref();
        for (sink, edge) in targets {
            let named = details.and_then(|rule| rule.targets.iter().find(|target| Some(&target.name) == edge.target.as_ref()));
            let of_target = named.and_then(|target| self.index.get(target.dead_letter.as_deref()?).copied());
            let dead_letter = of_target.or_else(|| self.dead_letters.get(&sink).copied());
            self.placed[sink] = true;
            let mut cells = row.cells;
            cells[TARGET] = signed(sink);
            if let Some(queue) = dead_letter {
                self.placed[queue] = true;
                cells[DEAD_LETTER] = signed(queue);
            }
            self.rows.push(Row { group, cells, target: edge.target.as_deref(), deliverable: edge.deliverable });
        }
    }
}

fn signed(at: usize) -> i64 {
    i64::try_from(at).unwrap_or(-1)
}
