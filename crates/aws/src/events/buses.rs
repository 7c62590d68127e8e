//! Event buses and the statements of their policies.

use aws_sdk_eventbridge::types::{self as sdk, Tag};

use serde_json::Value;

use tributary_api::Tags;
use tributary_core::{
    error::{Reason, ReconcileError, RetryClass},
    kinds::BusInAws,
    names::bus_name,
    policy_document::statements_of,
    steps::{BusSettings, BusStep, LogSettings},
};

use crate::{
    cache::ALL,
    client::{
        request::{ignore_not_found, non_empty, sdk_tags, send, unbuilt},
        session::Session,
    },
    events::targets::dead_letter,
    policy_writer::{self, Document},
};

/// `ActivateEventSource` refuses a source that is not matched with a bus of its account.
const INVALID_STATE: &str = "InvalidStateException";

impl Session {
    /// Returns the bus with its policy, without tags and rules; `None` if it does not exist. A bus of another account is named by its
    /// ARN.
    ///
    /// # Errors
    /// Those of `DescribeEventBus`.
    pub async fn bus(&self, name: &str) -> Result<Option<BusInAws>, ReconcileError> {
        let found = ignore_not_found(send!(self, events, DescribeEventBus, self.events.describe_event_bus().name(name)))?;
        Ok(found.map(|bus| BusInAws {
            name: bus_name(name).to_owned(),
            arn: bus.arn.unwrap_or_default(),
            settings: BusSettings {
                description: non_empty(bus.description),
                kms_key_id: non_empty(bus.kms_key_identifier),
                dead_letter_arn: non_empty(bus.dead_letter_config.and_then(|config| config.arn)),
                log: bus.log_config.as_ref().and_then(observed_log),
            },
            statements: statements_of(bus.policy.as_deref().unwrap_or_default()),
            managed_by: non_empty(bus.managed_by),
            tags: None,
            rules: vec![],
        }))
    }

    pub(super) async fn apply_bus(&self, step: &BusStep) -> Result<(), ReconcileError> {
        let events = &self.events;
        match step {
            BusStep::CreateEventBus { name, source, settings, tags } => {
                self.create_event_bus(name, source.as_ref(), settings, tags).await?;
            }
            BusStep::ActivateEventSource { name } => self.activate_event_source(name).await?,
            BusStep::UpdateEventBus { name, settings } => self.update_event_bus(name, settings).await?,
            BusStep::DeleteEventBus { name } => {
                send!(self, events, DeleteEventBus, events.delete_event_bus().name(name))?;
            }
            BusStep::PutPermission { bus, sid, statement: Some(statement), .. } => self.put_statement(bus, sid, statement).await?,
            BusStep::PutPermission { bus, sid, principal, organization, .. } => {
                let request = events.put_permission().event_bus_name(bus).statement_id(sid).action("events:PutEvents").principal(principal);
                let request = request.set_condition(organization.as_deref().map(member_of).transpose()?);
                let write = async { send!(self, events, PutPermission, request).map(drop).map_err(ReconcileError::from) };
                self.shared.caches.policies.write(&lock_of(bus), write).await?;
            }
            BusStep::RemovePermission { bus, sid } => {
                let request = events.remove_permission().event_bus_name(bus).statement_id(sid);
                let write =
                    async { ignore_not_found(send!(self, events, RemovePermission, request)).map(drop).map_err(ReconcileError::from) };
                self.shared.caches.policies.write(&lock_of(bus), write).await?;
            }
        }
        Ok(())
    }

    async fn put_statement(&self, bus: &str, sid: &str, statement: &Value) -> Result<(), ReconcileError> {
        let (document, sids, statements) = (BusPolicy { session: self, bus }, [sid.to_owned()], [statement.clone()]);
        self.shared.caches.policies.write(&lock_of(bus), policy_writer::change(&document, &sids, &statements)).await
    }

    async fn create_event_bus(
        &self,
        name: &str,
        source: Option<&String>,
        settings: &BusSettings,
        tags: &Tags,
    ) -> Result<(), ReconcileError> {
        let request = self
            .events
            .create_event_bus()
            .name(name)
            .set_event_source_name(source.cloned())
            .set_description(settings.description.clone())
            .set_kms_key_identifier(settings.kms_key_id.clone())
            .set_dead_letter_config(dead_letter(settings.dead_letter_arn.as_ref()))
            .set_log_config(settings.log.as_ref().map(sdk_log))
            .set_tags(Some(sdk_tags!(Tag, tags)?));
        let answer = send!(self, events, CreateEventBus, request);
        self.shared.caches.sources.forget(ALL).await;
        answer?;
        Ok(())
    }

    async fn update_event_bus(&self, name: &str, settings: &BusSettings) -> Result<(), ReconcileError> {
        // AWS keeps what a request omits; empty values remove it.
        let dead_letter = dead_letter(settings.dead_letter_arn.as_ref()).unwrap_or_else(|| sdk::DeadLetterConfig::builder().build());
        let request = self
            .events
            .update_event_bus()
            .name(name)
            .description(settings.description.clone().unwrap_or_default())
            .kms_key_identifier(settings.kms_key_id.clone().unwrap_or_default())
            .dead_letter_config(dead_letter)
            .set_log_config(settings.log.as_ref().map(sdk_log));
        send!(self, events, UpdateEventBus, request)?;
        Ok(())
    }

    async fn activate_event_source(&self, name: &str) -> Result<(), ReconcileError> {
        let answer = send!(self, events, ActivateEventSource, self.events.activate_event_source().name(name));
        self.shared.caches.sources.forget(ALL).await;
        match answer {
            Err(error) if error.code == INVALID_STATE => Err(ReconcileError::new(
                RetryClass::Refused,
                Reason::Rejected,
                format!(
                    "{error}. The source is Pending, and AWS does not match it with its old bus. Delete the rules and the bus {name} in AWS; both are then recreated automatically."
                ),
            )),
            answer => answer.map(drop).map_err(ReconcileError::from),
        }
    }
}

/// The name of the lock of a bus's policy, which every write of it takes.
fn lock_of(bus: &str) -> String {
    format!("event-bus/{bus}")
}

struct BusPolicy<'a> {
    session: &'a Session,
    bus: &'a str,
}

impl Document for BusPolicy<'_> {
    fn what(&self) -> String {
        format!("event bus {}", self.bus)
    }

    async fn read(&self) -> Result<String, ReconcileError> {
        let session = self.session;
        let answer = send!(session, events, DescribeEventBus, session.events.describe_event_bus().name(self.bus))?;
        Ok(answer.policy.unwrap_or_default())
    }

    async fn write(&self, document: &str) -> Result<(), ReconcileError> {
        let session = self.session;
        let request = session.events.put_permission().event_bus_name(self.bus).policy(document);
        send!(session, events, PutPermission, request).map(drop).map_err(ReconcileError::from)
    }
}

/// The condition that permits the accounts of an organization.
fn member_of(organization: &str) -> Result<sdk::Condition, ReconcileError> {
    sdk::Condition::builder().r#type("StringEquals").key("aws:PrincipalOrgID").value(organization).build().map_err(unbuilt)
}

fn sdk_log(log: &LogSettings) -> sdk::LogConfig {
    sdk::LogConfig::builder().level(log.level.as_str().into()).include_detail(log.detail.as_str().into()).build()
}

fn observed_log(log: &sdk::LogConfig) -> Option<LogSettings> {
    let level = log.level.as_ref()?;
    let detail = log.include_detail.as_ref().unwrap_or(&sdk::IncludeDetail::None);
    Some(LogSettings { level: level.as_str().to_owned(), detail: detail.as_str().to_owned() }).filter(|log| !log.is_off())
}
