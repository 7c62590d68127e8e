//! Tags of buses and rules.

use std::{sync::Arc, time::Duration};

use aws_sdk_eventbridge::types::Tag;

use tributary_api::Tags;
use tributary_core::{error::ReconcileError, steps::TagStep};

use crate::client::{
    request::{sdk_tags, send},
    session::Session,
};

impl Session {
    /// Returns the tags of a bus or rule.
    ///
    /// # Errors
    /// Those of `ListTagsForResource`.
    pub async fn event_tags(&self, arn: &str) -> Result<Tags, ReconcileError> {
        let tags = send!(self, events, ListTagsForResource, self.events.list_tags_for_resource().resource_arn(arn))?;
        Ok(tags.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    /// Returns the tags of a bus, read no longer than `age` ago: one read serves all rules that are deleted with the bus.
    ///
    /// # Errors
    /// Those of `ListTagsForResource`.
    pub async fn bus_tags(&self, arn: &str, age: Duration) -> Result<Arc<Tags>, ReconcileError> {
        self.shared.caches.bus_tags.read(&self.caller.arn, arn, age, || self.event_tags(arn)).await
    }

    pub(super) async fn apply_event_tags(&self, step: &TagStep) -> Result<(), ReconcileError> {
        let (TagStep::TagResource { arn, .. } | TagStep::UntagResource { arn, .. }) = step;
        self.shared.caches.bus_tags.forget(arn).await;
        match step {
            TagStep::TagResource { arn, tags } => {
                let request = self.events.tag_resource().resource_arn(arn).set_tags(Some(sdk_tags!(Tag, tags)?));
                send!(self, events, TagResource, request)?;
            }
            TagStep::UntagResource { arn, keys } => {
                let request = self.events.untag_resource().resource_arn(arn).set_tag_keys(Some(keys.clone()));
                send!(self, events, UntagResource, request)?;
            }
        }
        Ok(())
    }
}
