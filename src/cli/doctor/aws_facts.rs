//! What `--aws` read. Checks are pure functions of it.

use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;
use tributary_aws::Depths;
use tributary_core::iam_policy::simulation::Decision;

use crate::cli::doctor::{finding::ObjectRef, unread::NotRead};

/// All that was read, by account.
#[derive(Clone, Debug, Default)]
pub(super) struct AwsFacts {
    pub(super) accounts: Vec<AccountFacts>,
    pub(super) unread: Vec<NotRead>,
}

/// What was read in the account of an `AwsAccount`.
#[derive(Clone, Debug, Default)]
pub(super) struct AccountFacts {
    /// The `AwsAccount`.
    pub(super) object: ObjectRef,
    pub(super) account_id: String,
    pub(super) clock: Option<Clock>,
    /// ARN of the operator's user or role, if its permissions were simulated.
    pub(super) identity: Option<String>,
    pub(super) missing: Vec<MissingPermission>,
    pub(super) queues: Vec<QueueUse>,
    pub(super) buses: Vec<BusUse>,
    pub(super) regions: Vec<RegionUse>,
}

/// Two clocks, read at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) aws: Timestamp,
    /// That of this machine.
    pub(super) local: Timestamp,
}

/// Actions of a feature that the operator's identity may not call, for one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MissingPermission {
    pub(super) feature: &'static str,
    pub(super) cause: Decision,
    pub(super) actions: BTreeSet<&'static str>,
    /// ARNs, or `*`.
    pub(super) resources: BTreeSet<String>,
    /// Operator, key and value of the condition under which they are needed.
    pub(super) condition: Option<(&'static str, &'static str, String)>,
    /// Objects that need them.
    pub(super) objects: BTreeSet<ObjectRef>,
    /// Region of the first object.
    pub(super) region: String,
}

/// A dead-letter queue that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QueueUse {
    /// The `EventSink` of the queue, or whose messages go to it.
    pub(super) sink: ObjectRef,
    pub(super) name: String,
    pub(super) depths: Depths,
    /// Objects that send to it.
    pub(super) senders: BTreeSet<ObjectRef>,
}

/// Number of rules on a bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BusUse {
    /// The `EventBus`.
    pub(super) object: ObjectRef,
    pub(super) name: String,
    pub(super) region: String,
    pub(super) rules: usize,
}

/// Number of event buses in a Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RegionUse {
    pub(super) region: String,
    pub(super) buses: usize,
}
