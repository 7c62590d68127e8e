//! What a process exposes about itself: metrics, health and traces.

mod deliveries;
pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod traces;
