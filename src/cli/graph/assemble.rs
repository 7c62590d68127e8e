//! Makes the graph: resolves the ends of edges, and adds nodes for what is referred to and was not read. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    kinds::plain,
    model::{Edge, EdgeKind, Graph, Health, Node, NodeKind, Origin},
    snapshot::Snapshot,
};

impl Snapshot {
    /// Returns the graph of the objects.
    pub(crate) fn graph(mut self) -> Graph {
        let items = std::mem::take(&mut self.items);
        let (mut nodes, mut external, mut edges) = (BTreeMap::new(), Vec::new(), Vec::new());
        for item in items.values() {
            nodes.insert(item.node.id.clone(), item.node.clone());
            external.extend(item.external.iter().cloned());
            edges.extend(item.edges.iter().cloned());
        }
        let redirected = known_buses(&nodes);
        external.retain(|node| !redirected.contains_key(&node.id));
        for node in external {
            add_external(&mut nodes, node);
        }
        let buses_of_apps = buses_of_apps(&edges);
        for edge in &mut edges {
            if let Some(bus) = redirected.get(&edge.to) {
                edge.to.clone_from(bus);
            }
            resolve_app(edge, &buses_of_apps);
        }
        sort(&mut edges);
        for edge in &edges {
            for id in [&edge.from, &edge.to] {
                if !nodes.contains_key(id) {
                    nodes.insert(id.clone(), self.absent(id).into());
                }
            }
        }
        for edge in &edges {
            bus_to_come(&mut nodes, edge);
        }
        Graph { nodes: nodes.into_values().collect(), edges, notes: self.notes(), ..Graph::default() }
    }

    /// Returns a node for an object that is referred to and not known.
    fn absent(&self, id: &str) -> Node {
        let mut parts = id.splitn(3, '/');
        let kind = parts.next().and_then(|kind| kind.parse().ok()).unwrap_or(NodeKind::Resource);
        let (namespace, name) = match (parts.next(), parts.next()) {
            (Some(namespace), Some(name)) => (Some(namespace), name),
            (name, _) => (None, name.unwrap_or_default()),
        };
        if self.is_read(kind, namespace) {
            let mut node = plain(kind, namespace, name, Origin::Missing, Health::Degraded);
            node.reason = Some("NotFound".into());
            node.message = Some("not found. Create it or correct the reference.".into());
            node
        } else {
            let mut node = plain(kind, namespace, name, Origin::NotRead, Health::Unknown);
            node.reason = Some("NotRead".into());
            node.message = Some(match namespace {
                Some(namespace) => {
                    format!("not read. Run the command with -n {namespace}, and check that you may list objects of kind {kind} there.")
                }
                None => format!("not read. Check that you may list objects of kind {kind}."),
            });
            node
        }
    }
}

/// Sets the state of a bus that does not exist yet, and which the operator creates for its subscription.
fn bus_to_come(nodes: &mut BTreeMap<String, Arc<Node>>, edge: &Edge) {
    let is_object = |node: &Arc<Node>| node.origin == Origin::Object && node.kind == NodeKind::BenchlingSubscription;
    if edge.kind != EdgeKind::Bus || !nodes.get(&edge.from).is_some_and(is_object) {
        return;
    }
    if let Some(bus) = nodes.get_mut(&edge.to).filter(|bus| bus.origin == Origin::Missing).map(Arc::make_mut) {
        bus.health = Health::Progressing;
        bus.reason = Some("NotCreated".into());
        bus.message = Some("the operator creates it for the BenchlingSubscription.".into());
    }
}

/// Returns the IDs that resources in AWS would have, of which an `EventBus` object is known, and the ID of that.
fn known_buses(nodes: &BTreeMap<String, Arc<Node>>) -> HashMap<String, String> {
    let buses = nodes.values().filter(|node| node.kind == NodeKind::EventBus);
    buses.filter_map(|bus| Some((super::kinds::id(NodeKind::Resource, None, bus.arns.first()?), bus.id.clone()))).collect()
}

/// Adds something in AWS. If several objects name it, the one that knows the most of it wins.
fn add_external(nodes: &mut BTreeMap<String, Arc<Node>>, node: Node) {
    let is_better = |known: &Arc<Node>| (node.facts.len(), known.health) > (known.facts.len(), node.health);
    if nodes.get(&node.id).is_none_or(is_better) {
        nodes.insert(node.id.clone(), node.into());
    }
}

fn buses_of_apps(edges: &[Edge]) -> HashMap<String, String> {
    let is_of_app = |edge: &&Edge| edge.kind == EdgeKind::Bus && edge.from.starts_with("BenchlingApp/");
    edges.iter().filter(is_of_app).map(|edge| (edge.from.clone(), edge.to.clone())).collect()
}

/// Replaces an app that is referred to in place of its bus by the bus.
fn resolve_app(edge: &mut Edge, buses_of_apps: &HashMap<String, String>) {
    if edge.kind == EdgeKind::Bus {
        return;
    }
    for end in [&mut edge.from, &mut edge.to] {
        if let Some(bus) = buses_of_apps.get(end) {
            edge.via = Some(std::mem::replace(end, bus.clone()));
        }
    }
}

/// Sorts the edges and removes those that several objects name.
fn sort(edges: &mut Vec<Edge>) {
    edges.sort_by(|a, b| (&a.from, a.kind, &a.target, &a.to, &a.via).cmp(&(&b.from, b.kind, &b.target, &b.to, &b.via)));
    edges.dedup();
}
