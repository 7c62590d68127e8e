//! What each kind means in AWS: identity, desired and observed state, plan, status. One file per
//! kind. Pure: reads only the `View`.

mod account;
mod app;
pub mod archives;
mod aws_states;
mod bus;
mod bus_in_aws;
pub mod bus_logs;
pub mod bus_policy;
mod bus_steps;
pub mod change_events;
pub mod deletion_budget;
mod deliverable;
mod existing_bus;
pub mod partner;
mod pattern_check;
mod redrive;
mod replay;
mod rule;
mod rule_check;
mod rule_configured;
mod rule_consent;
mod rule_in_aws;
mod rule_lints;
mod rule_manifest;
mod rule_status;
mod rule_steps;
mod rule_tested;
mod sink;
mod sink_export;
mod sink_written;
mod subscription;
pub mod webhooks;

pub use account::{CallerIdentity, DesiredAccount, ObservedAccount};
pub use app::{CONTESTED, CREDENTIALS, CredentialsReason, DesiredApp, ObservedCredentials};
pub use aws_states::{ArchiveState, ReplayState};
pub use bus_in_aws::{BusInAws, DesiredBus, ObservedBus};
pub use bus_policy::RefusedOfBus;
pub use deliverable::TYPE as DELIVERABLE;
pub(crate) use existing_bus::RULE_ACTIONS as SHARED_RULE_ACTIONS;
pub use redrive::{DesiredRedrive, ObservedRedrive, RedriveProgress, Selected, progress as redrive_progress};
pub use replay::{DesiredReplay, ObservedReplay, ResolveReplay};
pub use rule_in_aws::{DesiredRule, ObservedRule, Refused, RuleInAws, TargetDelivery};
pub use rule_manifest::{ManifestRule, of_manifest};
pub use sink::{DesiredSink, ObservedSink};
pub use subscription::{Compose, DesiredSubscription, ObservedSubscription};
