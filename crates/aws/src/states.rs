//! State machines of Step Functions.

use aws_sdk_sfn::operation::describe_state_machine::DescribeStateMachineOutput;
use aws_sdk_sfn::types::{LogLevel, LoggingConfiguration, StateMachineStatus, StateMachineType, Tag, TracingConfiguration};
use serde_json::Value;

use tributary_api::Tags;
use tributary_core::{
    delivery::TargetFacts,
    destinations::ObservedMachine,
    error::{Reason, ReconcileError, RetryClass},
    steps::{MachineSettings, Redelivery, StatesStep},
};

use crate::{
    client::{
        call::{Call, States},
        hints::{Hint, not_sent},
        request::{ignore_not_found, send},
        session::Session,
    },
    logs::{observed_destination, sdk_destination},
    read::TagRead,
};

const MACHINE: &[Call] = &[Call::States(States::CreateStateMachine), Call::States(States::UpdateStateMachine)];

pub(crate) const HINTS: &[Hint] = &[
    Hint { calls: MACHINE, code: "InvalidDefinition", message: "", next_step: "Correct spec.stateMachine.managed.definition" },
    Hint { calls: MACHINE, code: "InvalidLoggingConfiguration", message: "", next_step: "Correct spec.stateMachine.managed.logging" },
    Hint {
        calls: &[],
        code: "StateMachineDeleting",
        message: "",
        next_step: "AWS deletes a state machine once its executions have ended. Retried automatically",
    },
];

impl Session {
    /// Returns the state machine; `None` if it does not exist.
    ///
    /// # Errors
    /// `NameNotFreeYet` while AWS deletes it, which takes until its executions have ended (docs/aws-facts.md, F4); those of
    /// `DescribeStateMachine` and `ListTagsForResource`.
    pub async fn state_machine(&self, arn: &str, tags: TagRead) -> Result<Option<ObservedMachine>, ReconcileError> {
        let request = self.states.describe_state_machine().state_machine_arn(arn);
        let Some(found) = ignore_not_found(send!(self, states, DescribeStateMachine, request))? else { return Ok(None) };
        if found.status == Some(StateMachineStatus::Deleting) {
            return Err(ReconcileError::new(
                RetryClass::Transient,
                Reason::NameNotFreeYet,
                format!("state machine {arn} is being deleted, which takes until its executions have ended. Retried automatically"),
            ));
        }
        let tags = match tags {
            TagRead::Read => Some(self.state_machine_tags(arn).await?),
            TagRead::Skip => None,
        };
        Ok(Some(ObservedMachine { express: found.r#type == StateMachineType::Express, settings: observed_settings(found), tags }))
    }

    /// Returns what delivery to the state machine depends on.
    pub(crate) async fn state_machine_facts(&self, arn: &str) -> Result<Option<TargetFacts>, ReconcileError> {
        Ok(self.state_machine(arn, TagRead::Skip).await?.map(|_| TargetFacts::default()))
    }

    /// Starts an execution that is named like the dead letter. A standard workflow accepts a name once in 90 days (Step Functions API
    /// reference, `StartExecution`), so that an execution of this name is that of an earlier attempt.
    async fn start_with_letter(&self, letter: &Redelivery) -> Result<(), ReconcileError> {
        let states = &self.states;
        let request =
            states.start_execution().state_machine_arn(&letter.target_arn).name(&letter.message_id).input(letter.payload.expose());
        match send!(self, states, StartExecution, request) {
            Err(error) if error.code == "ExecutionAlreadyExists" => Ok(()),
            answer => answer.map(drop).map_err(not_sent),
        }
    }

    async fn state_machine_tags(&self, arn: &str) -> Result<Tags, ReconcileError> {
        let answer = send!(self, states, ListTagsForResource, self.states.list_tags_for_resource().resource_arn(arn))?;
        let pairs = answer.tags.unwrap_or_default().into_iter();
        Ok(pairs.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect())
    }

    /// Applies one step to Step Functions.
    ///
    /// # Errors
    /// Those of the call, with the next step for the user.
    pub async fn apply_states(&self, step: &StatesStep) -> Result<(), ReconcileError> {
        let states = &self.states;
        match step {
            StatesStep::CreateStateMachine { name, express, settings, tags } => {
                let request = states
                    .create_state_machine()
                    .name(name)
                    .r#type(if *express { StateMachineType::Express } else { StateMachineType::Standard })
                    .definition(settings.definition.to_string())
                    .role_arn(&settings.role_arn)
                    .logging_configuration(logging(settings))
                    .tracing_configuration(TracingConfiguration::builder().enabled(settings.tracing).build())
                    .set_tags(Some(sdk_tags(tags)));
                send!(self, states, CreateStateMachine, request)?;
            }
            StatesStep::UpdateStateMachine { arn, settings } => {
                let request = states
                    .update_state_machine()
                    .state_machine_arn(arn)
                    .definition(settings.definition.to_string())
                    .role_arn(&settings.role_arn)
                    .logging_configuration(logging(settings))
                    .tracing_configuration(TracingConfiguration::builder().enabled(settings.tracing).build());
                send!(self, states, UpdateStateMachine, request)?;
            }
            // Deleting one that does not exist succeeds (docs/aws-facts.md, F4).
            StatesStep::DeleteStateMachine { arn } => {
                send!(self, states, DeleteStateMachine, states.delete_state_machine().state_machine_arn(arn))?;
            }
            StatesStep::TagStateMachine { arn, tags } => {
                send!(self, states, TagResource, states.tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(tags))))?;
            }
            StatesStep::StartExecution(letter) => self.start_with_letter(letter).await?,
            StatesStep::UntagStateMachine { arn, keys } => {
                send!(self, states, UntagResource, states.untag_resource().resource_arn(arn).set_tag_keys(Some(keys.clone())))?;
            }
        }
        Ok(())
    }
}

fn observed_settings(machine: DescribeStateMachineOutput) -> MachineSettings {
    let logging = machine.logging_configuration;
    let level = logging.as_ref().and_then(|logging| logging.level.clone());
    MachineSettings {
        definition: serde_json::from_str(&machine.definition).unwrap_or(Value::String(machine.definition)),
        role_arn: machine.role_arn,
        log_level: level.map_or_else(|| "OFF".into(), |level| level.as_str().into()),
        log_execution_data: logging.as_ref().is_some_and(|logging| logging.include_execution_data),
        logs: logging.and_then(|logging| logging.destinations).map(observed_destination).unwrap_or_default(),
        tracing: machine.tracing_configuration.is_some_and(|tracing| tracing.enabled),
    }
}

/// A log level requires exactly one destination, whose ARN ends in `:*` (docs/aws-facts.md, F9, F11).
fn logging(settings: &MachineSettings) -> LoggingConfiguration {
    LoggingConfiguration::builder()
        .level(LogLevel::from(settings.log_level.as_str()))
        .include_execution_data(settings.log_execution_data)
        .set_destinations(sdk_destination(&settings.logs))
        .build()
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}
