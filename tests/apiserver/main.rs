//! The API server fails: killed, silent, behind, forgetful, restored from a backup. No change is missed, and nothing is done from old news.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

mod killed;
mod restored;
mod stage;
mod stale;
mod watches;
