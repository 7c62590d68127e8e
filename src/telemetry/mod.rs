//! What a process exposes about itself: metrics and health.

mod deliveries;
pub(crate) mod health;
pub(crate) mod metrics;
