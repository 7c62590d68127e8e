//! Reads a sink: its queue, and its dead-letter queue if it has one. With `permissions: External` nothing is asked.

use super::{Cloud, Observe};
use crate::{
    api::{EventSink, Identity, Permissions},
    resources::{Depth, DesiredSink, ObservedSink},
    runtime::halt::Halt,
    sinks::sqs::{self, ObservedSqs},
};

impl Observe for EventSink {
    async fn observe(
        &self,
        cloud: &Cloud<'_>,
        identity: &Identity,
        _: Option<&DesiredSink>,
        depth: Depth,
    ) -> Result<Option<ObservedSink>, Halt> {
        let Some(spec) = self.spec.sqs.as_ref().filter(|_| self.spec.permissions == Permissions::Managed) else { return Ok(None) };
        let session = cloud.session(depth).await?;
        let managed = spec.managed.as_ref();
        let tags = managed.is_some() && depth >= Depth::Owner;
        let queue = session.queue(&identity.name, tags).await?;
        // One that left the spec is still ours to delete.
        let wanted = managed.is_some_and(|managed| managed.dead_letter.is_some());
        let dead_letter = if wanted || (managed.is_some() && self.had_dead_letter(&identity.arn)) {
            session.queue(&sqs::dead_letter_name(&identity.name), tags).await?
        } else {
            None
        };
        Ok((queue.is_some() || dead_letter.is_some()).then_some(ObservedSink { sqs: ObservedSqs { queue, dead_letter } }))
    }
}
