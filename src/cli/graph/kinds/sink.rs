//! `EventSink` in the graph.

use tributary_api::EventSink;
use tributary_core::destinations::Type;

use super::{Edge, EdgeKind, GraphKind, Item, Node, NodeKind, Origin, bus_id, fact, node, plain, set_account, set_owner, sink_id, time};

impl GraphKind for EventSink {
    const KIND: NodeKind = NodeKind::EventSink;

    fn item(&self) -> Item {
        let (spec, status, meta) = (&self.spec, self.status.as_ref(), &self.metadata);
        let mut node = node(Self::KIND, meta, status.map(|status| &status.common));
        set_account(&mut node, spec.account_ref.as_ref(), spec.region.as_ref());
        set_owner(&mut node, self);
        let type_ = Type::of(self).ok();
        if let Some(type_) = type_ {
            node.facts.push(fact("type", type_.name()));
            set_target_arn(&mut node, type_.target_arn(self));
        }
        node.facts.push(fact("resource", if spec.existing().is_some() { "existing" } else { "managed" }));
        node.last_event = time(status.and_then(|status| status.last_event_time.as_ref()));
        node.warnings = status.map(|status| status.warnings.clone()).unwrap_or_default();
        let namespace = meta.namespace.as_deref();
        let failure = self.on_failure_ref();
        let mut edges: Vec<Edge> = self
            .sink_refs()
            .map(|reference| {
                let kind = if Some(reference) == failure { EdgeKind::DeadLetter } else { EdgeKind::Uses };
                Edge::new(&node.id, kind, sink_id(reference, namespace))
            })
            .chain(self.bus_refs().map(|reference| Edge::new(&node.id, EdgeKind::Uses, bus_id(reference, namespace))))
            .collect();
        let mut external = vec![];
        if self.managed_queue().is_some_and(|queue| queue.dead_letter.is_some()) {
            // Of the queue's own resources, the second one.
            connect(&node, EdgeKind::DeadLetter, node.arns.get(1), &mut edges, &mut external);
        }
        for consumer in status.map(|status| status.triggers.as_slice()).unwrap_or_default() {
            connect(&node, EdgeKind::Consumer, Some(consumer), &mut edges, &mut external);
        }
        if spec.event_bus.is_some() {
            connect(&node, EdgeKind::Forward, node.arns.first(), &mut edges, &mut external);
        }
        Item { node: node.into(), edges, external }
    }
}

/// Puts the ARN that rules have in their targets first.
fn set_target_arn(node: &mut Node, arn: Option<&String>) {
    if let Some(arn) = arn {
        node.arns.retain(|known| known != arn);
        node.arns.insert(0, arn.clone());
    }
}

/// Adds an edge to a resource in AWS. The resource is as healthy as the sink that names it.
fn connect(sink: &Node, kind: EdgeKind, arn: Option<&String>, edges: &mut Vec<Edge>, external: &mut Vec<Node>) {
    let Some(arn) = arn else { return };
    let mut resource = plain(NodeKind::Resource, None, arn, Origin::External, sink.health);
    resource.aws.clone_from(&sink.aws);
    resource.arns.push(arn.clone());
    edges.push(Edge::new(&sink.id, kind, &resource.id));
    external.push(resource);
}
