//! The `postgres` sink: a managed queue, which `tributary sync` consumes into a table.

use tributary_api::{EventSink, Identity};

use crate::{
    destinations::{
        contract::{Consumed, Destination},
        shared::context::ResolveContext,
        sqs::{self, DesiredSqs, Sqs},
    },
    error::ReconcileError,
    feature::{Feature, calls},
};

/// The `postgres` type.
pub(crate) struct Postgres;

impl Destination for Postgres {
    type Desired = DesiredSqs;

    const NAME: &'static str = "postgres";
    const RESOURCE_TYPE: &'static str = Sqs::RESOURCE_TYPE;
    const NEEDS_ROLE: bool = Sqs::NEEDS_ROLE;
    const ACTIONS: &'static [&'static str] = Sqs::ACTIONS;
    const FEATURES: &'static [Feature] = FEATURES;

    fn identity(context: &ResolveContext<'_>) -> Result<Identity, ReconcileError> {
        sqs::identity(context)
    }

    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredSqs, ReconcileError> {
        sqs::desired(context, identity)
    }

    fn consumed(sink: &EventSink, identity: &Identity) -> Vec<Consumed> {
        sqs::consumed(sink, identity)
    }
}

const FEATURES: &[Feature] = &[Feature {
    name: "sync",
    about: "`tributary sync`: consuming the queues of sinks with a table (`postgres`)",
    statements: &[calls(
        "SyncedQueues",
        &[
            "sqs:GetQueueUrl",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:SendMessage",
        ],
        &["arn:{partition}:sqs:{region}:{account}:{prefix}*"],
    )],
}];
