//! What tests are made of: the bed, an AWS account, a world of objects, an operator that can be stopped, crashed and started again.
#![allow(dead_code, unused_imports)]

mod aws;
mod bed;
mod replica;
mod report;
mod services;
mod world;

pub use aws::{Aws, Call, REGION, until, until_within};
pub use bed::{Bed, OPERATOR_NAMESPACE};
pub use replica::Replica;
pub use report::{Row, form, seed, whole};
pub use world::{World, condition, options};
