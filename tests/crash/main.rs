//! Crashes of the operator, in process and of the real binary, at the points and writes that were recorded in a run without faults.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

mod contents;
mod double;
mod gate;
mod kills;
mod probes;
mod reference;
mod roles;
mod scenario;
mod single;
mod trial;
mod writes;
