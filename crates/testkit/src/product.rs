//! What the tests use of the product. A path that changes in the product changes here, and in no test.

pub use tributary::{
    cli::generate,
    gateway,
    operator::{
        self, AuditLog, Clock, Options, Timeouts,
        fault_points::{FaultPoints, Point},
    },
};
pub use tributary_api::{
    self as api, AwsAccount, BenchlingApp, BenchlingShorthand, BenchlingSubscription, DeletionPolicy, EventBus, EventRule, EventSink,
    Identity, OWNER_TAG, SourceState, Tags, annotation, crds,
};
pub use tributary_aws::{AwsOptions, Call};
pub use tributary_benchling::Urls;
pub use tributary_core::{
    benchling, bus_log,
    conditions::{self, Outcome},
    delivery::{self, DeliverabilityReason},
    error::{Reason, ReconcileError, RetryClass},
    gate, iam_policy,
    kinds::{CredentialsReason, change_events::ChangeEventsReason, deletion_budget::DeletionBudgetReason, webhooks::ContestReason},
    lints, trace,
};

/// Plans and what they are made of, for the property tests and the tests of the parsers.
pub mod plan {
    pub use tributary_core::{
        destinations::{
            Desired, DesiredApi, DesiredApiDestination, DesiredByRole, DesiredMachine, DesiredStateMachine, Observed,
            ObservedApiDestination, ObservedByRole, ObservedConnection, ObservedDestination, ObservedMachine, ObservedStateMachine,
            lambda::{self, DesiredLambda, ObservedLambda, statement},
            logs::{self, DesiredLogGroup, DesiredLogs, ObservedLogGroup, ObservedLogs, log_group_character},
            shared::{
                grants::{self, Grants},
                role::{DesiredRole, InlinePolicy, ObservedRole},
            },
            sns::{DesiredSns, DesiredTopic, ObservedSns, ObservedTopic},
            sqs::{DesiredQueue, DesiredSqs, ObservedQueue, ObservedSqs},
            triggers::{DesiredTrigger, ObservedTrigger},
        },
        kinds::{
            self, BusInAws, DesiredBus, DesiredRule, DesiredSink, ObservedBus, ObservedRule, ObservedSink, Refused, RuleInAws,
            archives::{DesiredArchive, ObservedArchive},
            bus_policy::{DesiredGrant, FreeStatement},
            partner::ObservedSource,
        },
        managed::{Managed, Report},
        names::{Arn, default_name, events_character, queue_character, rule_of},
        object::key_of,
        objects::{Objects, fixed},
        ownership::{self, Mark},
        plan::PlanContext,
        policy_document::{self, sid_of},
        settings::Settings,
        steps::{
            ApiDestinationStep, ArchiveSettings, ArchiveStep, Authorization, BusSettings, BusStep, ConnectionSettings, ConnectionStep,
            DestinationSettings, EventsStep, FunctionRef, HttpValue, HttpValues, IamStep, InvokeSettings, LambdaStep, LogDestination,
            LogSettings, LogsStep, MachineSettings, MappingSettings, RuleSettings, RuleStep, SecretRefs, SnsStep, SqsStep, StatesStep,
            Step, TagStep, TargetSettings, TriggerStep,
        },
        view::View,
    };

    /// Function and qualifier of an ARN.
    pub fn function_of(arn: &str) -> FunctionRef {
        FunctionRef::from_arn(arn)
    }
}
