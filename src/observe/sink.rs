//! Reads a sink: its queue, and its dead-letter queue if it has one. With `permissions: External` nothing is asked.

use std::{collections::BTreeSet, time::Duration};

use super::{Cloud, Observe};
use crate::{
    api::{EventSink, Identity, Permissions},
    aws::Session,
    resources::{Depth, DesiredSink, ObservedSink, names},
    runtime::halt::Halt,
    sinks::sqs::{self, DesiredSqs, ObservedQueue, ObservedSqs},
};

impl Observe for EventSink {
    async fn observe(
        &self,
        cloud: &Cloud<'_>,
        identity: &Identity,
        desired: Option<&DesiredSink>,
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
        let live = match (&queue, desired) {
            (Some(queue), Some(desired)) => still_sending(&session, &identity.arn, queue, &desired.sqs, cloud.list_age(depth)).await?,
            _ => BTreeSet::new(),
        };
        Ok((queue.is_some() || dead_letter.is_some()).then_some(ObservedSink { sqs: ObservedSqs { queue, dead_letter, live } }))
    }
}

/// Of the rules that are about to lose their permission, those that AWS still has with this queue as target or dead letter: a rule
/// that was retained or orphaned would match events and drop them.
async fn still_sending(
    session: &Session,
    queue_arn: &str,
    queue: &ObservedQueue,
    desired: &DesiredSqs,
    age: Duration,
) -> Result<BTreeSet<String>, Halt> {
    let mut live = BTreeSet::new();
    for source in sqs::granted(queue, &desired.sid).into_iter().filter(|source| !desired.sources.contains(source)) {
        let Some((bus, rule)) = names::rule_of(&source).filter(|(_, rule)| *rule != "*") else { continue };
        if session.rule(bus, rule, age).await?.is_none() {
            continue;
        }
        let targets = session.targets(bus, rule).await?;
        if targets.iter().any(|target| target.arn == queue_arn || target.dead_letter_arn.as_deref() == Some(queue_arn)) {
            live.insert(source);
        }
    }
    Ok(live)
}
