//! The operator: leadership, one controller per kind, and the reconcile that they run.

pub mod context;
pub mod events;
pub mod fault_points;
pub mod leadership;
pub mod lease;
pub mod options;
pub mod reconcile;
mod reconciliation;
pub mod run;
pub mod state;

pub use options::{Error, Options};
pub use run::run;
