//! Event patterns and input transformers of Amazon EventBridge: parse, validate, match, evaluate. Pure: no I/O.
//!
//! Here belongs what AWS says of a pattern and of an event: which patterns it refuses and in which words, and which events a
//! pattern matches. The semantics are those of AWS's open-source matcher (<https://github.com/aws/event-ruler>) and of the page
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html>. Lints, files and output belong to the callers.
//!
//! ```
//! let pattern = tributary_pattern::Pattern::compile(r#"{"source":["lims"],"detail":{"count":[{"numeric":[">",1]}]}}"#).unwrap();
//! assert!(pattern.matches(r#"{"source":"lims","detail":{"count":2}}"#).unwrap());
//! assert!(!pattern.matches(r#"{"source":"lims","detail":{"count":1.0}}"#).unwrap());
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod address;
mod alternative;
mod anything_but;
mod compile;
mod complexity;
mod error;
mod event;
mod explain;
mod expression;
mod hash;
mod ignore_case;
mod json;
mod limits;
pub mod number;
mod numeric;
mod pattern;
mod rule_set;
mod search;
mod text;
pub mod transform;
mod warning;
mod wildcard;

pub use complexity::Complexity;
pub use error::{EventError, Location, PatternError};
pub use explain::{AlternativeResult, Explanation, FieldResult, FieldVerdict};
pub use limits::{Limits, Target};
pub use pattern::Pattern;
pub use rule_set::RuleSet;
pub use warning::{PatternWarning, WarningKind};

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
