//! Hostile objects: specs mutated from the CRD schemas, transitions between them, what goes past the schema, and the parsers alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc, clippy::needless_pass_by_value)]

mod bypass;
mod judge;
mod mutate;
mod parsers;
mod seeds;
mod specs;
mod stage;
mod values;
