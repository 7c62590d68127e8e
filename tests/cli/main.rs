//! Commands that need neither a cluster nor AWS, run as processes.

mod pattern;
