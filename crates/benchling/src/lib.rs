//! Client of the Benchling API: tokens, key sets, events, entities, the configuration of an app and the activity log.
//!
//! Here belongs what Benchling's API takes and answers: requests, rate limits, errors. What becomes of an answer, such as a row or an
//! event on a bus, belongs to the callers. The hosts come from [`Urls`], which the installation configures: no object and no event can
//! redirect a request.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod activity_log;
mod configuration;
mod entities;
mod error;
mod events;
mod http;
mod keys;
mod rate_limit;
mod tenant;
mod tokens;
mod urls;

pub use configuration::{Choice, ConfigItem, choice};
pub use entities::{EntityKind, ReadError};
pub use error::{BenchlingError, BenchlingErrorReason, TokenError};
pub use events::{EventsPage, EventsQuery};
pub use keys::{PublicKey, parse_key_set};
pub use rate_limit::{Budget, BudgetUse};
pub use tenant::TenantClient;
pub use tokens::{AppClient, Benchling, Token};
pub use urls::Urls;
