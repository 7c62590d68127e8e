//! Partner event sources: one list per account and region serves every bus that waits.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_eventbridge::types::EventSourceState;
use k8s_openapi::jiff::Timestamp;

use tributary_api::SourceState;
use tributary_core::{error::ReconcileError, kinds::partner::ObservedSource};

use crate::{Priority, Session};

pub type Sources = BTreeMap<String, ObservedSource>;

impl Session {
    /// The source of this name, as a list has it that may be this old.
    pub async fn event_source(&self, name: &str, age: Duration) -> Result<Option<ObservedSource>, ReconcileError> {
        Ok(self.shared.sources.read(age, || self.list_event_sources()).await?.get(name).cloned())
    }

    async fn list_event_sources(&self) -> Result<Sources, ReconcileError> {
        let (mut sources, mut next) = (Sources::new(), None);
        loop {
            let request = self.events.list_event_sources().limit(100).set_next_token(next);
            let page =
                self.call(&self.shared.events, "events:ListEventSources", Priority::Change, || Box::pin(request.clone().send())).await?;
            for source in page.event_sources.unwrap_or_default() {
                let name = source.name.unwrap_or_default();
                let state = match source.state {
                    Some(EventSourceState::Active) => SourceState::Active,
                    Some(EventSourceState::Deleted) => SourceState::Deleted,
                    _ => SourceState::Pending,
                };
                let expires = source.expiration_time.and_then(|at| Timestamp::from_second(at.secs()).ok());
                sources.insert(name.clone(), ObservedSource { name, state, expiration_time: expires, ..ObservedSource::default() });
            }
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(sources);
            }
        }
    }
}
