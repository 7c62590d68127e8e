//! Who leads: replicas of the real binary, whose leader is killed, stopped, cut off, asked to end; and what the journal says of who wrote.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

mod fates;
mod lease;
mod link;
mod rivals;
mod stage;
