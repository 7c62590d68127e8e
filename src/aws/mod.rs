//! The only code that knows the SDK: one adapter file per service, sessions per account, quota, error classes.
//!
//! Adapters take and give the words of `steps/` and `resources/`; no type of the SDK leaves this folder.

mod archives;
mod breaker;
mod cache;
mod connections;
mod error;
mod events;
mod facts;
mod http;
mod iam;
mod lambda;
mod logs;
mod mappings;
mod pace;
mod policy;
mod publish;
mod receive;
mod replays;
mod rules;
mod session;
mod sns;
mod sources;
mod sqs;
mod states;
mod targets;
mod trust;

pub use error::AwsError;
pub use pace::Priority;
pub use publish::{Answer, BusState, Entry, LARGEST_CALL, MOST_ENTRIES, PublishOptions, Publisher, may_pass};
pub use receive::Depths;
pub use session::{AwsOptions, Session, Sessions, StaticKeys};
pub use trust::CaBundle;
