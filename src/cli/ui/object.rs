//! One object: its conditions, its spec, the statements that it needs, its Kubernetes Events, what it is connected to.

use std::{fmt::Display, time::Duration};

use hyper::StatusCode;
use k8s_openapi::api::core::v1::Event;
use kube::{
    Api, Client, Resource,
    api::{ApiResource, DynamicObject, ListParams},
};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tributary_api::{
    AwsAccount, BenchlingApp, BenchlingBackfill, BenchlingSubscription, EventBus, EventRedrive, EventReplay, EventRule, EventSink,
};

use crate::cli::{
    graph::{Edge, Graph, Node, NodeKind, Origin},
    ui::{redact::redact, reply::Problem},
};

/// Time limit for a request to the API server.
const PATIENCE: Duration = Duration::from_secs(10);
/// Maximum number of Kubernetes Events.
const MAX_EVENTS: u32 = 100;
/// Namespace of the Events of cluster-scoped objects.
const CLUSTER_EVENTS: &str = "default";

/// Returns the ID of the node that `KIND/NAMESPACE/NAME` names, percent-encoded and with `-` for no namespace.
pub(super) fn id(path: &str) -> Option<String> {
    let parts: Vec<_> = path.split('/').map(|part| percent_decode_str(part).decode_utf8().ok()).collect::<Option<_>>()?;
    let [kind, namespace, name] = parts.as_slice() else { return None };
    Some(if namespace == "-" { format!("{kind}/{name}") } else { format!("{kind}/{namespace}/{name}") })
}

/// Returns what the page shows of the node.
///
/// # Errors
/// The graph has no such node.
pub(super) async fn details(client: &Client, graph: &Graph, id: &str) -> Result<Value, Problem> {
    let node = graph.node(id).ok_or_else(|| Problem::not_found(format!("{id} not found. It may have been deleted: reload the map.")))?;
    let edges = |end: fn(&Edge) -> &String, other: fn(&Edge) -> &String| -> Vec<Value> {
        graph.edges.iter().filter(|edge| end(edge) == id).filter_map(|edge| connection(graph, edge, other(edge))).collect()
    };
    let mut all = json!({
        "node": node,
        "from": edges(|edge| &edge.to, |edge| &edge.from),
        "to": edges(|edge| &edge.from, |edge| &edge.to),
        "nextSteps": next_steps(graph, node),
        "commands": commands(node),
    });
    if let Some(resource) = resource(node.kind).filter(|_| node.origin == Origin::Object) {
        let (object, events) = tokio::join!(read(client, &resource, node), events(client, node));
        all["object"] = object.unwrap_or_else(|error| json!({"error": error}));
        all["events"] = events.unwrap_or_else(|error| json!({"error": error}));
    }
    Ok(all)
}

/// Returns the other end of an edge.
fn connection(graph: &Graph, edge: &Edge, id: &str) -> Option<Value> {
    let node = graph.node(id)?;
    Some(json!({
        "id": node.id, "kind": node.kind, "namespace": node.namespace, "name": node.name, "health": node.health,
        "connection": edge.kind, "target": edge.target, "deliverable": edge.deliverable, "message": edge.message, "deadLetters": edge.dead_letters,
    }))
}

/// Returns what is wrong, each with the next step: of the object, then of its targets, then warnings.
fn next_steps(graph: &Graph, node: &Node) -> Vec<String> {
    let own = node.message.iter().cloned();
    let targets = graph.edges.iter().filter(|edge| edge.from == node.id).filter_map(|edge| {
        let message = edge.message.as_ref()?;
        Some(edge.target.as_ref().map_or_else(|| message.clone(), |target| format!("target {target}: {message}")))
    });
    let mut all: Vec<String> = Vec::new();
    for step in own.chain(targets).chain(node.warnings.iter().cloned()) {
        if !all.contains(&step) {
            all.push(step);
        }
    }
    all
}

/// Returns commands that show more of the object.
fn commands(node: &Node) -> Vec<String> {
    if node.origin != Origin::Object {
        return vec![];
    }
    let kind = node.kind.to_string().to_lowercase();
    let namespace = node.namespace.as_ref().map(|namespace| format!(" -n {namespace}")).unwrap_or_default();
    vec![format!("kubectl describe {kind} {}{namespace}", node.name), format!("kubectl get {kind} {}{namespace} -o yaml", node.name)]
}

fn resource(kind: NodeKind) -> Option<ApiResource> {
    Some(match kind {
        NodeKind::AwsAccount => ApiResource::erase::<AwsAccount>(&()),
        NodeKind::BenchlingSubscription => ApiResource::erase::<BenchlingSubscription>(&()),
        NodeKind::BenchlingApp => ApiResource::erase::<BenchlingApp>(&()),
        NodeKind::BenchlingBackfill => ApiResource::erase::<BenchlingBackfill>(&()),
        NodeKind::EventBus => ApiResource::erase::<EventBus>(&()),
        NodeKind::EventRule => ApiResource::erase::<EventRule>(&()),
        NodeKind::EventSink => ApiResource::erase::<EventSink>(&()),
        NodeKind::EventRedrive => ApiResource::erase::<EventRedrive>(&()),
        NodeKind::EventReplay => ApiResource::erase::<EventReplay>(&()),
        NodeKind::EventSource | NodeKind::Resource => return None,
    })
}

/// Reads the object: its spec as YAML, and the statements in its status.
async fn read(client: &Client, resource: &ApiResource, node: &Node) -> Result<Value, String> {
    let api: Api<DynamicObject> = match &node.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    };
    let object = limited(api.get(&node.name)).await?;
    let mut spec = object.data.get("spec").cloned().unwrap_or_default();
    redact(&mut spec);
    let yaml = serde_saphyr::to_string(&spec).map_err(|error| error.to_string())?;
    let statement = object.data["status"]["requiredStatement"].as_str().map(pretty);
    Ok(json!({"yaml": yaml, "requiredStatement": statement, "generation": object.metadata.generation}))
}

/// Returns JSON text with line breaks; other text as it is.
fn pretty(text: &str) -> String {
    serde_json::from_str::<Value>(text).map_or_else(|_| text.to_owned(), |value| format!("{value:#}"))
}

/// Reads the Kubernetes Events of the object, latest first.
async fn events(client: &Client, node: &Node) -> Result<Value, String> {
    let api: Api<Event> = Api::namespaced(client.clone(), node.namespace.as_deref().unwrap_or(CLUSTER_EVENTS));
    let fields = format!("involvedObject.kind={},involvedObject.name={}", node.kind, node.name);
    let mut events = limited(api.list(&ListParams::default().fields(&fields).limit(MAX_EVENTS))).await?.items;
    events.sort_by_key(|event| std::cmp::Reverse(time(event)));
    let shown = events.iter().map(|event| {
        let count = event.series.as_ref().and_then(|series| series.count).or(event.count);
        json!({"type": event.type_, "reason": event.reason, "message": event.message, "count": count, "time": time(event)})
    });
    Ok(shown.collect())
}

/// Returns when the Event was last reported, RFC 3339.
fn time(event: &Event) -> Option<String> {
    let in_series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref()).map(|time| time.0);
    let last =
        in_series.or_else(|| event.last_timestamp.as_ref().map(|time| time.0)).or_else(|| event.event_time.as_ref().map(|time| time.0));
    let last = last.or_else(|| event.meta().creation_timestamp.as_ref().map(|time| time.0))?;
    k8s_openapi::jiff::Timestamp::from_second(last.as_second()).ok().as_ref().map(ToString::to_string)
}

/// Waits for the API server, and says why it does not answer as it should.
async fn limited<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, String> {
    let refused = |what: &dyn Display| format!("not read: {what}");
    match tokio::time::timeout(PATIENCE, request).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(kube::Error::Api(status))) if status.code == StatusCode::FORBIDDEN.as_u16() => {
            Err(refused(&format!("you lack a permission: {}. Ask for it, or use another context.", status.message)))
        }
        Ok(Err(error)) => Err(refused(&error)),
        Err(_) => Err(refused(&format!("the API server did not answer within {} s. Try again.", PATIENCE.as_secs()))),
    }
}
