//! Faults and bad input, end to end: what AWS, the network and users do wrong, and that nobody else is held up by it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

#[path = "../harness/mod.rs"]
mod harness;

mod transient;
