//! Destinations: one folder or file for each type, and the table that registers them.
//!
//! All that is special about a type is in its folder, behind the traits of [`contract`]. This file
//! is the only one that lists types and states; `table.rs` matches on them.
//! `docs/contributing/adding-a-sink.md` walks through a new type.

#[macro_use]
mod table;

mod across;
pub(crate) mod admitted;
mod api_destination;
mod app_sync;
mod arn;
mod batch_job;
pub mod by_role;
mod contract;
mod ecs_task;
mod event_bus;
mod firehose;
mod kinesis;
pub mod lambda;
pub mod logs;
mod permission;
mod postgres;
mod redshift_data;
mod run_command;
mod sage_maker_pipeline;
pub mod shared;
pub mod sns;
pub mod sqs;
mod state_machine;
pub mod target;
pub mod triggers;

use std::{collections::BTreeSet, time::Duration};

use serde::Serialize;
use serde_json::Value;

use tributary_api::{DeletionPolicy, EventSink, EventSinkStatus, Identity, Tags};

use crate::{
    error::{Reason, ReconcileError},
    feature::{Feature, Use},
    names::Arn,
    plan::PlanContext,
    recorded_call::ServiceCalls,
    settings::Settings,
    steps::{Redelivery, SecretRefs, Step, TargetSettings},
};

use contract::{Call, Destination, State};
use shared::{
    context::ResolveContext,
    grants::Grants,
    task::{Rights, Task},
};

pub(crate) use contract::KeyUse;
use logs::log_destination;
use sqs::consumed_queue;

pub use api_destination::{DesiredApi, DesiredApiDestination, ObservedApiDestination, ObservedConnection, ObservedDestination};
pub use by_role::{DesiredByRole, ObservedByRole};
pub use contract::Consumed;
pub use lambda::{DesiredLambda, ObservedLambda};
pub use logs::{DesiredLogs, ObservedLogs};
pub use sns::{DesiredSns, ObservedSns};
pub use sqs::{DesiredSqs, ObservedSqs, change_queue, dead_letter_queue};
pub use state_machine::{DesiredMachine, DesiredStateMachine, ObservedMachine, ObservedStateMachine};

destinations! {
    types {
        Sqs: sqs::Sqs => sqs,
        Lambda: lambda::Lambda => lambda,
        LogGroup: logs::LogGroup => log_group,
        Sns: sns::Sns => sns,
        StateMachine: state_machine::StateMachine => state_machine,
        EventBus: event_bus::EventBus => event_bus,
        ApiDestination: api_destination::ApiDestination => api_destination,
        Kinesis: kinesis::Kinesis => kinesis,
        Firehose: firehose::Firehose => firehose,
        EcsTask: ecs_task::EcsTask => ecs_task,
        BatchJob: batch_job::BatchJob => batch_job,
        RedshiftData: redshift_data::RedshiftData => redshift_data,
        SageMakerPipeline: sage_maker_pipeline::SageMakerPipeline => sage_maker_pipeline,
        AppSync: app_sync::AppSync => app_sync,
        RunCommand: run_command::RunCommand => run_command,
        Arn: arn::Arn => arn,
        Postgres: postgres::Postgres => postgres,
    }
    states {
        Sqs: DesiredSqs, ObservedSqs;
        Lambda: DesiredLambda, ObservedLambda;
        LogGroup: DesiredLogs, ObservedLogs;
        Sns: DesiredSns, ObservedSns;
        StateMachine: DesiredStateMachine, ObservedStateMachine;
        ApiDestination: DesiredApiDestination, ObservedApiDestination;
        ByRole: DesiredByRole, ObservedByRole;
    }
}
