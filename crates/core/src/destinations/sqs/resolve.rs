//! Resolves a queue from the spec of its sink.

use tributary_api::{Identity, ManagedQueue};

use crate::{
    destinations::{
        shared::context::ResolveContext,
        sqs::{
            attributes::attributes,
            dead_letter_queue,
            state::{DesiredQueue, DesiredSqs},
        },
        triggers,
    },
    error::ReconcileError,
    names::{self, Scope},
};

/// Maximum length of a default name, in characters: SQS allows 80, and `-dlq` and `.fifo` are
/// appended.
const LONGEST: usize = 71;

/// Returns the identity of the sink's queue, managed or existing.
///
/// # Errors
/// The reference is not permitted, or is in another account or Region.
pub(crate) fn identity(context: &ResolveContext<'_>) -> Result<Identity, ReconcileError> {
    if let Some(existing) = context.existing()? {
        return context.named_identity(&existing, "", |scope, name| scope.queue(name));
    }
    let managed = context.sink.managed_queue().unwrap_or_default().into_owned();
    let suffix = if managed.fifo.is_some() { ".fifo" } else { "" };
    let name = managed.name.unwrap_or_else(|| context.default_name("", LONGEST, names::queue_character, suffix));
    Ok(context.identity(name, |scope, name| scope.queue(name)))
}

/// Returns the desired state of the sink's queue, independent of its consumer.
///
/// # Errors
/// A reference is not permitted, or a new sink waits for its first rule.
pub(crate) fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredSqs, ReconcileError> {
    let sink = context.sink;
    let grants = context.grants(identity);
    let managed = sink.managed_queue();
    let managed = managed.as_deref();
    if managed.is_some() && grants.wanted.is_empty() {
        context.wait_for_first_rule()?;
    }
    let queue = |name: String, spec: &ManagedQueue, attributes| DesiredQueue {
        arn: Scope::of(identity).queue(&name),
        name,
        attributes,
        tags: context.tags(spec.tags.as_ref()),
    };
    let dead_letter = managed
        .filter(|managed| managed.dead_letter.is_some())
        .map(|managed| queue(dead_letter_queue::name(&identity.name), managed, dead_letter_queue::attributes(managed)));
    let dead_letter_arn = dead_letter.as_ref().map(|queue| queue.arn.clone());
    let (triggers, refused) = triggers::resolve(context, identity)?;
    Ok(DesiredSqs {
        managed: managed.map(|managed| queue(identity.name.clone(), managed, attributes(managed, dead_letter_arn.as_deref()))),
        dead_letter,
        name: identity.name.clone(),
        grants,
        triggers,
        refused,
    })
}
