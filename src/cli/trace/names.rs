//! What the objects of a cluster are called, by the ARNs in records.

use std::collections::BTreeMap;

use tributary_core::names::Arn;

use super::logging::Logging;
use crate::cli::graph::{Graph, Node, NodeKind};

/// What is known of the objects behind the ARNs of records.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Names {
    /// `KIND NAMESPACE/NAME` of an object, by ARN.
    objects: BTreeMap<String, String>,
    /// Name of the dead-letter queue, by the ARNs of rule and target.
    dead_letters: BTreeMap<(String, String), String>,
    /// What is logged, by the ARN of the bus.
    logs: BTreeMap<String, Logging>,
}

impl Names {
    pub(super) fn of(graph: &Graph) -> Self {
        let kinds = [NodeKind::EventBus, NodeKind::EventRule, NodeKind::EventSink];
        let mut names = Self::default();
        for node in graph.nodes.iter().filter(|node| kinds.contains(&node.kind)) {
            if let Some(arn) = node.arns.first() {
                names.objects.insert(plain(arn).to_owned(), label(node));
            }
            names.add_dead_letters(graph, node);
        }
        names
    }

    fn add_dead_letters(&mut self, graph: &Graph, rule: &Node) {
        let targets = rule.rule.as_ref().map(|details| details.targets.as_slice()).unwrap_or_default();
        for target in targets {
            let arn = |id: &str| graph.node(id).and_then(|node| node.arns.first());
            if let (Some(rule), Some(sink), Some(queue)) = (rule.arns.first(), arn(&target.sink), &target.dead_letter) {
                let queue = graph.node(queue).map_or_else(|| queue.clone(), label);
                self.dead_letters.insert((rule.clone(), plain(sink).to_owned()), queue);
            }
        }
    }

    pub(super) fn set_logging(&mut self, bus_arn: impl Into<String>, logging: Logging) {
        self.logs.insert(bus_arn.into(), logging);
    }

    pub(super) fn logging(&self, bus_arn: &str) -> Logging {
        self.logs.get(bus_arn).cloned().unwrap_or_default()
    }

    /// Returns the object, or else the end of the ARN.
    pub(super) fn label(&self, arn: &str) -> String {
        let resource = |arn: &Arn<'_>| match arn.service {
            "events" => arn.resource.replacen('/', " ", 1),
            service => format!("{service} {}", arn.resource),
        };
        let short = || Arn::parse(arn).as_ref().map_or_else(|| arn.to_owned(), resource);
        self.objects.get(plain(arn)).cloned().unwrap_or_else(short)
    }

    /// Returns the dead-letter queue of a target of a rule, where the cluster has it.
    pub(super) fn dead_letter(&self, rule: &str, target: &str) -> Option<&str> {
        self.dead_letters.get(&(rule.to_owned(), plain(target).to_owned())).map(String::as_str)
    }

    /// Returns the objects behind these ARNs.
    pub(super) fn objects<'a>(&self, arns: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, &str> {
        arns.filter_map(|arn| Some((arn, self.objects.get(plain(arn))?.as_str()))).collect()
    }
}

/// The ARN of a group of logs ends in `:*` in some answers.
fn plain(arn: &str) -> &str {
    arn.trim_end_matches(":*")
}

/// Returns `KIND NAMESPACE/NAME`.
pub(super) fn label(node: &Node) -> String {
    match &node.namespace {
        Some(namespace) => format!("{} {namespace}/{}", node.kind, node.name),
        None => format!("{} {}", node.kind, node.name),
    }
}
