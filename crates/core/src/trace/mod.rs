//! What the records of a bus log show of each event: how the bus took it, which rules matched, each attempt to deliver it, and
//! where it ended. Pure: reading the records is up to the caller.
//!
//! Records come in any order and more than once (EventBridge user guide, "Configuring logs for event buses": logging is best
//! effort). The result is the same for every order.

mod build;
mod fact;
mod model;
#[cfg(test)]
mod tests;

pub use build::traces;
pub use model::{
    Attempt, AttemptResult, Ingestion, IngestionStatus, Matching, MatchingStatus, Moment, Outcome, RuleTrace, StepError, TargetOutcome,
    TargetTrace, Trace,
};
