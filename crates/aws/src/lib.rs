//! The AWS side of Tributary, and the only code that uses the AWS SDK.
//!
//! Adapters, one file or folder per service or resource, apply steps and return observed states of `tributary_core`. No type of the SDK
//! leaves this crate. The floors, from the bottom: `cache` (shared answers), `client` (sessions, rate limits, errors), one adapter
//! per service, and `facts`, which combines their reads.
//!
//! This file is the only one that lists the services: [`for_each_service!`] with the calls and the rate limit of each, the two
//! routes below, from a step and from the ARN of a target to the adapter, and what adapters contribute to all: the parameters of
//! targets, and hints for rejections.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

/// Calls `$generate!` with all services: `module: Calls "service ID" = SDK crate, rate limit, { calls }`. The name of the module is
/// the prefix of IAM actions, and the service ID is the name of the service in AWS's models and in traces. A call is named by the IAM action that it needs, which is the same for one entry and for a batch
/// (`sqs:DeleteMessage` for `DeleteMessageBatch`). A test compares the calls with `tributary_core::iam_policy`.
macro_rules! for_each_service {
    ($generate:ident) => {
        $generate! {
            /// A call of `EventBridge`.
            events: Events "EventBridge" = aws_sdk_eventbridge, Limit::Quota, {
                ActivateEventSource, CancelReplay, CreateApiDestination, CreateArchive, CreateConnection, CreateEventBus, DeleteApiDestination,
                DeleteArchive, DeleteConnection, DeleteEventBus, DeleteRule, DescribeApiDestination, DescribeArchive, DescribeConnection,
                DescribeEventBus, DescribeReplay, DescribeRule, ListEventBuses, ListEventSources, ListReplays, ListRules, ListTagsForResource, ListTargetsByRule, PutEvents,
                PutPermission, PutRule, PutTargets, RemovePermission, RemoveTargets, StartReplay, TagResource, UntagResource, UpdateApiDestination,
                UpdateArchive, UpdateConnection, UpdateEventBus,
            }
            /// A call of SQS.
            sqs: Sqs "SQS" = aws_sdk_sqs, Limit::None, {
                ChangeMessageVisibility, CreateQueue, DeleteMessage, DeleteQueue, GetQueueAttributes, GetQueueUrl, ListQueueTags, ReceiveMessage,
                SendMessage, SetQueueAttributes, TagQueue, UntagQueue,
            }
            /// A call of Lambda.
            // 15 control-plane calls per second are allowed (Lambda quotas).
            lambda: Lambda "Lambda" = aws_sdk_lambda, Limit::PerSecond(10), {
                AddPermission, CreateEventSourceMapping, DeleteEventSourceMapping, DeleteFunctionEventInvokeConfig, GetEventSourceMapping,
                GetFunctionConfiguration, GetFunctionEventInvokeConfig, GetPolicy, InvokeFunction, ListEventSourceMappings, ListTags, PutFunctionEventInvokeConfig, RemovePermission,
                TagResource, UpdateEventSourceMapping,
            }
            /// A call of CloudWatch Logs.
            // 10 calls per second of those made here are allowed (CloudWatch Logs quotas).
            logs: Logs "CloudWatch Logs" = aws_sdk_cloudwatchlogs, Limit::PerSecond(10), {
                AssociateKmsKey, CreateDelivery, CreateLogGroup, DeleteDelivery, DeleteDeliveryDestination, DeleteDeliverySource, DeleteLogGroup,
                DeleteResourcePolicy, DeleteRetentionPolicy, DescribeDeliveries, DescribeDeliveryDestinations, DescribeDeliverySources, DescribeLogGroups,
                DescribeLogStreams, DescribeResourcePolicies, DisassociateKmsKey, FilterLogEvents, ListTagsForResource, PutDeliveryDestination, PutDeliverySource,
                PutResourcePolicy, PutRetentionPolicy, TagResource, UntagResource,
            }
            /// A call of CloudWatch.
            // 500 queries of 3 hours have 90,000 data points, and 180,000 per second are allowed (CloudWatch quotas).
            cloudwatch: CloudWatch "CloudWatch" = aws_sdk_cloudwatch, Limit::PerSecond(2), { GetMetricData }
            /// A call of SNS.
            // 30 calls per second are allowed of most (SNS quotas).
            sns: Sns "SNS" = aws_sdk_sns, Limit::PerSecond(20), {
                CreateTopic, DeleteTopic, GetTopicAttributes, ListTagsForResource, Publish, SetTopicAttributes, TagResource, UntagResource,
            }
            /// A call of Step Functions.
            // 1 to 20 calls per second are allowed after a burst (Step Functions quotas).
            states: States "SFN" = aws_sdk_sfn, Limit::PerSecond(10), {
                CreateStateMachine, DeleteStateMachine, DescribeStateMachine, ListTagsForResource, StartExecution, TagResource, UntagResource, UpdateStateMachine,
            }
            /// A call of Kinesis Data Streams.
            // 20 calls per second are allowed of this one (its API reference).
            kinesis: Kinesis "Kinesis" = aws_sdk_kinesis, Limit::PerSecond(10), { DescribeStreamSummary }
            /// A call of Firehose.
            // 5 calls per second are allowed (its quotas).
            firehose: Firehose "Firehose" = aws_sdk_firehose, Limit::PerSecond(3), { DescribeDeliveryStream }
            /// A call of ECS.
            // 20 calls per second are allowed of these (its quotas on throttling).
            ecs: Ecs "ECS" = aws_sdk_ecs, Limit::PerSecond(10), { DescribeClusters, DescribeTaskDefinition }
            /// A call of AWS Batch.
            // The limits are not published.
            batch: Batch "Batch" = aws_sdk_batch, Limit::PerSecond(10), { DescribeJobDefinitions, DescribeJobQueues }
            /// A call of IAM.
            // The limits are not published, and hold for the account across Regions.
            iam: Iam "IAM" = aws_sdk_iam, Limit::PerSecond(10), {
                CreateRole, DeleteRole, DeleteRolePermissionsBoundary, DeleteRolePolicy, GetPolicy, GetPolicyVersion, GetRole, GetRolePolicy,
                ListAttachedRolePolicies, ListRolePolicies, PutRolePermissionsBoundary, PutRolePolicy, SimulatePrincipalPolicy, TagRole, UntagRole,
                UpdateAssumeRolePolicy,
            }
            /// A call of KMS.
            kms: Kms "KMS" = aws_sdk_kms, Limit::PerSecond(20), { DescribeKey, GetKeyPolicy }
            /// A call of STS.
            // Called before there is a session.
            sts: Sts "STS" = aws_sdk_sts, Limit::None, { GetCallerIdentity }
        }
    };
}

mod app_sync;
mod batch;
mod cache;
mod client;
mod clock;
mod cloudwatch;
mod ecs;
mod environment;
mod events;
mod facts;
mod firehose;
mod iam;
mod kinesis;
mod lambda;
mod log_deliveries;
mod logs;
mod policy_writer;
mod put_events;
mod read;
mod redshift_data;
mod run_command;
mod sage_maker_pipeline;
mod simulation;
mod sns;
mod sqs;
mod states;
mod triggers;

pub use client::call::*;
pub use client::cause::Cause;
pub use client::error::AwsError;
pub use client::observer::CallObserver;
pub use client::rate_limiter::Priority;
pub use client::request_ids::with_request_ids;
pub use client::session::Session;
pub use client::sessions::{AwsOptions, Caller, Sessions, StaticKeys};
pub use client::trust::CaBundle;
pub use environment::{PublishOptions, RegionalSession};
pub use events::SecretValues;
pub use logs::{LogLine, LogPage, LogQuery};
pub use put_events::{Answer, BusState, Entry, LARGEST_CALL, MOST_ENTRIES, Publisher, may_pass};
pub use read::TagRead;
pub use sqs::{Depths, Message};

use std::time::Duration;

use futures::{
    FutureExt,
    future::{BoxFuture, ready},
};
use serde_json::Value;

use client::{hints::Hint, target::TargetParameters};
use tributary_core::{delivery::TargetFacts, error::ReconcileError, names::Arn, steps::Step};

/// The parameters of a rule's target that only one type of destination has.
const TARGET_PARAMETERS: &[TargetParameters] = &[
    sqs::TARGET_PARAMETERS,
    kinesis::TARGET_PARAMETERS,
    events::HTTP_PARAMETERS,
    ecs::TARGET_PARAMETERS,
    batch::TARGET_PARAMETERS,
    redshift_data::TARGET_PARAMETERS,
    sage_maker_pipeline::TARGET_PARAMETERS,
    app_sync::TARGET_PARAMETERS,
    run_command::TARGET_PARAMETERS,
];

/// The hints of each adapter; the first that fits counts.
const HINTS: &[&[Hint]] = &[lambda::HINTS, triggers::HINTS, states::HINTS, events::HINTS, sqs::HINTS, log_deliveries::HINTS];

impl Session {
    /// Applies one step to AWS. `secrets` are the values that the step references.
    ///
    /// # Errors
    /// Those of the call, with the next step for the user.
    pub fn apply<'a>(&'a self, step: &'a Step, secrets: &'a SecretValues) -> BoxFuture<'a, Result<(), ReconcileError>> {
        // Boxed each: a reconcile would have room for the largest of them from its beginning otherwise.
        match step {
            Step::Events(step) => self.apply_events(step, secrets).boxed(),
            Step::Sqs(step) => self.apply_sqs(step).boxed(),
            Step::Lambda(step) => self.apply_lambda(step).boxed(),
            Step::Trigger(step) => self.apply_trigger(step).boxed(),
            Step::Logs(step) => self.apply_logs(step).boxed(),
            Step::LogDelivery(step) => self.apply_log_delivery(step).boxed(),
            Step::Sns(step) => self.apply_sns(step).boxed(),
            Step::States(step) => self.apply_states(step).boxed(),
            Step::Iam(step) => self.apply_iam(step).boxed(),
            // The session is one in that Region.
            Step::InRegion(step) => self.apply(&step.step, secrets),
            Step::Child(step) => ready(Err(ReconcileError::transient(format!("{step} is not a write to AWS")))).boxed(),
        }
    }

    /// Returns the read of what the target's own service returns about it; `None` for services that are not read. The read
    /// returns `None` for a target that does not exist.
    pub(crate) fn read_target<'a>(&'a self, arn: &'a str, parsed: &Arn<'a>) -> Option<BoxFuture<'a, ReadTarget>> {
        Some(match parsed.service {
            "events" => self.event_target_facts(arn, parsed.resource).boxed(),
            "sqs" => self.queue_facts(parsed.resource).boxed(),
            "lambda" => self.function_facts(arn).boxed(),
            "logs" => self.log_group_facts(arn, parsed.resource).boxed(),
            "sns" => self.topic_facts(arn).boxed(),
            "states" => self.state_machine_facts(arn).boxed(),
            "kinesis" => self.stream_facts(arn).boxed(),
            "firehose" => self.delivery_stream_facts(parsed.resource).boxed(),
            "ecs" => self.ecs_facts(parsed.resource).boxed(),
            "batch" => self.batch_facts(arn, parsed.resource).boxed(),
            _ => return None,
        })
    }

    /// Returns the resource policies that all targets of a service share, no older than `age`; `None` for services without such
    /// policies.
    pub(crate) async fn shared_policy(&self, service: &str, age: Duration) -> Option<Result<Vec<Value>, ReconcileError>> {
        if service == "logs" { Some(self.log_policies(age).await) } else { None }
    }
}

/// What the read of a target returns.
type ReadTarget = Result<Option<TargetFacts>, ReconcileError>;
