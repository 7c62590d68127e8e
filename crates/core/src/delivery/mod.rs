//! Whether `EventBridge` can deliver from a rule to its targets, evaluated from what AWS stores,
//! without sending an event. Pure.
//!
//! `EventBridge` silently drops events that it has no permission to deliver (EventBridge user
//! guide, "Troubleshooting"). An existing rule with an existing target therefore proves nothing.
//! This module evaluates the resource policy or the role, the encryption key, the existence of the
//! target, and the dead-letter queue.

mod calls;
pub mod dead_letters;
mod evaluate;
mod facts;
#[cfg(test)]
mod inspection_tests;
mod key;
pub mod policy;
mod reason;
mod resource_policy;
mod role;
mod service;

pub use calls::named;
pub use dead_letters::DeadLetter;
pub use evaluate::evaluate;
pub use facts::{Fact, Facts, KeyFacts, RoleFacts, TargetFacts};
pub use reason::{Deliverability, DeliverabilityReason};
