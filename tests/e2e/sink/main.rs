//! Sinks end to end, one file for each type: what is created in AWS, the permission by which EventBridge sends there, and what arrives.
//!
//! Run by `tests/bed/bed.py run -- cargo test --test sinks`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::needless_pass_by_value,
    unreachable_pub
)]

mod across_accounts;
mod api_destination;
mod api_gateway;
mod app_sync;
mod arn_from;
mod ecs_task;
mod export;
mod lambda;
mod log_group;
mod other_targets;
mod parameters;
mod private_endpoint;
mod redshift_data;
mod role;
mod run_command;
mod sage_maker_pipeline;
mod sns;
mod sqs {
    mod policy;
    mod queue;
}
mod state_machine;
mod trigger_filters;
