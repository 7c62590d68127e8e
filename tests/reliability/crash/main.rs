//! Crashes of the operator, in process and of the real binary, at the fault points and writes that a run without faults recorded.
//!
//! Run by `tests/bed/bed.py run -- cargo test --test crash`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc, unreachable_pub)]

mod contents;
mod fault_points;
mod kubernetes_writes;
mod own_objects;
mod redrive;
mod reference_run;
mod runner;
mod scenario;
mod scenario_roles;
mod second_crash;
mod sigkill;
mod single_crash;
mod write_interceptor;
