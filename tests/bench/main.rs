//! Benchmark: entry point.
fn main() {}
