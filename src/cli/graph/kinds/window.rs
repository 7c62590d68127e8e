//! `EventReplay`, `BenchlingBackfill` and `EventRedrive` in the graph: what sends past events, once.

use tributary_api::{BenchlingBackfill, EventRedrive, EventReplay};

use super::{Edge, EdgeKind, GraphKind, Item, NodeKind, bus_id, fact, id, node, sink_id, subscription_edge};

impl GraphKind for EventReplay {
    const KIND: NodeKind = NodeKind::EventReplay;

    fn item(&self) -> Item {
        let (spec, status, meta) = (&self.spec, self.status.as_ref(), &self.metadata);
        let mut node = node(Self::KIND, meta, status.map(|status| &status.common));
        node.facts.push(fact("archive", &spec.archive));
        node.facts.push(fact("window", format!("{} to {}", spec.start_time.0, spec.end_time.0)));
        if let Some(state) = status.and_then(|status| status.state.as_ref()) {
            node.facts.push(fact("state", state));
        }
        if let Some(percent) = status.and_then(|status| status.percent) {
            node.facts.push(fact("replayed", format!("{percent} %")));
        }
        let namespace = meta.namespace.as_deref();
        let mut edges = vec![Edge::new(&node.id, EdgeKind::Replay, bus_id(&spec.bus_ref, namespace))];
        edges.extend(subscription_edge(&spec.bus_ref, namespace));
        Item { node: node.into(), edges, external: vec![] }
    }
}

impl GraphKind for EventRedrive {
    const KIND: NodeKind = NodeKind::EventRedrive;

    fn item(&self) -> Item {
        let (spec, status, meta) = (&self.spec, self.status.as_ref(), &self.metadata);
        let mut node = node(Self::KIND, meta, status.map(|status| &status.common));
        node.facts.push(fact("queue", &spec.sink_ref.name));
        if let Some(status) = status {
            node.facts.extend(status.state.map(|state| fact("state", format!("{state:?}"))));
            node.facts.push(fact("messages sent", status.counts.sent.to_string()));
            node.facts.push(fact("messages kept", status.kept.len().to_string()));
        }
        let edge = Edge::new(&node.id, EdgeKind::Replay, sink_id(&spec.sink_ref, meta.namespace.as_deref()));
        Item { node: node.into(), edges: vec![edge], external: vec![] }
    }
}

impl GraphKind for BenchlingBackfill {
    const KIND: NodeKind = NodeKind::BenchlingBackfill;

    fn item(&self) -> Item {
        let (spec, status, meta) = (&self.spec, self.status.as_ref(), &self.metadata);
        let mut node = node(Self::KIND, meta, status.map(|status| &status.common));
        node.facts.push(fact("app", &spec.app_ref.name));
        node.facts.push(fact("window", format!("{} to {}", spec.start_time.0, spec.end_time.0)));
        if let Some(status) = status {
            node.facts.extend(status.state.map(|state| fact("state", format!("{state:?}"))));
            node.facts.extend(status.percent.map(|percent| fact("published", format!("{percent} %"))));
            node.facts.push(fact("events sent", status.counts.sent.to_string()));
        }
        let namespace = meta.namespace.as_deref();
        // Without a bus of its own, it publishes to that of its app.
        let app = || id(NodeKind::BenchlingApp, namespace, &spec.app_ref.name);
        let bus = spec.bus_ref.as_ref().map_or_else(app, |bus| bus_id(bus, namespace));
        let edge = Edge::new(&node.id, EdgeKind::Replay, bus);
        Item { node: node.into(), edges: vec![edge], external: vec![] }
    }
}
