//! Crashes at every step of every kind, at every point of the step, through create, update and delete.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

#[path = "../harness/mod.rs"]
mod harness;
