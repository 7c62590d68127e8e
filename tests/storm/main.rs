//! Storms: a crowd of objects is made, changed and deleted while AWS fails, and canaries show whom that holds up. Rows F1 to F6 of the
//! reliability report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc, clippy::needless_pass_by_value)]

mod canary;
mod crowd;
mod journal;
mod outages;
mod partial;
mod refused;
mod storm;
