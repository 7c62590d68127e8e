//! Sessions: the caller's identity in an account and Region, rate limits, the registry of calls, and what their errors mean.

pub(crate) mod breaker;
pub(crate) mod call;
pub(crate) mod cause;
pub(crate) mod error;
pub(crate) mod hints;
pub(crate) mod http;
pub(crate) mod observer;
pub(crate) mod rate_limiter;
pub(crate) mod request;
pub(crate) mod request_ids;
pub(crate) mod session;
pub(crate) mod sessions;
pub(crate) mod spans;
pub(crate) mod target;
pub(crate) mod trust;
