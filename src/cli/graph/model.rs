//! Nodes, edges and notes of a graph. Their JSON form is an interface: `docs/reference/graph-schema.md`.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use tributary_api::{InputTransformer, RetryPolicy};

/// Version of the JSON form. It changes with incompatible changes only.
const SCHEMA: &str = "graph/v1";

/// Objects, what they refer to, and what could not be read.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Graph {
    /// Version of the JSON form.
    pub(crate) schema: &'static str,
    /// Sorted by ID. Graphs of the same objects share them.
    #[serde(serialize_with = "shared")]
    pub(crate) nodes: Vec<Arc<Node>>,
    /// Sorted by the IDs of both ends.
    pub(crate) edges: Vec<Edge>,
    /// What could not be read.
    pub(crate) notes: Vec<Note>,
}

impl Default for Graph {
    fn default() -> Self {
        Self { schema: SCHEMA, nodes: vec![], edges: vec![], notes: vec![] }
    }
}

impl Graph {
    /// Returns the node with the ID.
    pub(crate) fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.binary_search_by(|node| node.id.as_str().cmp(id)).ok().map(|at| &*self.nodes[at])
    }
}

fn shared<S: Serializer>(nodes: &[Arc<Node>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(nodes.iter().map(Arc::as_ref))
}

/// An object, or something that an object refers to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Node {
    /// `KIND/NAMESPACE/NAME`, or `KIND/NAME` without a namespace.
    pub(crate) id: String,
    pub(crate) kind: NodeKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    pub(crate) origin: Origin,
    pub(crate) health: Health,
    /// Reason of the condition that decides the health.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// What is wrong and the next step. Absent for what is healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) conditions: Vec<Condition>,
    /// Whether the object is being deleted.
    pub(crate) deleting: bool,
    /// ID of the object that created this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aws: Option<Aws>,
    /// ARNs of its AWS resources. The first one is the one that events pass through.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) arns: Vec<String>,
    /// Time of the last event, RFC 3339, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_event: Option<String>,
    /// Time at which a pending partner event source expires, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<String>,
    /// Details for people, in the order in which to show them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) facts: Vec<Fact>,
    /// Problems that do not block the object.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
    /// AWS writes that `managementPolicy: Manage` would make.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) plan: Vec<String>,
    /// What an `EventRule` selects, and where it sends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<Box<RuleDetails>>,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::Display, strum::EnumIter, strum::EnumString)]
pub(crate) enum NodeKind {
    AwsAccount,
    BenchlingSubscription,
    BenchlingApp,
    BenchlingBackfill,
    EventBus,
    EventRule,
    EventSink,
    EventReplay,
    EventRedrive,
    /// Partner event source in AWS.
    EventSource,
    /// Other resource in AWS, with its ARN as name.
    Resource,
}

/// Where a node comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::Display)]
pub(crate) enum Origin {
    /// Object that was read.
    Object,
    /// Something in AWS that is not an object.
    External,
    /// Object that is referred to and does not exist.
    Missing,
    /// Object that is referred to and was not read: the user may not read it, or it is in another namespace.
    NotRead,
}

/// Health, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, strum::Display, strum::EnumIter)]
pub(crate) enum Health {
    /// Needs a change by a person, or cannot deliver.
    Degraded,
    /// Not known.
    Unknown,
    /// Changes, or waits for something that comes without a person.
    Progressing,
    /// Paused or disabled by a person.
    Paused,
    Healthy,
}

/// A condition of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub(crate) type_: String,
    pub(crate) status: String,
    pub(crate) reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) message: String,
    /// Time of the last change of status, RFC 3339.
    pub(crate) since: String,
}

/// Account and Region of an AWS resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Aws {
    /// Name of the `AwsAccount`.
    pub(crate) account: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) account_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) region: String,
    /// Name of the resource in AWS.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
}

/// A detail for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Fact {
    pub(crate) name: &'static str,
    pub(crate) value: String,
}

/// What a rule selects, and where it sends it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RuleDetails {
    /// `spec.state`.
    pub(crate) state: String,
    /// Event pattern in AWS: that in status, or that of the spec while there is none in status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pattern: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) schedule: Option<String>,
    pub(crate) targets: Vec<TargetDetails>,
}

/// A target of a rule, as in its spec.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TargetDetails {
    pub(crate) name: String,
    /// ID of the node that receives the events.
    pub(crate) sink: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dead_letter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input_transformer: Option<InputTransformer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry: Option<RetryPolicy>,
}

/// A connection, in the direction of the events.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Edge {
    /// ID of a node.
    pub(crate) from: String,
    /// ID of a node.
    pub(crate) to: String,
    pub(crate) kind: EdgeKind,
    /// Name of the target of a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<String>,
    /// ID of the object that makes the connection, if it is at neither end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) via: Option<String>,
    /// Whether AWS has the target as in the spec.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ready: Option<bool>,
    /// Whether EventBridge can deliver to the target: `Yes`, `No` or `Unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deliverable: Option<&'static str>,
    /// Why the target is not ready or deliverable, and the next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// Number of messages in the dead-letter queue at the last inspection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dead_letters: Option<i64>,
}

impl Edge {
    /// Returns an edge without details.
    pub(crate) fn new(from: impl Into<String>, kind: EdgeKind, to: impl Into<String>) -> Self {
        let (from, to) = (from.into(), to.into());
        Self { from, to, kind, target: None, via: None, ready: None, deliverable: None, message: None, dead_letters: None }
    }
}

/// What a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::Display)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "camelCase")]
pub(crate) enum EdgeKind {
    /// Partner event source -> subscription or bus.
    Source,
    /// Subscription or app -> its bus.
    Bus,
    /// Bus -> rule.
    Rule,
    /// Rule -> sink.
    Target,
    /// Sink or bus -> where its undelivered events go.
    DeadLetter,
    /// Sink -> bus in AWS that it forwards to.
    Forward,
    /// Sink -> resource that consumes it.
    Consumer,
    /// Sink -> sink or bus that it sends to or logs to.
    Uses,
    /// Replay or backfill -> bus that it publishes to; redrive -> dead-letter queue that it empties.
    Replay,
}

/// What could not be read, and the next step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Note {
    /// Kind of the objects that were not read.
    pub(crate) kind: NodeKind,
    /// Namespace; absent for all namespaces and for cluster-scoped kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    pub(crate) message: String,
}
