//! End-to-end tests of partner event sources, Benchling subscriptions, and the sinks that their events go to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc, clippy::needless_pass_by_value)]

mod archives;
mod flow;
mod functions;
mod lifecycle;
mod logs;
mod subscription;
mod tenants;
