//! What a process exposes about itself: metrics and health.

pub(crate) mod health;
pub(crate) mod metrics;
