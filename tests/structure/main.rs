//! The structure of the code as tests: which crate may use which, no cycles between modules, sizes, and the texts that users read.

mod floors;
mod modules;
mod sizes;
mod source;
mod texts;
