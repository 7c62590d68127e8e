//! Pure core of Tributary: what each kind means in AWS, how it is compared with AWS, and which
//! steps follow.
//!
//! No I/O belongs here: no Kubernetes client, no AWS SDK, no clock. Modules depend only on those
//! before them: [`names`], [`meaning`], [`error`], [`fence`], [`settings`]; [`plan`], [`ownership`],
//! [`conditions`]; [`steps`], [`export`]; [`links`], [`objects`], [`samples`], [`event_types`]; [`view`], [`managed`], [`gate`]; [`lints`];
//! [`destinations`], [`delivery`], [`delivering`], [`redrive`]; [`change_events`], [`kinds`]. [`trace`] uses only the records of bus logs. [`spans`] uses nothing.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod benchling;
pub mod bus_log;
pub mod change_events;
pub mod changes;
pub mod claim;
pub mod conditions;
pub mod delivering;
pub mod delivery;
pub mod destinations;
pub mod error;
pub mod event_types;
pub mod export;
pub mod feature;
pub mod fence;
pub mod gate;
pub mod guarded;
pub mod iam_policy;
pub mod kinds;
pub mod limits;
pub mod links;
pub mod lints;
pub mod managed;
pub mod meaning;
pub mod names;
pub mod object;
pub mod objects;
pub mod ownership;
pub mod plan;
pub mod policy_document;
pub mod recorded_call;
pub mod redrive;
pub mod references;
pub mod rule_tests;
pub mod samples;
pub mod settings;
pub mod shard;
pub mod spans;
pub mod steps;
pub mod stored;
pub mod trace;
pub mod view;
