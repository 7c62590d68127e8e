//! Leader election: replicas of the real binary whose leader is terminated, killed, stopped or cut off. The journal of AWS calls shows who wrote.
//!
//! Run by `tests/bed/bed.py run -- cargo test --test leader`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc, unreachable_pub)]

mod clock_skew;
mod failover;
mod fixture;
mod lease;
mod shards;
mod tcp_proxy;
