//! What a process exposes about itself: metrics and health.

pub mod health;
pub mod metrics;
