//! What the tests share: the test bed, an AWS account and a Benchling tenant for each test, a [`World`] of objects with an operator that
//! can be stopped, crashed and started again, the real binary as a process, and faults in front of the API server.
//!
//! Tests wait for conditions ([`World::ready`], [`until`]) and judge by the journal of AWS calls ([`Aws::journal`]) and by what arrived.
//! What belongs here: whatever two test targets need. What does not: assertions about one feature. How to write a test: `tests/README.md`.
//!
//! Everything here panics on failure: that fails the test.
#![warn(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]
// Specs are written in place: `json!({..})` without a `&` in front of each.
#![allow(clippy::needless_pass_by_value)]

mod actions;
mod apifaults;
mod apiproxy;
mod apiwatch;
mod aws;
mod bed;
mod benchling;
mod binary;
mod collector;
mod command;
mod conditions;
pub mod dead_letters;
mod identities;
mod ownbed;
mod panics;
pub mod partner;
mod postgres;
pub mod product;
mod receiver;
mod replica;
mod report;
mod schema;
mod services;
mod specs;
pub mod sync;
mod world;

pub use actions::{
    all_ready, apply_pipeline, assert_delivers, delivery_outcomes, effects, fast_resync, foreign_queue, gone_after_request, patch_spec,
    patch_status, position, publish, reconcile_now, remove_without_operator, resource_version, restore, second_account, set_attributes,
    set_policy, took_effect, writes_since,
};
pub use apiproxy::{ApiProxy, Fault};
pub use apiwatch::Mangle;
pub use aws::{Aws, Call, REGION, http, until, until_within};
pub use bed::{Bed, OPERATOR_NAMESPACE};
pub use benchling::{Benchling, Webhook};
pub use binary::{Binary, Gateway, executable, free_address};
pub use collector::{Answers, Collector, Export, Span};
pub use command::Output;
pub use conditions::{assert_not_ready, assert_reason, condition, event_notes, is_ready, prompt, scaled_by_load, status, wait_for_reason};
pub use identities::Role;
pub use ownbed::OwnBed;
pub use panics::{catch_panic, panic_text};
pub use postgres::Postgres;
pub use receiver::{Received, Receiver};
pub use replica::Replica;
pub use report::{Row, form, seed, whole};
pub use schema::{assert_valid, schema, violations};
pub use specs::{
    API_VERSION, SOURCE, aws_name, disposable_queue, existing_queue, fault_rule, foreign_statement, managed_queue, merged, queue_arn,
    rule_spec,
};
pub use world::{World, options};

/// The checkout, which is the folder of the product's package.
pub fn root() -> &'static std::path::Path {
    std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
