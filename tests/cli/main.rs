//! Commands that need neither a cluster nor AWS, run as processes.
#![allow(clippy::unwrap_used)]

mod pattern;
