//! IAM policies as AWS evaluates them, as far as the delivery of events needs it (IAM user guide,
//! "Policy evaluation logic"). Pure.
//!
//! Each question has three answers. What depends on a value that only AWS knows, or on something
//! that AWS's documentation leaves open, is `Unknown`, never `Allowed`.

mod arn;
mod compare;
mod condition;
mod context;
mod decide;
mod fits;
mod outcome;
mod pattern;
mod principal;
mod request;
mod text;

pub use context::Context;
pub(super) use decide::outcome;
pub use decide::{of_role, on_resource};
pub(super) use fits::Fits;
pub use outcome::Decision;
pub(super) use outcome::{Denial, Outcome};
pub use request::{Principal, Request};
