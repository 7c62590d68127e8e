//! The only code that uses the AWS SDK: one adapter file per service, sessions per account and Region, rate limits, error causes.
//!
//! Adapters take steps and return observed states of `tributary_core`. No type of the SDK leaves this crate.
#![forbid(unsafe_code)]

mod client;
mod events;
mod facts;
mod iam;
mod lambda;
mod logs;
mod mappings;
mod policy_writer;
mod put_events;
mod receive;
mod sns;
mod sqs;
mod states;

pub use client::error::AwsError;
pub use client::observer::CallObserver;
pub use client::rate_limiter::Priority;
pub use client::session::{AwsOptions, Session, Sessions, StaticKeys};
pub use client::trust::CaBundle;
pub use put_events::{Answer, BusState, Entry, LARGEST_CALL, MOST_ENTRIES, PublishOptions, Publisher, may_pass};
pub use receive::{Depths, Message};
