//! `EventRule` in the graph.

use serde_json::Value;
use tributary_api::{Deliverable, EventRule, RuleState, Target, TargetStatus};

use super::{
    super::model::{RuleDetails, TargetDetails},
    Edge, EdgeKind, GraphKind, Item, Node, NodeKind, bus_id, fact, node, set_owner, sink_id, subscription_edge,
};

impl GraphKind for EventRule {
    const KIND: NodeKind = NodeKind::EventRule;

    fn item(&self) -> Item {
        let (spec, status, meta) = (&self.spec, self.status.as_ref(), &self.metadata);
        let mut node = node(Self::KIND, meta, status.map(|status| &status.common));
        set_owner(&mut node, self);
        let namespace = meta.namespace.as_deref();
        if spec.state != RuleState::Enabled {
            node.facts.push(fact("state", spec.state.to_string()));
        }
        if let Some(schedule) = &spec.schedule {
            node.facts.push(fact("schedule", schedule));
        }
        if let Some(ready) = status.and_then(|status| status.targets_ready.as_ref()) {
            node.facts.push(fact("targets ready", ready));
        }
        if !spec.tests.is_empty() {
            node.facts.push(fact("tests", spec.tests.len().to_string()));
        }
        node.warnings = status.map(|status| status.warnings.clone()).unwrap_or_default();
        node.rule = Some(Box::new(RuleDetails {
            state: spec.state.to_string(),
            pattern: pattern(self),
            schedule: spec.schedule.clone(),
            targets: spec.targets.iter().map(|target| details(target, namespace)).collect(),
        }));
        let mut edges = vec![Edge::new(bus_id(&spec.bus_ref, namespace), EdgeKind::Rule, &node.id)];
        edges.extend(subscription_edge(&spec.bus_ref, namespace));
        for target in &spec.targets {
            let state = status.and_then(|status| status.targets.iter().find(|state| state.name == target.name));
            edges.extend(target_edges(&node, target, state));
        }
        Item { node: node.into(), edges, external: vec![] }
    }
}

/// Returns the pattern that AWS has. Before the first reconcile that is not known for the shorthand of Benchling events, which
/// depends on the bus.
fn pattern(rule: &EventRule) -> Option<Value> {
    let in_aws = rule.status.as_ref().and_then(|status| serde_json::from_str(status.event_pattern.as_deref()?).ok());
    in_aws.or_else(|| rule.spec.event_pattern.as_ref().map(|pattern| pattern.parsed().into()))
}

fn details(target: &Target, namespace: Option<&str>) -> TargetDetails {
    TargetDetails {
        name: target.name.clone(),
        sink: sink_id(&target.sink_ref, namespace),
        dead_letter: target.dead_letter.as_ref().map(|queue| sink_id(&queue.sink_ref, namespace)),
        input: target.input.clone(),
        input_path: target.input_path.clone(),
        input_transformer: target.input_transformer.clone(),
        retry: target.retry,
    }
}

/// Returns the edge to the sink of a target, and that to its dead-letter queue.
fn target_edges(rule: &Node, target: &Target, state: Option<&TargetStatus>) -> Vec<Edge> {
    let namespace = rule.namespace.as_deref();
    let sink = sink_id(&target.sink_ref, namespace);
    let mut edge = Edge::new(&rule.id, EdgeKind::Target, sink.clone());
    edge.target = Some(target.name.clone());
    edge.ready = state.map(|state| state.ready);
    edge.deliverable = state.and_then(|state| state.deliverable).map(|deliverable| match deliverable {
        Deliverable::Yes => "Yes",
        Deliverable::No => "No",
        Deliverable::Unknown => "Unknown",
    });
    edge.message = state.and_then(|state| state.message.clone().or_else(|| state.deliverable_message.clone()));
    let queue = target.dead_letter.as_ref().map(|queue| {
        let mut edge = Edge::new(sink, EdgeKind::DeadLetter, sink_id(&queue.sink_ref, namespace));
        edge.target = Some(target.name.clone());
        edge.via = Some(rule.id.clone());
        let letters = state.and_then(|state| state.dead_letters.as_ref());
        edge.dead_letters = letters.map(|letters| letters.messages);
        edge.message = letters.and_then(|letters| {
            let codes: Vec<_> = letters.error_codes.iter().map(|(code, count)| format!("{count} {code}")).collect();
            Some(codes.join(", ")).filter(|codes| !codes.is_empty()).or_else(|| letters.message.clone())
        });
        edge
    });
    std::iter::once(edge).chain(queue).collect()
}
