//! The `postgres` sink: a managed queue, which `tributary sync` consumes into a table.

use tributary_api::{EventSink, Identity};

use crate::{
    destinations::{
        consumed_queue,
        contract::{Consumed, Destination},
        shared::context::ResolveContext,
    },
    error::ReconcileError,
    feature::{Feature, Use, uses},
};

/// The `postgres` type.
pub(crate) struct Postgres;

impl Destination for Postgres {
    type Desired = consumed_queue::Desired;

    const NAME: &'static str = "postgres";
    const RESOURCE_TYPE: &'static str = consumed_queue::RESOURCE_TYPE;
    const NEEDS_ROLE: bool = consumed_queue::NEEDS_ROLE;
    const ACTIONS: &'static [&'static str] = consumed_queue::ACTIONS;
    const FEATURES: &'static [Feature] = FEATURES;
    const USES: &'static [Use<EventSink>] = &[uses(consumed_queue::FEATURE, |_| true)];

    fn identity(context: &ResolveContext<'_>) -> Result<Identity, ReconcileError> {
        consumed_queue::identity(context)
    }

    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<consumed_queue::Desired, ReconcileError> {
        consumed_queue::desired(context, identity)
    }

    fn consumed(sink: &EventSink, identity: &Identity) -> Vec<Consumed> {
        consumed_queue::consumed(sink, identity)
    }
}

const FEATURES: &[Feature] = &[Feature {
    name: "sync",
    about: "`tributary sync`: consuming the queues of sinks with a table (`postgres`)",
    statements: &[consumed_queue::CONSUMER],
}];
