//! The operator's binary: controllers, gateway, sync and the command line.
//!
//! One direction: resolve references -> desired -> observe AWS -> plan -> apply each step -> status. What the phases compute is in
//! `tributary_core`, what they call is in `tributary_aws` and `tributary_benchling`; here is what runs them.
#![forbid(unsafe_code)]

pub mod backfill;
pub mod cli;
pub mod cluster;
pub mod gateway;
pub mod http_server;
pub mod observe;
pub mod operator;
pub mod put_events;
pub mod sync;
pub mod telemetry;
