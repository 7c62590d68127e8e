//! Sinks: one file per target type says what to make, the target to put, and the grants that it needs. Pure.
//!
//! To add a type: a file here, a field in `api::EventSinkSpec`, and an arm in each `match` below. `docs/adding-a-sink.md` walks through it.

pub mod api_destination;
pub mod asl;
pub mod by_role;
pub mod grants;
pub mod lambda;
pub mod logs;
pub mod reach;
pub mod resolve;
pub mod resolve_api;
pub mod resolve_by_role;
pub mod role;
pub mod sns;
pub mod sqs;
pub mod state_machine;
pub mod triggers;

use std::{collections::BTreeSet, time::Duration};

use api_destination::{DesiredApiDestination, ObservedApiDestination};
use by_role::{DesiredByRole, ObservedByRole};
use lambda::{DesiredLambda, ObservedLambda};
use logs::{DesiredLogs, ObservedLogs};
use serde::Serialize;
use serde_json::Value;
use sns::{DesiredSns, ObservedSns};
use sqs::{DesiredSqs, ObservedSqs};
use state_machine::{DesiredStateMachine, ObservedStateMachine};

use tributary_api::{EventSink, Tags};

use crate::{
    error::{Reason, ReconcileError},
    plan::PlanContext,
    settings::Settings,
    steps::{SqsStep, Step},
};

use grants::Grants;

/// Which destination a sink is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
pub enum Type {
    #[strum(to_string = "sqs")]
    Sqs,
    #[strum(to_string = "lambda")]
    Lambda,
    #[strum(to_string = "logGroup")]
    LogGroup,
    #[strum(to_string = "sns")]
    Sns,
    #[strum(to_string = "stateMachine")]
    StateMachine,
    #[strum(to_string = "eventBus")]
    EventBus,
    #[strum(to_string = "apiDestination")]
    ApiDestination,
    #[strum(to_string = "kinesis")]
    Kinesis,
    #[strum(to_string = "firehose")]
    Firehose,
    #[strum(to_string = "ecsTask")]
    EcsTask,
    #[strum(to_string = "arn")]
    Arn,
    #[strum(to_string = "postgres")]
    Postgres,
}

impl Type {
    /// Whether EventBridge gets in by a role and never by the target's own policy.
    pub fn needs_role(self) -> bool {
        !matches!(self, Self::Sqs | Self::Postgres | Self::Lambda | Self::LogGroup | Self::Sns)
    }
}

/// What AWS should hold of a sink.
#[derive(Clone, Debug, Serialize)]
pub enum Desired {
    Sqs(DesiredSqs),
    Lambda(DesiredLambda),
    LogGroup(DesiredLogs),
    Sns(DesiredSns),
    StateMachine(Box<DesiredStateMachine>),
    ApiDestination(Box<DesiredApiDestination>),
    ByRole(DesiredByRole),
}

/// What AWS holds of a sink.
#[derive(Clone, Debug, PartialEq)]
pub enum Observed {
    Sqs(ObservedSqs),
    Lambda(ObservedLambda),
    LogGroup(ObservedLogs),
    Sns(ObservedSns),
    StateMachine(Box<ObservedStateMachine>),
    ApiDestination(Box<ObservedApiDestination>),
    ByRole(ObservedByRole),
}

pub fn type_of(sink: &EventSink) -> Result<Type, ReconcileError> {
    let spec = &sink.spec;
    let all = [
        (Type::Sqs, spec.sqs.is_some()),
        (Type::Lambda, spec.lambda.is_some()),
        (Type::LogGroup, spec.log_group.is_some()),
        (Type::Sns, spec.sns.is_some()),
        (Type::StateMachine, spec.state_machine.is_some()),
        (Type::EventBus, spec.event_bus.is_some()),
        (Type::ApiDestination, spec.api_destination.is_some()),
        (Type::Kinesis, spec.kinesis.is_some()),
        (Type::Firehose, spec.firehose.is_some()),
        (Type::EcsTask, spec.ecs_task.is_some()),
        (Type::Arn, spec.arn.is_some()),
        (Type::Postgres, spec.postgres.is_some()),
    ];
    let mut set = all.iter().filter(|(_, set)| *set).map(|(type_, _)| *type_);
    if let (Some(type_), None) = (set.next(), set.next()) {
        return Ok(type_);
    }
    let names = all.map(|(type_, _)| <&str>::from(type_)).join(", ");
    Err(ReconcileError::invalid(Reason::InvalidSpec, format!("spec: set exactly one destination of: {names}")))
}

impl Desired {
    pub fn grants(&self) -> &Grants {
        match self {
            Self::Sqs(sqs) => &sqs.grants,
            Self::Lambda(lambda) => &lambda.grants,
            Self::LogGroup(logs) => &logs.grants,
            Self::Sns(sns) => &sns.by.grants,
            Self::StateMachine(machine) => &machine.by.grants,
            Self::ApiDestination(api) => &api.by.grants,
            Self::ByRole(by) => &by.grants,
        }
    }

    /// The part of it that has to do with the role by which EventBridge gets in.
    pub fn by_role(&self) -> Option<&DesiredByRole> {
        match self {
            Self::Sns(sns) => Some(&sns.by),
            Self::StateMachine(machine) => Some(&machine.by),
            Self::ApiDestination(api) => Some(&api.by),
            Self::ByRole(by) => Some(by),
            Self::Sqs(_) | Self::Lambda(_) | Self::LogGroup(_) => None,
        }
    }

    /// ARN of the role that a managed state machine works as, if it is ours.
    pub fn execution_role(&self) -> Option<&String> {
        let Self::StateMachine(machine) = self else { return None };
        machine.execution_role.as_ref().map(|role| &role.arn)
    }

    pub fn tags(&self) -> Option<&Tags> {
        match self {
            Self::Sqs(sqs) => sqs.managed.as_ref().map(|queue| &queue.tags),
            Self::Lambda(_) => None,
            Self::LogGroup(logs) => logs.managed.as_ref().map(|group| &group.tags),
            Self::Sns(sns) => sns.managed.as_ref().map(|topic| &topic.tags).or_else(|| sns.by.role.as_ref().map(|role| &role.tags)),
            Self::StateMachine(machine) => Some(&machine.tags),
            Self::ApiDestination(api) => api.by.role.as_ref().map(|role| &role.tags),
            Self::ByRole(by) => by.role.as_ref().map(|role| &role.tags),
        }
    }

    /// Type in CloudFormation's words, and ARN, of what stands for the sink.
    pub fn resources(&self, observed: Option<&Observed>) -> Vec<(&'static str, String)> {
        match self {
            Self::Sqs(sqs) => {
                let dead_letter = sqs.dead_letter.as_ref().map(|queue| queue.arn.clone());
                let queues = [Some(sqs.grants.arn.clone()), dead_letter].into_iter().flatten().map(|arn| ("AWS::SQS::Queue", arn));
                let mappings = sqs.triggers.iter().filter_map(|trigger| {
                    let Some(Observed::Sqs(have)) = observed else { return None };
                    let present = have.triggers.iter().find(|present| present.function == trigger.function)?;
                    Some(("AWS::Lambda::EventSourceMapping", present.arn.clone()))
                });
                queues.chain(mappings).collect()
            }
            Self::Lambda(lambda) => vec![("AWS::Lambda::Function", lambda.grants.arn.clone())],
            Self::LogGroup(logs) => vec![("AWS::Logs::LogGroup", logs.grants.arn.clone())],
            Self::Sns(DesiredSns { by, .. }) | Self::ByRole(by) => {
                vec![(by.resource_type, by.grants.arn.clone())].into_iter().chain(self.roles(observed)).collect()
            }
            Self::ApiDestination(_) => {
                let have = observed.and_then(Observed::api_destination);
                let connection = have.and_then(|have| have.connection.as_ref()).map(|it| ("AWS::Events::Connection", it.arn.clone()));
                let destination = have.and_then(|have| have.destination.as_ref()).map(|it| ("AWS::Events::ApiDestination", it.arn.clone()));
                destination.into_iter().chain(connection).chain(self.roles(observed)).collect()
            }
            Self::StateMachine(machine) => {
                vec![(machine.by.resource_type, machine.by.grants.arn.clone())].into_iter().chain(self.roles(observed)).collect()
            }
        }
    }

    /// Our roles, those that are there once all is applied.
    fn roles(&self, observed: Option<&Observed>) -> Vec<(&'static str, String)> {
        let used =
            self.by_role().filter(|_| !self.sources_in_policy(observed).is_empty()).and_then(|by| by.role.as_ref()).map(|role| &role.arn);
        [self.execution_role(), used].into_iter().flatten().map(|arn| ("AWS::IAM::Role", arn.clone())).collect()
    }

    /// The sources that the policy lets in once all is applied.
    pub fn sources_in_policy(&self, observed: Option<&Observed>) -> BTreeSet<String> {
        match (self, observed) {
            (Self::Sqs(want), observed) => sqs::sources_in_policy(want, observed.and_then(Observed::sqs)),
            (Self::Lambda(want), observed) => lambda::sources_in_policy(want, observed.and_then(Observed::lambda)),
            (Self::LogGroup(want), observed) => logs::sources_in_policy(want, observed.and_then(Observed::logs)),
            (Self::Sns(want), observed) => sns::sources_in_policy(want, observed.and_then(Observed::sns)),
            (Self::StateMachine(want), observed) => by_role::sources_in_policy(&want.by, observed.and_then(Observed::by_role)),
            (Self::ApiDestination(want), observed) => by_role::sources_in_policy(&want.by, observed.and_then(Observed::by_role)),
            (Self::ByRole(want), observed) => by_role::sources_in_policy(want, observed.and_then(Observed::by_role)),
        }
    }

    /// Whether every step that the permission needs took effect.
    pub fn permitted(&self, observed: Option<&Observed>, applied: &[Step], context: &PlanContext<'_>) -> bool {
        let steps = match self {
            Self::Sqs(want) => match observed.and_then(Observed::sqs).filter(|have| have.queue.is_some()) {
                Some(have) => sqs::policy_step(want, Some(have)).map(|step| step.into_iter().collect()),
                None => return self.born(applied),
            },
            Self::Lambda(want) => lambda::policy_steps(want, observed.and_then(Observed::lambda)),
            Self::LogGroup(want) => {
                let nothing = ObservedLogs::default();
                logs::policy_step(want, observed.and_then(Observed::logs).unwrap_or(&nothing)).map(|step| step.into_iter().collect())
            }
            Self::Sns(want) => {
                let nothing = ObservedSns::default();
                sns::permission_steps(want, observed.and_then(Observed::sns).unwrap_or(&nothing), context)
            }
            // What EventBridge shall start must be there as well.
            Self::StateMachine(want) => match observed {
                Some(Observed::StateMachine(have)) if have.machine.is_some() => by_role::plan(Some(&want.by), Some(&have.by), context),
                _ => plan(Some(self), observed, context),
            },
            Self::ApiDestination(want) => match observed.and_then(Observed::api_destination) {
                Some(have) if have.destination.is_some() => by_role::plan(Some(&want.by), Some(&have.by), context),
                _ => return false,
            },
            Self::ByRole(want) => by_role::plan(Some(want), observed.and_then(Observed::by_role), context),
        };
        steps.is_ok_and(|steps: Vec<Step>| steps.iter().all(|step| applied.contains(step)))
    }

    /// Whether the target was made in this pass together with its policy, which then holds at once.
    pub fn born(&self, applied: &[Step]) -> bool {
        let Self::Sqs(sqs) = self else { return false };
        applied.iter().any(|step| matches!(step, Step::Sqs(SqsStep::CreateQueue { name, .. }) if *name == sqs.name))
    }

    /// How long AWS may take to honour a statement that was added.
    pub fn settle(&self, settings: &Settings) -> Duration {
        match self {
            Self::Sqs(_) => settings.policy_settle,
            Self::Lambda(_) | Self::LogGroup(_) | Self::Sns(_) | Self::StateMachine(_) | Self::ApiDestination(_) | Self::ByRole(_) => {
                settings.permission_settle
            }
        }
    }

    /// The statements that somebody else has to keep, ready to paste.
    pub fn required_statements(&self) -> Vec<Value> {
        let grants = self.grants();
        if grants.sources.is_empty() {
            return vec![];
        }
        match self {
            Self::Sqs(_) => vec![grants::sqs_statement(&grants.sid, &grants.arn, &grants.sources)],
            Self::Lambda(_) => grants.sources.iter().map(|source| lambda::statement(&grants.sid, &grants.arn, source)).collect(),
            Self::LogGroup(_) => logs::statements(&grants.sid, &grants.arn, &grants.sources),
            Self::Sns(_) => vec![sns::statement(&grants.sid, &grants.arn)],
            Self::StateMachine(_) | Self::ApiDestination(_) | Self::ByRole(_) => vec![],
        }
    }

    pub fn waiting(&self, observed: Option<&Observed>) -> Option<ReconcileError> {
        if let Self::ApiDestination(want) = self {
            return api_destination::waiting(want, observed.and_then(Observed::api_destination));
        }
        let Self::Sqs(want) = self else { return None };
        triggers::waiting(&want.triggers, observed.and_then(Observed::sqs).map(|have| have.triggers.as_slice()).unwrap_or_default())
    }
}

impl Observed {
    pub fn sqs(&self) -> Option<&ObservedSqs> {
        if let Self::Sqs(sqs) = self { Some(sqs) } else { None }
    }

    pub fn lambda(&self) -> Option<&ObservedLambda> {
        if let Self::Lambda(lambda) = self { Some(lambda) } else { None }
    }

    pub fn logs(&self) -> Option<&ObservedLogs> {
        if let Self::LogGroup(logs) = self { Some(logs) } else { None }
    }

    pub fn sns(&self) -> Option<&ObservedSns> {
        if let Self::Sns(sns) = self { Some(sns) } else { None }
    }

    pub fn state_machine(&self) -> Option<&ObservedStateMachine> {
        if let Self::StateMachine(machine) = self { Some(machine) } else { None }
    }

    pub fn by_role(&self) -> Option<&ObservedByRole> {
        match self {
            Self::Sns(sns) => Some(&sns.by),
            Self::StateMachine(machine) => Some(&machine.by),
            Self::ApiDestination(api) => Some(&api.by),
            Self::ByRole(by) => Some(by),
            Self::Sqs(_) | Self::Lambda(_) | Self::LogGroup(_) => None,
        }
    }

    pub fn api_destination(&self) -> Option<&ObservedApiDestination> {
        if let Self::ApiDestination(api) = self { Some(api) } else { None }
    }
}

/// Create, update, or nothing to do with `desired`; delete without it.
pub fn plan(desired: Option<&Desired>, observed: Option<&Observed>, context: &PlanContext<'_>) -> Result<Vec<Step>, ReconcileError> {
    match (desired, observed) {
        (Some(Desired::Sqs(want)), have) => sqs::plan(Some(want), have.and_then(Observed::sqs), context),
        (Some(Desired::Lambda(want)), have) => lambda::plan(Some(want), have.and_then(Observed::lambda), context),
        (Some(Desired::LogGroup(want)), have) => logs::plan(Some(want), have.and_then(Observed::logs), context),
        (Some(Desired::Sns(want)), have) => sns::plan(Some(want), have.and_then(Observed::sns), context),
        (Some(Desired::StateMachine(want)), have) => state_machine::plan(Some(want), have.and_then(Observed::state_machine), context),
        (Some(Desired::ApiDestination(want)), have) => api_destination::plan(Some(want), have.and_then(Observed::api_destination), context),
        (Some(Desired::ByRole(want)), have) => by_role::plan(Some(want), have.and_then(Observed::by_role), context),
        (None, Some(Observed::Sqs(have))) => sqs::plan(None, Some(have), context),
        (None, Some(Observed::Lambda(have))) => lambda::plan(None, Some(have), context),
        (None, Some(Observed::LogGroup(have))) => logs::plan(None, Some(have), context),
        (None, Some(Observed::Sns(have))) => sns::plan(None, Some(have), context),
        (None, Some(Observed::StateMachine(have))) => state_machine::plan(None, Some(have), context),
        (None, Some(Observed::ApiDestination(have))) => api_destination::plan(None, Some(have), context),
        (None, Some(Observed::ByRole(have))) => by_role::plan(None, Some(have), context),
        (None, None) => Ok(vec![]),
    }
}
