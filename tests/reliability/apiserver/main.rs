//! Failures of the API server: killed, silent, behind, restored from a backup. No change is missed, and nothing is written from stale state.
//!
//! Run by `tests/bed/bed.py run -- cargo test --test apiserver`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc, unreachable_pub)]

mod etcd_restore;
mod fixture;
mod restart;
mod stale_lists;
mod watches;
