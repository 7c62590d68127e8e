//! What runs the pure parts: the one reconcile loop, stores, wake-ups, conditions, events, backoff, metrics, health.

pub mod arn_from;
pub mod children;
pub mod conditions;
pub mod edges;
pub mod events;
pub mod fence;
pub mod halt;
pub mod health;
pub mod lease;
pub mod memory;
pub mod metrics;
pub mod operator;
mod pass;
pub mod patience;
pub mod probe;
pub mod reconcile;
pub mod secrets;
pub mod status;
mod term;
pub mod user_secrets;
pub mod watch;
