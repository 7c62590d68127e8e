//! Dead letters that are sent to their targets again: from a message of a dead-letter queue to the step that sends it. Pure; who
//! receives, sends and deletes is up to the callers.
//!
//! The body of a dead letter is the original event, before `input`, `inputPath` or `inputTransformer` of the target
//! (docs/aws-facts.md, DL4, DL8). So the transformation is applied again, as AWS has it now. The attributes of the letter choose among the
//! targets that its rule has, and never name others: a sender to the queue cannot choose a receiver.
//!
//! ```
//! use std::collections::BTreeMap;
//! use tributary_core::{redrive::{Letter, Redrive, RuleTargets}, steps::TargetSettings};
//!
//! const BUS: &str = "arn:aws:events:eu-west-1:111122223333:event-bus/other";
//! let rule = RuleTargets {
//!     key: "prod/r".into(),
//!     arn: "arn:aws:events:eu-west-1:111122223333:rule/b/r".into(),
//!     targets: vec![TargetSettings { id: "t".into(), arn: BUS.into(), ..Default::default() }],
//! };
//! let letter = Letter {
//!     message_id: "m".into(), rule_arn: Some(rule.arn.clone()), target_arn: Some(BUS.into()),
//!     body: r#"{"source": "shop", "detail-type": "sold", "detail": {"n": 1}}"#.into(),
//!     ..Letter::default()
//! };
//! let rules = BTreeMap::from([(rule.arn.clone(), rule)]);
//! let planned = Redrive { rules: &rules, removed_targets: None, targets: &[] }.plan(&letter).unwrap();
//! assert_eq!((planned.step.to_string(), planned.target.as_deref()), (format!("PutEvents m to {BUS}"), Some("t")));
//! ```

mod event;
mod filter;
mod kept;
mod letter;
mod plan;
#[cfg(test)]
mod tests;
mod whole;

pub use event::PublishedEvent;
pub use filter::Filter;
pub use kept::{Kept, KeptReason};
pub use letter::Letter;
pub use plan::{Planned, Redrive, RuleTargets};
pub(crate) use whole::whole;
