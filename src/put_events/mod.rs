//! Sending events: how many go into one call, and what of a call is sent again. For all who send; the operator itself never does.

pub mod batch;
pub mod send;
