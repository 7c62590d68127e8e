//! Gateway and sync in one process, without a cluster and without AWS: for the development of an integration on one machine.
//!
//! One direction: verify -> match the rules -> read the entity -> commit its row -> reply. Signatures, patterns and rows are those of
//! `tributary gateway`, the operator and `tributary sync`; here is only what stands in for the bus and the queues.

mod bus;
mod line;
mod objects;
mod run;

pub(crate) use line::{Line, Style};
pub(crate) use objects::{DevObjects, DevRule};
pub(crate) use run::{DevOptions, Report, run};
