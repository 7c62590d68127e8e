//! The structure of the code as tests: which crate may use which, no cycles between modules, sizes, and the texts that users read.

// Helpers of tests may fail as tests do.
#![allow(clippy::expect_used, unreachable_pub)]

mod floors;
mod gate;
mod modules;
mod sizes;
mod slices;
mod source;
mod states;
mod tests_page;
mod texts;
mod transitions;
