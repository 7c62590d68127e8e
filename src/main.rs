//! The command line.
#![forbid(unsafe_code)]

use std::process::ExitCode;

/// Reconciles allocate many short-lived values of all sizes, for which the allocator of the C library needs more time and memory.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match tributary::cli::Cli::of_process().run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tributary: {error}");
            ExitCode::FAILURE
        }
    }
}
