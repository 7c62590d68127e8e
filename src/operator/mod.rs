//! The operator: leadership, one controller per kind, and the reconcile that the controllers run.
//!
//! Reads of AWS are in `observe`, writes to AWS in `apply.rs`; what a kind means is in `tributary_core`.

mod app_configuration;
mod apply;
mod audit;
mod change_events;
mod changes;
mod clock;
mod context;
mod deliveries;
mod delivery_logs;
pub(crate) mod dry_run;
mod events;
pub mod fault_points;
mod leadership;
pub mod lease;
pub(crate) mod lease_names;
mod name_locks;
mod options;
mod reconcile;
mod reconciliation;
mod run;
mod shards;
mod spans;
mod state;
mod turns;
mod writer;

pub(crate) use app_configuration::chosen_schemas;
pub use audit::AuditLog;
pub use clock::Clock;
pub use options::{Error, Options};
pub use run::run;

pub use crate::cluster::timeouts::Timeouts;
