//! Settings that all workers of the process share.

use std::time::Duration;

/// How workers of sinks and backfills run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkerConfig {
    /// Maximum number of messages in a batch.
    pub batch: usize,
    /// How long one receive waits for a message.
    pub wait: Duration,
    /// Minimum time between two writes of a status whose condition is unchanged.
    pub report: Duration,
    /// Longest wait after an error.
    pub backoff: Duration,
    /// How long the configuration of an app is used before it is read again.
    pub configuration: Duration,
    /// How long another replica's claim on a backfill is valid after its last renewal.
    pub claim: Duration,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        Self {
            batch: 100,
            wait: Duration::from_secs(5),
            report: Duration::from_secs(5),
            backoff: Duration::from_secs(30),
            configuration: Duration::from_mins(5),
            claim: Duration::from_secs(30),
        }
    }
}
