//! `BenchlingSubscription`, `BenchlingApp`, and partner event sources in the graph: where events come from.

use tributary_api::{BenchlingApp, BenchlingSubscription, EventSourceStatus, SourceState};
use tributary_core::error::Reason;

use super::{Edge, EdgeKind, GraphKind, Health, Item, Node, NodeKind, Origin, bus_id, fact, id, node, plain, set_account, sink_id, time};

impl GraphKind for BenchlingSubscription {
    const KIND: NodeKind = NodeKind::BenchlingSubscription;

    fn item(&self) -> Item {
        let (spec, status, meta) = (&self.spec, self.status.as_ref(), &self.metadata);
        let mut node = node(Self::KIND, meta, status.map(|status| &status.common));
        set_account(&mut node, spec.account_ref.as_ref(), spec.region.as_ref());
        node.last_event = time(status.and_then(|status| status.last_event_time.as_ref()));
        node.warnings = status.map(|status| status.warnings.clone()).unwrap_or_default();
        node.facts.push(fact("tenant", &spec.tenant));
        node.facts.push(fact("app", &spec.app_name));
        if !spec.event_types.is_empty() {
            node.facts.push(fact("event types", spec.event_types.join(", ")));
        }
        let namespace = meta.namespace.as_deref();
        let bus = id(NodeKind::EventBus, namespace, &node.name);
        let source = event_source(&mut node, &self.source_name(), status.and_then(|status| status.event_source.as_ref()));
        let edges = vec![Edge::new(&source.id, EdgeKind::Source, &node.id), Edge::new(&node.id, EdgeKind::Bus, bus.clone())];
        let dead_letter = spec.bus.as_ref().and_then(|bus| bus.dead_letter.as_ref());
        let dead_letter = dead_letter.map(|queue| Edge::new(bus, EdgeKind::DeadLetter, sink_id(&queue.sink_ref, namespace)));
        Item { node: node.into(), edges: edges.into_iter().chain(dead_letter).collect(), external: vec![source] }
    }
}

impl GraphKind for BenchlingApp {
    const KIND: NodeKind = NodeKind::BenchlingApp;

    fn item(&self) -> Item {
        let (spec, status, meta) = (&self.spec, self.status.as_ref(), &self.metadata);
        let mut node = node(Self::KIND, meta, status.map(|status| &status.common));
        node.facts.push(fact("tenants", spec.tenants.join(", ")));
        node.facts.push(fact("definition", &spec.app_definition_id));
        if let Some(url) = status.and_then(|status| status.url.as_ref()) {
            node.facts.push(fact("URL", url));
        }
        if let Some(webhooks) = status.and_then(|status| status.webhooks.as_ref()) {
            node.last_event = time(webhooks.last_event_time.as_ref());
            node.facts.push(fact("accepted", webhooks.accepted.to_string()));
            for (name, count) in [("refused", webhooks.refused), ("failed", webhooks.failed)] {
                if count > 0 {
                    node.facts.push(fact(name, count.to_string()));
                }
            }
            node.warnings.extend(webhooks.message.clone());
        }
        let edge = Edge::new(&node.id, EdgeKind::Bus, bus_id(&spec.bus_ref, meta.namespace.as_deref()));
        Item { node: node.into(), edges: vec![edge], external: vec![] }
    }
}

/// Returns the node of the partner event source of an object, and sets on the object what is known of the source.
pub(super) fn event_source(of: &mut Node, name: &str, status: Option<&EventSourceStatus>) -> Node {
    let (account, region) = of.aws.as_ref().map_or(("-", "-"), |aws| {
        let account = if aws.account_id.is_empty() { &aws.account } else { &aws.account_id };
        (account.as_str(), if aws.region.is_empty() { "-" } else { aws.region.as_str() })
    });
    let mut source = plain(NodeKind::EventSource, None, name, Origin::External, Health::Unknown);
    // Sources of one name can exist in several accounts and Regions.
    source.id = format!("{}/{account}/{region}/{name}", NodeKind::EventSource);
    source.aws.clone_from(&of.aws);
    let Some(status) = status else { return source };
    let state: &str = status.state.into();
    let is_lost = of
        .reason
        .as_deref()
        .and_then(Reason::named)
        .is_some_and(|reason| matches!(reason, Reason::SourceExpired | Reason::SourceDeleted | Reason::SourceElsewhere));
    source.health = match status.state {
        SourceState::Active => Health::Healthy,
        SourceState::Deleted => Health::Degraded,
        SourceState::Missing | SourceState::Pending if is_lost => Health::Degraded,
        SourceState::Missing | SourceState::Pending => Health::Progressing,
    };
    if source.health != Health::Healthy {
        source.reason = Some(state.to_owned());
        source.message.clone_from(&of.message);
    }
    source.expires = time(status.expiration_time.as_ref());
    source.facts.push(fact("state", state));
    if !status.elsewhere.is_empty() {
        source.facts.push(fact("found in", status.elsewhere.join(", ")));
    }
    of.expires.clone_from(&source.expires);
    of.facts.push(fact("event source", state));
    source
}
