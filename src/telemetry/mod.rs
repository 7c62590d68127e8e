//! Metrics and health: what a process tells of itself.

pub mod health;
pub mod metrics;
