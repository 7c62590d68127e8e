//! Partner event sources: one list per account and Region serves every bus that waits for its source.

use std::time::Duration;

use aws_sdk_eventbridge::types::EventSourceState;
use k8s_openapi::jiff::Timestamp;

use tributary_api::SourceState;
use tributary_core::{error::ReconcileError, kinds::partner::ObservedSource};

use crate::{
    cache::{ALL, Sources},
    client::{
        rate_limiter::Priority,
        request::{non_empty, send},
        session::Session,
    },
};

impl Session {
    /// Returns the event source of this name, from a list no older than `age`.
    ///
    /// # Errors
    /// Those of `ListEventSources`.
    pub async fn event_source(&self, name: &str, age: Duration) -> Result<Option<ObservedSource>, ReconcileError> {
        Ok(self.shared.caches.sources.read(&self.caller.arn, ALL, age, || self.list_event_sources()).await?.get(name).cloned())
    }

    async fn list_event_sources(&self) -> Result<Sources, ReconcileError> {
        let mut sources = Sources::new();
        let mut next = None;
        loop {
            let request = self.events.list_event_sources().limit(100).set_next_token(next);
            let page = send!(self, events, ListEventSources, request, Priority::Change)?;
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
            next = non_empty(page.next_token);
            if next.is_none() {
                return Ok(sources);
            }
        }
    }
}
