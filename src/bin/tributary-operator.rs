//! The program in the image: operator, gateway and sync. Without the command line, it is smaller in the image and in memory (ADR 0049).
#![forbid(unsafe_code)]

use std::process::ExitCode;

/// As in `src/main.rs`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match tributary::cli::ClusterProgram::of_process().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tributary: {error}");
            ExitCode::FAILURE
        }
    }
}
