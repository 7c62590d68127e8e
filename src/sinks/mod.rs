//! Sinks: one file per target type says what to make, the target to put, and the grants that it needs. Pure.
//!
//! To add a type: a file here, a field in `api::EventSinkSpec`, and an arm in each `match` below. `docs/adding-a-sink.md` walks through it.

pub mod grants;
pub mod lambda;
pub mod logs;
pub mod policy;
pub mod reach;
pub mod sqs;
pub mod triggers;

use std::{collections::BTreeSet, time::Duration};

use lambda::{DesiredLambda, ObservedLambda};
use logs::{DesiredLogs, ObservedLogs};
use serde::Serialize;
use serde_json::Value;
use sqs::{DesiredSqs, ObservedSqs};

use crate::{
    api::{EventSink, Tags},
    resources::{PlanContext, Settings},
    runtime::halt::{Halt, Reason},
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
}

/// What AWS should hold of a sink.
#[derive(Clone, Debug, Serialize)]
pub enum Desired {
    Sqs(DesiredSqs),
    Lambda(DesiredLambda),
    LogGroup(DesiredLogs),
}

/// What AWS holds of a sink.
#[derive(Clone, Debug, PartialEq)]
pub enum Observed {
    Sqs(ObservedSqs),
    Lambda(ObservedLambda),
    LogGroup(ObservedLogs),
}

pub fn type_of(sink: &EventSink) -> Result<Type, Halt> {
    let spec = &sink.spec;
    match (&spec.sqs, &spec.lambda, &spec.log_group) {
        (Some(_), None, None) => Ok(Type::Sqs),
        (None, Some(_), None) => Ok(Type::Lambda),
        (None, None, Some(_)) => Ok(Type::LogGroup),
        _ => Err(Halt::invalid(Reason::InvalidSpec, "spec: set exactly one destination: sqs, lambda or logGroup")),
    }
}

impl Desired {
    pub fn grants(&self) -> &Grants {
        match self {
            Self::Sqs(sqs) => &sqs.grants,
            Self::Lambda(lambda) => &lambda.grants,
            Self::LogGroup(logs) => &logs.grants,
        }
    }

    pub fn tags(&self) -> Option<&Tags> {
        match self {
            Self::Sqs(sqs) => sqs.managed.as_ref().map(|queue| &queue.tags),
            Self::Lambda(_) => None,
            Self::LogGroup(logs) => logs.managed.as_ref().map(|group| &group.tags),
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
        }
    }

    /// The sources that the policy lets in once all is applied.
    pub fn sources_in_policy(&self, observed: Option<&Observed>) -> BTreeSet<String> {
        match (self, observed) {
            (Self::Sqs(want), observed) => sqs::sources_in_policy(want, observed.and_then(Observed::sqs)),
            (Self::Lambda(want), observed) => lambda::sources_in_policy(want, observed.and_then(Observed::lambda)),
            (Self::LogGroup(want), observed) => logs::sources_in_policy(want, observed.and_then(Observed::logs)),
        }
    }

    /// Whether every step that the permission needs took effect.
    pub fn permitted(&self, observed: Option<&Observed>, applied: &[Step]) -> bool {
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
            Self::Lambda(_) | Self::LogGroup(_) => settings.permission_settle,
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
        }
    }

    pub fn waiting(&self, observed: Option<&Observed>) -> Option<Halt> {
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
}

/// Create, update, or nothing to do with `desired`; delete without it.
pub fn plan(desired: Option<&Desired>, observed: Option<&Observed>, context: &PlanContext<'_>) -> Result<Vec<Step>, Halt> {
    match (desired, observed) {
        (Some(Desired::Sqs(want)), have) => sqs::plan(Some(want), have.and_then(Observed::sqs), context),
        (Some(Desired::Lambda(want)), have) => lambda::plan(Some(want), have.and_then(Observed::lambda), context),
        (Some(Desired::LogGroup(want)), have) => logs::plan(Some(want), have.and_then(Observed::logs), context),
        (None, Some(Observed::Sqs(have))) => sqs::plan(None, Some(have), context),
        (None, Some(Observed::Lambda(have))) => lambda::plan(None, Some(have), context),
        (None, Some(Observed::LogGroup(have))) => logs::plan(None, Some(have), context),
        (None, None) => Ok(vec![]),
    }
}
