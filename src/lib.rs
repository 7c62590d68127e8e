//! Tributary: brings SaaS events into Amazon EventBridge and routes them to where the work is done.
//!
//! One direction: resolve references -> desired -> observe AWS -> plan -> apply each step -> status.
#![forbid(unsafe_code)]

pub mod api;
pub mod aws;
pub mod backfill;
pub mod benchling;
pub mod benchling_api;
pub mod cli;
pub mod delivery;
pub mod gateway;
pub mod observe;
pub mod publish;
pub mod resources;
pub mod rights;
pub mod runtime;
pub mod sinks;
pub mod steps;
pub mod sync;
