//! Sessions: who we are in an account and Region, how fast we call, what an error means.

pub(crate) mod breaker;
pub(crate) mod cache;
pub mod error;
pub(crate) mod http;
pub mod observer;
pub mod rate_limiter;
pub mod session;
pub mod trust;
