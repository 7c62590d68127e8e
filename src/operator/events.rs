//! Kubernetes Events: one for the steps of a reconcile, one when the reason of a failure changes. An object in sync publishes none.
//!
//! Events are written in the background: no reconcile waits for one, and one that cannot be written fails nothing.

use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{Api, Client, api::PostParams};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Queues Events for [`write`].
#[derive(Clone)]
pub(super) struct Recorder {
    queue: Sender<Event>,
    instance: String,
}

/// Longest note in bytes. The API server's limit is 1,024.
const MAX_NOTE_BYTES: usize = 1_000;
/// Longest part of the object's name in the name of an Event, in characters.
const MAX_NAME_CHARS: usize = 200;
/// Events that wait to be written. More are dropped, with a line in the log.
const MAX_QUEUED: usize = 2_000;

/// Type of an Event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
pub(super) enum EventType {
    Normal,
    Warning,
}

impl Recorder {
    /// A recorder that reports as `instance`, and the Events to write.
    pub(super) fn new(instance: String) -> (Self, Receiver<Event>) {
        let (queue, events) = channel(MAX_QUEUED);
        (Self { queue, instance }, events)
    }

    /// Publishes an Event about the object that `regarding` refers to. A long note is cut.
    pub(super) fn publish(&self, regarding: ObjectReference, type_: EventType, reason: &str, action: &str, note: &str) {
        let now = Timestamp::now();
        let name: String = regarding.name.as_deref().unwrap_or_default().chars().take(MAX_NAME_CHARS).collect();
        let event = Event {
            metadata: kube::core::ObjectMeta {
                name: Some(format!("{name}.{:x}", now.as_nanosecond())),
                namespace: Some(regarding.namespace.clone().unwrap_or_else(|| "default".into())),
                ..Default::default()
            },
            action: Some(action.into()),
            event_time: Some(MicroTime(now)),
            note: Some(cut(note).to_owned()),
            reason: Some(reason.into()),
            regarding: Some(regarding),
            reporting_controller: Some("tributary.dev/operator".into()),
            reporting_instance: Some(self.instance.clone()),
            type_: Some(<&str>::from(type_).into()),
            ..Default::default()
        };
        if self.queue.try_send(event).is_err() {
            tracing::warn!(reason, "too many queued Events; Event dropped");
        }
    }
}

fn cut(note: &str) -> &str {
    let mut end = note.len().min(MAX_NOTE_BYTES);
    while !note.is_char_boundary(end) {
        end -= 1;
    }
    &note[..end]
}

/// Writes the Events one after the other, until all recorders are dropped.
pub(super) async fn write(client: Client, mut events: Receiver<Event>) {
    while let Some(event) = events.recv().await {
        let namespace = event.metadata.namespace.clone().unwrap_or_default();
        if let Err(error) = Api::<Event>::namespaced(client.clone(), &namespace).create(&PostParams::default(), &event).await {
            tracing::debug!(%error, "cannot write Event");
        }
    }
}
