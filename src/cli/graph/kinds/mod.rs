//! What the graph keeps of an object: its node, its edges, and the things in AWS that it names. One file per group of kinds.

mod account;
mod bus;
mod rule;
mod sink;
mod source;
mod window;

use std::{fmt::Debug, sync::Arc};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::de::DeserializeOwned;
use tributary_api::{AccountRef, BusKind, BusRef, CommonStatus, SinkRef};
use tributary_core::{
    error::Reason,
    guarded::{Guarded, Unreadable},
    object::owner_of,
};

use super::{
    health::{Assessment, assess},
    model::{Aws, Condition, Edge, EdgeKind, Fact, Health, Node, NodeKind, Origin},
};

/// What the graph keeps of an object.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// Shared by all graphs in which it is.
    pub(crate) node: Arc<Node>,
    pub(crate) edges: Vec<Edge>,
    /// Things in AWS that the object names.
    pub(crate) external: Vec<Node>,
}

/// A kind of object in the graph.
pub(crate) trait GraphKind: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static {
    const KIND: NodeKind;

    /// Returns what the graph keeps of the object.
    fn item(&self) -> Item;
}

/// Returns what the graph keeps of an object that may not be readable.
pub(crate) fn item<K: GraphKind>(object: &Guarded<K>) -> Item {
    match &object.0 {
        Ok(object) => object.item(),
        Err(unreadable) => {
            let Unreadable { error, metadata } = &**unreadable;
            let mut node = node(K::KIND, metadata, None);
            let message = format!("cannot be read by this version: {error}. Correct the object, or use a newer version.");
            set_health(&mut node, Assessment::new(Health::Degraded, Reason::UnreadableObject.to_string(), message));
            Item { node: node.into(), edges: vec![], external: vec![] }
        }
    }
}

/// Returns the ID of an object.
pub(crate) fn id(kind: NodeKind, namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(namespace) => format!("{kind}/{namespace}/{name}"),
        None => format!("{kind}/{name}"),
    }
}

/// Returns a node with a health and without details.
pub(crate) fn plain(kind: NodeKind, namespace: Option<&str>, name: &str, origin: Origin, health: Health) -> Node {
    Node {
        id: id(kind, namespace, name),
        kind,
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        origin,
        health,
        reason: None,
        message: None,
        conditions: vec![],
        deleting: false,
        owner: None,
        aws: None,
        arns: vec![],
        last_event: None,
        expires: None,
        facts: vec![],
        warnings: vec![],
        plan: vec![],
        rule: None,
    }
}

/// Returns the node of an object, with what all kinds have.
fn node(kind: NodeKind, meta: &ObjectMeta, status: Option<&CommonStatus>) -> Node {
    let mut node = plain(kind, meta.namespace.as_deref(), meta.name.as_deref().unwrap_or_default(), Origin::Object, Health::Unknown);
    node.deleting = meta.deletion_timestamp.is_some();
    if let Some(status) = status {
        node.conditions = status.conditions.iter().map(condition).collect();
        node.plan.clone_from(&status.plan);
        node.aws = status.identity.as_ref().map(|identity| Aws {
            account: identity.account.clone(),
            account_id: identity.account_id.clone(),
            region: identity.region.clone(),
            name: identity.name.clone(),
        });
        let identity = status.identity.iter().map(|identity| &identity.arn).filter(|arn| !arn.is_empty());
        for arn in identity.chain(status.resources.iter().map(|resource| &resource.arn)) {
            if !node.arns.contains(arn) {
                node.arns.push(arn.clone());
            }
        }
    }
    set_health(&mut node, assess(meta, status));
    node
}

fn condition(condition: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition) -> Condition {
    Condition {
        type_: condition.type_.clone(),
        status: condition.status.clone(),
        reason: condition.reason.clone(),
        message: condition.message.clone(),
        since: condition.last_transition_time.0.to_string(),
    }
}

fn set_health(node: &mut Node, assessment: Assessment) {
    node.health = assessment.health;
    node.reason = assessment.reason;
    node.message = assessment.message;
}

/// Sets the account and Region of an object that has no identity in AWS yet, as in its spec.
fn set_account(node: &mut Node, account: Option<&AccountRef>, region: Option<&String>) {
    node.aws.get_or_insert_with(|| Aws {
        account: account.cloned().unwrap_or_default().name,
        region: region.cloned().unwrap_or_default(),
        ..Aws::default()
    });
}

/// Sets the object that controls this one.
fn set_owner(node: &mut Node, object: &impl Resource) {
    node.owner = owner_of(object).map(|owner| id(NodeKind::BenchlingSubscription, object.meta().namespace.as_deref(), &owner));
}

fn fact(name: &'static str, value: impl Into<String>) -> Fact {
    Fact { name, value: value.into() }
}

fn time(time: Option<&Time>) -> Option<String> {
    time.map(|time| time.0.to_string())
}

/// Returns the ID of the sink that an object of the namespace refers to.
fn sink_id(reference: &SinkRef, namespace: Option<&str>) -> String {
    id(NodeKind::EventSink, reference.namespace.as_deref().or(namespace), &reference.name)
}

/// Returns the ID of the bus that an object of the namespace refers to. The bus of a subscription has the name of the subscription. For an
/// app, it is the ID of the app: which bus that has is known from the app only.
fn bus_id(reference: &BusRef, namespace: Option<&str>) -> String {
    let namespace = reference.namespace.as_deref().or(namespace);
    match reference.kind {
        BusKind::EventBus | BusKind::BenchlingSubscription => id(NodeKind::EventBus, namespace, &reference.name),
        BusKind::BenchlingApp => id(NodeKind::BenchlingApp, namespace, &reference.name),
    }
}

/// Returns the edge from a subscription to its bus, for an object that refers to the subscription.
fn subscription_edge(reference: &BusRef, namespace: Option<&str>) -> Option<Edge> {
    let namespace = reference.namespace.as_deref().or(namespace);
    let from = id(NodeKind::BenchlingSubscription, namespace, &reference.name);
    (reference.kind == BusKind::BenchlingSubscription).then(|| Edge::new(from, EdgeKind::Bus, bus_id(reference, namespace)))
}
