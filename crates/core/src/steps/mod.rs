//! Steps: one write each, to AWS or to a child object in Kubernetes, as data. No I/O, no SDK.
//!
//! A step serves as the log line, the Kubernetes Event, the line of `status.plan`, the fault point
//! of crash tests, and the entry in the list of IAM actions.

mod archives;
mod buses;
mod child;
mod connections;
mod ecs;
mod events;
mod iam;
mod in_region;
mod kinesis;
mod lambda;
mod log_deliveries;
mod logs;
mod redelivery;
mod request;
mod rules;
mod sns;
mod sqs;
mod states;
mod tags;
mod targets;
mod text;
mod triggers;

use std::{collections::BTreeSet, fmt};

use serde::Serialize;
use serde_json::Value;

use tributary_api::WrittenType;

use crate::names::Scope;

pub use archives::*;
pub use buses::*;
pub use child::*;
pub use connections::*;
pub use ecs::*;
pub use events::*;
pub use iam::*;
pub use in_region::InRegion;
pub use lambda::*;
pub use log_deliveries::*;
pub use logs::*;
pub use redelivery::*;
pub(crate) use request::{strip, tag_list, with};
pub use rules::*;
pub use sns::*;
pub use sqs::*;
pub use states::*;
pub use tags::{TagStep, tag_steps};
pub use targets::*;
pub use triggers::*;

/// What the writes to one service have in common.
trait ServiceStep {
    /// Names of all writes.
    fn names() -> Vec<&'static str>;

    /// Returns the API call of a write, by the name of the write.
    fn call_of(name: &'static str) -> &'static str {
        name
    }

    /// Whether the write puts the operator's statement into a policy that others write too.
    fn puts_statement(&self) -> bool {
        false
    }

    /// Returns what the write adds beside statements and AWS cannot tag, to be noted in the status of the sink.
    fn untagged(&self) -> Option<(WrittenType, &String)> {
        None
    }

    /// Returns the dead letter that the write sends to its target.
    fn redelivery(&self) -> Option<&Redelivery> {
        None
    }

    /// Returns the id of the dead letter that the write deletes.
    fn deleted_message(&self) -> Option<&str> {
        None
    }

    /// Returns the members of the request that AWS limits, in the names of AWS.
    fn limited(&self) -> Value {
        Value::Null
    }

    /// Which field of a spec a member of a request comes from: call, member, and field.
    const FIELDS: &'static [FieldOf] = &[];

    /// The writes that delete a resource, by name.
    const DELETES: &'static [(&'static str, Deletes)] = &[];

    /// Returns the cached facts that the write may change.
    fn changes(&self, scope: Scope<'_>) -> Option<Changed> {
        let _ = scope;
        None
    }
}

/// What a step deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletes {
    /// A resource that holds data, or that others outside of the cluster may use by its name. Creating it again does not bring these back.
    Data,
    /// Another resource.
    Resource,
}

/// A call, or `*` after the service for each of its calls; the beginning of a member's name; and the field of a spec that it comes from.
pub(crate) type FieldOf = (&'static str, &'static str, &'static str);

/// Parameters of a rule's target that only one type of destination has.
struct TargetParameters {
    /// Member of the target that holds the parameters.
    member: &'static str,
    /// Which field of a rule or sink the parameters come from.
    fields: &'static [FieldOf],
    /// Returns the parameters that AWS limits, in the names of AWS.
    limited: fn(&TargetSettings) -> Value,
}

/// The parameters that AWS limits, each in the file of its type.
const TARGET_PARAMETERS: &[TargetParameters] =
    &[connections::HTTP_PARAMETERS, sqs::TARGET_PARAMETERS, kinesis::TARGET_PARAMETERS, ecs::TARGET_PARAMETERS];

/// Returns which field of a rule or sink each member of an entry of `events:PutTargets` comes from. The first that matches counts.
pub(crate) fn target_fields() -> impl Iterator<Item = &'static FieldOf> {
    TARGET_PARAMETERS.iter().flat_map(|parameters| parameters.fields).chain(TargetSettings::FIELDS)
}

/// A cached fact that a write may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The target with this ARN.
    Target(String),
    /// All targets whose ARN contains this text: AWS generates part of the ARN, so that the step does not have it.
    TargetsWith(&'static str),
    /// The role with this name.
    Role(String),
}

/// Registers the services, `Service(its steps) = prefix of its IAM actions`.
macro_rules! steps {
    ($($(#[$doc:meta])* $service:ident($step:ty) = $prefix:literal,)*) => {
        /// One write, by the service that it goes to.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        pub enum Step {
            $($(#[$doc])* $service($step),)*
            /// A write to another Region than that of the object.
            InRegion(Box<InRegion>),
        }

        impl Step {
            /// Returns the IAM action of the step, such as `events:PutRule`.
            pub fn action(&self) -> String {
                match self {
                    $(Self::$service(step) => format!("{}:{}", $prefix, <$step as ServiceStep>::call_of(step.into())),)*
                    Self::InRegion(step) => step.step.action(),
                }
            }

            /// Returns the name of the step without its contents, such as `PutRule`.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$service(step) => step.into(),)*
                    Self::InRegion(step) => step.step.name(),
                }
            }

            /// Returns all names that [`Step::name`] can return.
            pub fn names() -> impl Iterator<Item = &'static str> {
                [$(<$step as ServiceStep>::names()),*].into_iter().flatten()
            }

            /// Returns what the step deletes, if it deletes a resource of a user: not what change events need, in each Region.
            pub(crate) fn deletes(&self) -> Option<Deletes> {
                let name = self.name();
                let table = match self {
                    $(Self::$service(_) => <$step as ServiceStep>::DELETES,)*
                    Self::InRegion(_) => return None,
                };
                table.iter().find(|(of, _)| *of == name).map(|(_, deletes)| *deletes)
            }

            /// Returns the names of all steps that delete a resource, with what they delete.
            #[cfg(test)]
            pub(crate) fn deletions() -> impl Iterator<Item = (&'static str, Deletes)> {
                [$(<$step as ServiceStep>::DELETES),*].into_iter().flatten().copied()
            }

            /// Whether the step puts the operator's statement into a policy that others write too.
            pub(crate) fn puts_statement(&self) -> bool {
                match self {
                    $(Self::$service(step) => step.puts_statement(),)*
                    Self::InRegion(step) => step.step.puts_statement(),
                }
            }

            /// Returns what the step adds beside statements and AWS cannot tag, to be noted in the status of the sink.
            pub(crate) fn untagged(&self) -> Option<(WrittenType, &String)> {
                match self {
                    $(Self::$service(step) => step.untagged(),)*
                    Self::InRegion(step) => step.step.untagged(),
                }
            }

            /// Returns the dead letter that the step sends to its target.
            pub fn redelivery(&self) -> Option<&Redelivery> {
                match self {
                    $(Self::$service(step) => step.redelivery(),)*
                    Self::InRegion(step) => step.step.redelivery(),
                }
            }

            /// Returns the id of the dead letter that the step deletes.
            pub fn deleted_message(&self) -> Option<&str> {
                match self {
                    $(Self::$service(step) => step.deleted_message(),)*
                    Self::InRegion(step) => step.step.deleted_message(),
                }
            }

            /// Returns the members of the request that AWS limits, in the names of AWS.
            pub(crate) fn limited(&self) -> Value {
                match self {
                    $(Self::$service(step) => step.limited(),)*
                    Self::InRegion(step) => step.step.limited(),
                }
            }

            /// Returns which field of a spec each member of a request comes from.
            pub(crate) fn fields() -> impl Iterator<Item = &'static FieldOf> {
                [$(<$step as ServiceStep>::FIELDS),*].into_iter().flatten()
            }

            /// Returns the cached facts that the step may change. `scope` is the account and Region that it writes to.
            pub fn changes(&self, scope: Scope<'_>) -> Option<Changed> {
                match self {
                    $(Self::$service(step) => step.changes(scope),)*
                    Self::InRegion(step) => step.step.changes(Scope { region: &step.region, ..scope }),
                }
            }
        }

        /// Returns the IAM actions of all steps that write to AWS, to compare them with the IAM policy of the operator.
        pub fn actions() -> BTreeSet<String> {
            fn of<S: ServiceStep>(prefix: &str) -> Vec<String> {
                S::names().into_iter().map(|name| format!("{prefix}:{}", S::call_of(name))).collect()
            }
            let all = [$(of::<$step>($prefix)),*].into_iter().flatten();
            all.filter(|action| !action.starts_with("kubernetes:")).collect()
        }

        impl fmt::Display for Step {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$service(step) => step.fmt(f),)*
                    Self::InRegion(step) => step.fmt(f),
                }
            }
        }

        $(impl From<$step> for Step {
            fn from(step: $step) -> Self {
                Self::$service(step)
            }
        })*
    };
}

steps! {
    /// A write to `EventBridge`.
    Events(EventsStep) = "events",
    /// A write to SQS.
    Sqs(SqsStep) = "sqs",
    /// A write to a function.
    Lambda(LambdaStep) = "lambda",
    /// A write to an event source mapping.
    Trigger(TriggerStep) = "lambda",
    /// A write to CloudWatch Logs.
    Logs(LogsStep) = "logs",
    /// A write to a log delivery of CloudWatch Logs.
    LogDelivery(LogDeliveryStep) = "logs",
    /// A write to SNS.
    Sns(SnsStep) = "sns",
    /// A write to Step Functions.
    States(StatesStep) = "states",
    /// A write to IAM.
    Iam(IamStep) = "iam",
    /// A write to a child object in Kubernetes.
    Child(ChildStep) = "kubernetes",
}

impl Step {
    /// Returns the references to the secret values that the step needs.
    pub fn secrets(&self) -> Option<&SecretRefs> {
        match self {
            Self::Events(step) => step.secrets(),
            Self::InRegion(step) => step.step.secrets(),
            _ => None,
        }
    }

    /// Returns the Region that the step writes to, if it is not that of the object.
    pub fn region(&self) -> Option<&str> {
        if let Self::InRegion(step) = self { Some(&step.region) } else { None }
    }

    /// Returns the same write to this Region.
    pub(crate) fn in_region(self, region: &str) -> Self {
        Self::InRegion(Box::new(InRegion { region: region.to_owned(), step: self }))
    }
}
