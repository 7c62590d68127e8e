//! Dead letters that are published on the bus that they did not reach.

use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    names::{Arn, bus_of},
    redrive::PublishedEvent,
    steps::Redelivery,
};

use crate::{
    client::{call::Events, error::AwsError, hints::not_sent, session::Session},
    put_events::Entry,
};

impl Session {
    /// Publishes a dead letter. Reads the bus first: `EventBridge` accepts events for a bus that does not exist, and silently drops them
    /// (docs/aws-facts.md, P6).
    pub(super) async fn publish_letter_on_bus(&self, letter: &Redelivery) -> Result<(), ReconcileError> {
        let arn = &letter.target_arn;
        let refuse = |reason, message| Err(ReconcileError::new(RetryClass::Refused, reason, message));
        let Some(event) = PublishedEvent::parse(letter.payload.expose()) else {
            return refuse(Reason::Rejected, "the dead letter is not an event".to_owned());
        };
        let is_own = Arn::parse(arn).is_some_and(|arn| arn.account_id == self.caller.account_id);
        let name = bus_of(arn).filter(|_| is_own).unwrap_or(arn);
        if self.bus(name).await?.is_none() {
            return refuse(Reason::TargetNotFound, format!("event bus {arn} not found. Create it, or remove the target from the rule."));
        }
        let entry = Entry {
            bus: arn.clone(),
            source: event.source,
            detail_type: event.detail_type,
            detail: event.detail,
            time: event.time,
            resources: event.resources,
            trace_header: None,
        };
        match self.put(&[&entry]).await.map_err(not_sent)?.pop() {
            Some(Ok(_)) => Ok(()),
            Some(Err((code, message))) => Err(not_sent(AwsError::answered(Events::PutEvents, code, message, 400))),
            None => Err(ReconcileError::transient("PutEvents returned no answer for the event")),
        }
    }
}
