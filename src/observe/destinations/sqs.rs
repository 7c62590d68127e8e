//! Reads a queue: its attributes and policy, its dead-letter queue, its triggers.

use tributary_aws::TagRead;
use tributary_core::{
    destinations::{
        dead_letter_queue,
        sqs::{self, ObservedSqs},
    },
    error::ReconcileError,
    plan::Depth,
};

use crate::observe::destinations::inspection::Inspection;

pub(super) async fn read(inspection: &Inspection<'_>) -> Result<Option<ObservedSqs>, ReconcileError> {
    let (session, identity) = (&inspection.session, inspection.identity);
    let spec = inspection.sink.spec.sqs.as_deref();
    let managed = inspection.sink.managed_queue();
    let managed = managed.as_deref();
    let tags = TagRead::when(managed.is_some() && inspection.depth >= Depth::Owner);
    let queue = session.queue(&identity.name, tags).await?;
    // A dead-letter queue that left the spec is still ours to delete.
    let wanted = managed.is_some_and(|managed| managed.dead_letter.is_some());
    let dead_letter = if wanted || (managed.is_some() && dead_letter_queue::was_created(inspection.sink, &identity.arn)) {
        session.queue(&dead_letter_queue::name(&identity.name), tags).await?
    } else {
        None
    };
    let asked = spec.is_some_and(|spec| !spec.triggers.is_empty()) || inspection.sink.had_triggers();
    // A queue that does not exist yet may have mappings of a former queue with its name.
    let triggers = if asked { session.mappings(&identity.arn, TagRead::when(inspection.depth >= Depth::Owner)).await? } else { vec![] };
    let granted = queue.as_ref().map(|queue| sqs::policy::granted(queue, &inspection.sid())).unwrap_or_default();
    let live = inspection.still_sending(&granted).await?;
    let something = queue.is_some() || dead_letter.is_some() || !triggers.is_empty();
    Ok(something.then_some(ObservedSqs { queue, dead_letter, live, triggers }))
}
