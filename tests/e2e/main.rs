//! Kinds and features end to end: the operator with the rights of the chart, a real API server, a strict AWS stand-in and the journal of its
//! calls. Each test has a namespace, an `AwsAccount` and an AWS account id of its own.
//!
//! Run by `tests/bed/bed.py run -- cargo test --test e2e`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::needless_pass_by_value,
    unreachable_pub
)]

mod account {
    mod access;
    mod approval;
    mod approvers;
    mod change_events;
    mod change_windows;
    mod consent;
    mod deletion_budget;
}
mod admission {
    mod benchling;
    mod rule_bus_account;
    mod sink;
    mod sink_by_role;
    mod sink_parameters;
}
mod aws_faults {
    mod independence;
    mod peer_faults;
    mod rate_limit;
    mod refused_calls;
    mod transient_errors;
}
mod bus {
    mod archives;
    mod existing;
    mod logs;
    mod policy;
}
mod cli {
    mod backfill;
    mod put_events;
}
mod conditions {
    mod invalid_input;
    mod limits;
    mod rejected_by_aws;
}
mod object {
    mod adoption;
    mod cleanup;
    mod in_sync;
    mod management;
    mod ownership;
}
mod operator {
    mod audit;
    mod ca_bundle;
    mod process;
}
mod redrive {
    mod crash;
    mod run;
}
mod replay;
mod rule {
    mod claims;
    mod dead_letters;
    mod state;
    mod tests;
    mod deliverable {
        mod by_role;
        mod causes;
        mod existence;
        mod inspection;
        mod new_rule;
        mod revoked_permission;
        mod stream_keys;
    }
    mod delivery;
    mod lints;
    mod ordering;
}
