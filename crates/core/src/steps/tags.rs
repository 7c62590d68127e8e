//! Tag steps of `EventBridge` resources.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use tributary_api::Tags;

use super::{Step, tag_list, text::list};
use crate::{ownership::tag_changes, plan::PlanContext};

/// One change of the tags of a bus or rule; the variant is the name of the call.
#[derive(Clone, Debug, PartialEq, Serialize, strum::IntoStaticStr, strum::VariantNames)]
pub enum TagStep {
    /// Adds or replaces tags.
    TagResource {
        /// ARN of the resource.
        arn: String,
        /// The tags.
        tags: Tags,
    },
    /// Removes tags.
    UntagResource {
        /// ARN of the resource.
        arn: String,
        /// Keys of the tags.
        keys: Vec<String>,
    },
}

impl TagStep {
    /// Returns the members of the request that AWS limits, in the names of AWS.
    pub(super) fn limited(&self) -> Value {
        match self {
            Self::TagResource { arn, tags } => json!({"ResourceARN": arn, "Tags": tag_list(tags)}),
            Self::UntagResource { arn, keys } => json!({"ResourceARN": arn, "TagKeys": keys}),
        }
    }
}

impl fmt::Display for TagStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: &str = self.into();
        match self {
            Self::TagResource { arn, tags } => write!(f, "{name} {arn}: {}", list(tags.keys())),
            Self::UntagResource { arn, keys } => write!(f, "{name} {arn}: {}", list(keys)),
        }
    }
}

/// Returns the steps from the observed to the desired tags of an `EventBridge` resource.
pub fn tag_steps(arn: &str, desired: &Tags, observed: &Tags, context: &PlanContext<'_>) -> Vec<Step> {
    let (tags, keys) = tag_changes(desired, observed, context);
    let mut steps = Vec::new();
    if !tags.is_empty() {
        steps.push(TagStep::TagResource { arn: arn.into(), tags }.into());
    }
    if !keys.is_empty() {
        steps.push(TagStep::UntagResource { arn: arn.into(), keys }.into());
    }
    steps
}
