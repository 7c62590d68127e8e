//! Isolation, end to end: no tenant reaches what is another's, by whatever field; no secret comes out, by whatever error.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc, clippy::needless_pass_by_value)]

mod apps;
mod attempts;
mod canaries;
mod fields;
mod roles;
mod secrets;
mod tenants;
mod told;
