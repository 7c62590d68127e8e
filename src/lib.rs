//! The operator's binary: controllers, gateway, sync and the command line.
//!
//! One direction: resolve references -> desired -> observe AWS -> plan -> apply each step -> status. What the phases compute is in
//! `tributary_core`, what they call is in `tributary_aws` and `tributary_benchling`; here is what runs them.
#![forbid(unsafe_code)]

mod backfill;
pub mod cli;
mod cluster;
mod dev;
pub mod gateway;
mod http_server;
mod observe;
pub mod operator;
mod put_events;
mod sync;
mod telemetry;
