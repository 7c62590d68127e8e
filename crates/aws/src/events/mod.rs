//! `EventBridge`: buses, rules, targets, archives, connections, API destinations, replays, partner event sources.

mod api_destinations;
mod archives;
mod buses;
mod connection_parameters;
mod connections;
mod facts;
mod hints;
mod letters;
mod lists;
mod replays;
mod rules;
mod sources;
mod tags;
mod targets;

use tributary_core::{
    error::ReconcileError,
    steps::{EventsStep, PublishStep},
};

use crate::client::session::Session;

pub use connection_parameters::SecretValues;

pub(crate) use api_destinations::TARGET_PARAMETERS as HTTP_PARAMETERS;
pub(crate) use hints::HINTS;

impl Session {
    /// Applies one step to `EventBridge`. `secrets` are the values that the step references.
    ///
    /// # Errors
    /// Those of the call, with the next step for the user.
    pub async fn apply_events(&self, step: &EventsStep, secrets: &SecretValues) -> Result<(), ReconcileError> {
        // Boxed: those that are three times as large as the others.
        match step {
            EventsStep::Bus(step) => Box::pin(self.apply_bus(step)).await,
            EventsStep::Rule(step) => self.apply_rule(step).await,
            EventsStep::Archive(step) => self.apply_archive(step).await,
            EventsStep::Connection(step) => self.apply_connection(step, secrets).await,
            EventsStep::ApiDestination(step) => self.apply_api_destination(step).await,
            EventsStep::Replay(step) => self.apply_replay(step).await,
            EventsStep::Tags(step) => self.apply_event_tags(step).await,
            EventsStep::Publish(PublishStep::PutEvents(letter)) => Box::pin(self.publish_letter_on_bus(letter)).await,
        }
    }
}
