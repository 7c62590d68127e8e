//! What the tests use of the product. A path that changes in the product changes here, and in no test.

pub use tributary::{
    api::{
        self, BenchlingShorthand, DeletionPolicy, EventBus, EventRule, EventSink, Identity, OWNER_TAG, SourceState, Tags, annotation, crds,
    },
    aws::AwsOptions,
    benchling,
    benchling_api::Urls,
    cli::generate,
    gateway, rights,
    runtime::{
        halt::{Halt, Reason},
        operator::{self, Options},
        patience::Patience,
        probe::{Point, Probe},
    },
};

/// Plans and what they are made of, for the property tests and the tests of the parsers.
pub mod plan {
    pub use tributary::{
        resources::{
            self, BusInAws, DesiredBus, DesiredRule, DesiredSink, Managed, ObservedBus, ObservedRule, ObservedSink, PlanContext, SeenRule,
            archives::{DesiredArchive, ObservedArchive},
            bus_policy::DesiredGrant,
            names::{Arn, default_name, events_character, log_group_character, queue_character, rule_of},
            ownership::{self, Mark},
            partner::ObservedSource,
        },
        sinks::{
            Desired, Observed,
            api_destination::{DesiredApiDestination, ObservedApiDestination, ObservedConnection, ObservedDestination},
            by_role::{DesiredByRole, ObservedByRole},
            grants::{self, Grants},
            lambda::{DesiredLambda, ObservedLambda, function_of, statement},
            logs::{DesiredLogGroup, DesiredLogs, ObservedLogGroup, ObservedLogs},
            policy::{self, sid_of},
            role::{DesiredRole, ObservedRole},
            sns::{DesiredSns, DesiredTopic, ObservedSns, ObservedTopic},
            sqs::{DesiredQueue, DesiredSqs, ObservedQueue, ObservedSqs},
            state_machine::{DesiredStateMachine, ObservedMachine, ObservedStateMachine},
            triggers::{DesiredTrigger, ObservedTrigger},
        },
        steps::{
            ArchiveSettings, Authorization, BusSettings, ConnectionSettings, DestinationSettings, EventsStep, HttpValue, HttpValues,
            IamStep, InvokeSettings, LambdaStep, LogSettings, LogsStep, MachineSettings, MappingSettings, RuleSettings, SecretRefs,
            SnsStep, SqsStep, StatesStep, Step, TargetSettings,
        },
    };
}
