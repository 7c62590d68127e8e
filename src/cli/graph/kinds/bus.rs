//! `EventBus` in the graph.

use tributary_api::EventBus;
use tributary_core::names::DEFAULT_BUS;

use super::{Edge, EdgeKind, GraphKind, Item, NodeKind, fact, node, set_account, set_owner, sink_id, source::event_source};

impl GraphKind for EventBus {
    const KIND: NodeKind = NodeKind::EventBus;

    fn item(&self) -> Item {
        let (spec, status, meta) = (&self.spec, self.status.as_ref(), &self.metadata);
        let mut node = node(Self::KIND, meta, status.map(|status| &status.common));
        set_account(&mut node, spec.account_ref.as_ref(), spec.region.as_ref());
        set_owner(&mut node, self);
        let kind = match (&spec.existing, &spec.event_source_name, spec.name.as_deref()) {
            (Some(_), ..) => "existing",
            (_, Some(_), _) => "partner",
            (.., Some(DEFAULT_BUS)) => "default",
            _ => "custom",
        };
        node.facts.push(fact("bus", kind));
        if let Some(aws) = node.aws.as_ref().filter(|aws| !aws.name.is_empty()) {
            let name = aws.name.clone();
            node.facts.push(fact("name in AWS", name));
        }
        for archive in status.map(|status| status.archives.as_slice()).unwrap_or_default() {
            let state = archive.state.as_deref().unwrap_or("not created yet");
            let events = archive.event_count.map(|count| format!(", about {count} events")).unwrap_or_default();
            node.facts.push(fact("archive", format!("{}: {state}{events}", archive.name)));
        }
        if let Some(arn) = status.and_then(|status| status.log_delivery.as_ref()?.destination_arn.as_ref()) {
            node.facts.push(fact("log", arn.clone()));
        }
        let (mut edges, mut external) = (vec![], vec![]);
        if let Some(name) = &spec.event_source_name {
            let source = event_source(&mut node, name, status.and_then(|status| status.event_source.as_ref()));
            // The bus of a subscription is behind the subscription.
            if node.owner.is_none() {
                edges.push(Edge::new(&source.id, EdgeKind::Source, &node.id));
                external.push(source);
            }
        }
        if let Some(queue) = &spec.dead_letter {
            edges.push(Edge::new(&node.id, EdgeKind::DeadLetter, sink_id(&queue.sink_ref, meta.namespace.as_deref())));
        }
        Item { node: node.into(), edges, external }
    }
}
