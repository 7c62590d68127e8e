//! Tag steps of EventBridge resources.

use tributary_api::Tags;

use super::{EventsStep, Step};
use crate::{ownership::tag_changes, plan::PlanContext};

/// The tag steps of `EventBridge` for an ARN.
pub fn tag_steps(arn: &str, desired: &Tags, observed: &Tags, context: &PlanContext<'_>) -> Vec<Step> {
    let (tags, keys) = tag_changes(desired, observed, context);
    let mut steps = Vec::new();
    if !tags.is_empty() {
        steps.push(EventsStep::TagResource { arn: arn.into(), tags }.into());
    }
    if !keys.is_empty() {
        steps.push(EventsStep::UntagResource { arn: arn.into(), keys }.into());
    }
    steps
}
