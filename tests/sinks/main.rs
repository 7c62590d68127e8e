//! The sinks that EventBridge reaches by a role, and topics, end to end: what is made in IAM, SNS and Step Functions, and what arrives.
//!
//! Run by `tests/bed/bed.py run -- cargo test --test sinks`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

mod admission;
mod arn_from;
mod deliverable;
mod destinations;
mod letters;
mod proof;
mod revoked;
mod roles;
mod scenarios;
mod targets;
mod topics;
mod workflows;
