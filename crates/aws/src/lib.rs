//! The AWS side of Tributary, and the only code that uses the AWS SDK.
//!
//! Adapters, one file per service or resource, apply steps and return observed states of `tributary_core`. No type of the SDK
//! leaves this crate. The floors, from the bottom: `cache` (shared answers), `client` (sessions, rate limits, errors), one adapter
//! per service, and `facts`, which combines their reads.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod cache;
mod client;
mod events;
mod facts;
mod iam;
mod lambda;
mod logs;
mod mappings;
mod policy_writer;
mod put_events;
mod read;
mod receive;
mod sns;
mod sqs;
mod states;

pub use client::call::{Call, Events, Iam, Kms, Lambda, Logs, Sns, Sqs, States, Sts};
pub use client::cause::Cause;
pub use client::error::AwsError;
pub use client::observer::CallObserver;
pub use client::rate_limiter::Priority;
pub use client::session::Session;
pub use client::sessions::{AwsOptions, Sessions, StaticKeys};
pub use client::trust::CaBundle;
pub use events::SecretValues;
pub use put_events::{Answer, BusState, Entry, LARGEST_CALL, MOST_ENTRIES, PublishOptions, Publisher, may_pass};
pub use read::TagRead;
pub use receive::{Depths, Message};
