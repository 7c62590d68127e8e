//! Kubernetes Events: one for the steps of a pass, one when the reason of a stop changes. Never more, so that in sync is silent.
//! They are written behind the passes' backs: nobody waits for an Event, and one that cannot be written is not worth failing for.

use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{Api, Client, Resource, api::PostParams};
use tokio::sync::mpsc::{Receiver, Sender, channel};

#[derive(Clone)]
pub struct Recorder {
    queue: Sender<Event>,
    instance: String,
}

/// The API server's limit for a note is 1,024 bytes.
const NOTE: usize = 1_000;
/// Events that wait to be written; more are dropped, with a line in the log.
const WAITING: usize = 2_000;

impl Recorder {
    pub fn new(instance: String) -> (Self, Receiver<Event>) {
        let (queue, events) = channel(WAITING);
        (Self { queue, instance }, events)
    }

    /// Tells of `object`.
    pub fn tell<K: Resource<DynamicType = ()>>(&self, object: &K, warning: bool, reason: &str, action: &str, note: &str) {
        let reference: ObjectReference = object.object_ref(&());
        let namespace = reference.namespace.clone().unwrap_or_else(|| "default".into());
        let now = Timestamp::now();
        let mut end = note.len().min(NOTE);
        while !note.is_char_boundary(end) {
            end -= 1;
        }
        let name: String = reference.name.as_deref().unwrap_or_default().chars().take(200).collect();
        let event = Event {
            metadata: kube::core::ObjectMeta {
                name: Some(format!("{name}.{:x}", now.as_nanosecond())),
                namespace: Some(namespace),
                ..Default::default()
            },
            action: Some(action.into()),
            event_time: Some(MicroTime(now)),
            note: Some(note[..end].to_owned()),
            reason: Some(reason.into()),
            regarding: Some(reference),
            reporting_controller: Some("tributary.dev/operator".into()),
            reporting_instance: Some(self.instance.clone()),
            type_: Some(if warning { "Warning" } else { "Normal" }.into()),
            ..Default::default()
        };
        if self.queue.try_send(event).is_err() {
            tracing::warn!(reason, "too many Events wait to be written; this one is dropped");
        }
    }
}

/// Writes the Events, one after the other, until nobody can tell any more.
pub async fn write(client: Client, mut events: Receiver<Event>) {
    while let Some(event) = events.recv().await {
        let namespace = event.metadata.namespace.clone().unwrap_or_default();
        if let Err(error) = Api::<Event>::namespaced(client.clone(), &namespace).create(&PostParams::default(), &event).await {
            tracing::debug!(%error, "an Event could not be written");
        }
    }
}
