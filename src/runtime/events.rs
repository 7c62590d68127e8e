//! Kubernetes Events: one for the steps of a pass, one when the reason of a stop changes. Never more, so that in sync is silent.

use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{Api, Client, Resource, api::PostParams};

pub struct Recorder {
    client: Client,
    instance: String,
}

/// The API server's limit for a note is 1,024 bytes.
const NOTE: usize = 1_000;

impl Recorder {
    pub fn new(client: Client, instance: String) -> Self {
        Self { client, instance }
    }

    /// Tells of `object`; an Event that cannot be written is not worth failing for.
    pub async fn tell<K: Resource<DynamicType = ()>>(&self, object: &K, warning: bool, reason: &str, action: &str, note: &str) {
        let reference: ObjectReference = object.object_ref(&());
        let namespace = reference.namespace.clone().unwrap_or_else(|| "default".into());
        let now = Timestamp::now();
        let mut end = note.len().min(NOTE);
        while !note.is_char_boundary(end) {
            end -= 1;
        }
        let event = Event {
            metadata: kube::core::ObjectMeta {
                name: Some(format!(
                    "{}.{:x}",
                    reference.name.as_deref().unwrap_or_default().chars().take(200).collect::<String>(),
                    now.as_nanosecond()
                )),
                namespace: Some(namespace.clone()),
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
        if let Err(error) = Api::<Event>::namespaced(self.client.clone(), &namespace).create(&PostParams::default(), &event).await {
            tracing::debug!(%error, "an Event could not be written");
        }
    }
}
