//! Faults and bad input, end to end: what AWS, the network and users do wrong, and that nobody else is held up by it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc, clippy::needless_pass_by_value)]

mod admission;
mod admission_benchling;
mod admission_sink;
mod isolation;
mod peers;
mod quota;
mod refusals;
mod tls;
mod transient;
mod words;
mod words_aws;
