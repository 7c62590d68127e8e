//! `tributary gateway`: receives webhooks of Benchling apps, and publishes each on its bus before it replies. Stateless; any number of
//! replicas.
//!
//! One direction: select the app -> verify -> check for duplicates -> publish in a batch -> reply. The gateway reads objects as the
//! operator does, and writes only `status.webhooks` of a `BenchlingApp`.

mod accepted_events;
mod body;
mod bus;
mod envelope;
mod handle;
mod keys;
mod lane;
mod local;
mod metrics;
mod options;
mod reply;
mod routes;
mod run;
mod spans;
mod state;
mod status;
mod verify;

pub(crate) use local::{Answered, LocalGateway};
pub use options::{Limits, Options};
pub use run::{Error, run};
