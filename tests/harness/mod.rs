//! What tests are made of: the bed, an AWS account, a world of objects, an operator that can be stopped, crashed and started again.
#![allow(dead_code, unused_imports)]

mod apiproxy;
mod apiwatch;
mod aws;
mod bed;
mod benchling;
mod binary;
mod identities;
mod ownbed;
mod receiver;
mod replica;
mod report;
mod services;
mod world;

pub use apiproxy::{ApiProxy, Fault};
pub use apiwatch::Mangle;
pub use aws::{Aws, Call, REGION, http, until, until_within};
pub use bed::{Bed, OPERATOR_NAMESPACE};
pub use benchling::{Benchling, Webhook};
pub use binary::{Binary, Gateway, free_address};
pub use ownbed::OwnBed;
pub use receiver::{Received, Receiver};
pub use replica::Replica;
pub use report::{Row, form, seed, whole};
pub use world::{World, condition, options};
