//! The entry point of all controllers: reads the object, reconciles it once, and decides when it is reconciled next.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, runtime::controller::Action};
use tracing::Instrument;

use tributary_core::{
    conditions::{Outcome, conditions},
    error::{Reason, ReconcileError, RetryClass},
    guarded::Guarded,
    object::{ObjectMetaExt, key_of},
};

use crate::{
    cluster::{shards::shard_of, status::Handle},
    observe::Observe,
    operator::{
        audit::Subject,
        changes::Changes,
        context::{Context, QUIET_PERIOD},
        reconciliation::{Reconciliation, Recorded},
        spans,
        state::ObjectState,
        writer::LiveWriter,
    },
    telemetry::traces::exemplar,
};

/// Reconciles one object, of whatever kind, of this AWS account as far as it is known. Never fails: failures are in the object's conditions and in the metrics.
pub(super) async fn reconcile<K: Observe>(
    object: Arc<Guarded<K>>,
    account: &str,
    context: Arc<Context>,
) -> Result<Action, std::convert::Infallible> {
    let started = Instant::now();
    let key = format!("{}/{}", K::KIND, key_of(object.as_ref()));
    if shard_of(object.as_ref(), &context.view, context.shard.of) != context.shard {
        // It has moved to another shard, whose leader its change has queued it for.
        context.state.forget(&key);
        context.changes.take(&key);
        return Ok(Action::await_change());
    }
    let uid = object.meta().uid.as_deref().unwrap_or_default();
    if let Some(rest) = context.state.rest(&key, uid) {
        return Ok(Action::requeue(rest));
    }
    let span = tracing::info_span!("reconcile", kind = K::KIND, object = %key_of(object.as_ref()));
    let trace = spans::reconcile(K::KIND, object.meta());
    let mut state = context.state.load(&key, uid, &context.resyncs);
    state.changes = context.changes.take(&key);
    let work = async {
        match &object.0 {
            Err(unreadable) => (report_unreadable(object.as_ref(), &unreadable.error, &context).await, state),
            Ok(readable) => Box::pin(run(&**readable, &context, state)).await,
        }
    };
    let (result, mut state) = work.instrument(span).instrument(trace.clone()).await;
    let outcome: &'static str = result.as_ref().map_or_else(|error| error.class.into(), |()| "ok");
    context.metrics.reconcile(K::KIND, outcome, started.elapsed(), exemplar(&trace));
    spans::end(&trace, outcome, &result);
    let wait = match &result {
        Ok(()) => {
            state.failures = 0;
            let resync = context.state.next_resync(account, Instant::now(), &context.resyncs);
            state.requeue_after.take().map_or(resync, |sooner| sooner.min(resync))
        }
        Err(error) => {
            let wait = retry_after(error, &mut state, &context);
            // What an invalid object depends on may change without a watch event, and a deletion that waits names other objects then.
            let sooner = state.requeue_after.take().filter(|_| error.class == RetryClass::Invalid || error.reason == Reason::InUse);
            sooner.map_or(wait, |sooner| sooner.min(wait))
        }
    };
    if !result.as_ref().is_err_and(|error| error.class == RetryClass::Polled) {
        state.polling_until = None;
    }
    let changes = std::mem::take(&mut state.changes);
    if state.gone.is_none() {
        context.changes.note(&key, changes);
    }
    context.state.store(&key, state);
    Ok(Action::requeue(wait))
}

/// How long to wait after the error, with jitter; counts it where it is a failure.
fn retry_after(error: &ReconcileError, state: &mut ObjectState, context: &Context) -> Duration {
    let resyncs = &context.resyncs;
    // Waiting for something is no failure: it must not make the retry after the first real failure long.
    let failed = !matches!(error.class, RetryClass::Blocked | RetryClass::Polled | RetryClass::Until(_) | RetryClass::Invalid);
    state.failures = if failed { state.failures.saturating_add(1) } else { 0 };
    // What was not reported in the quiet period is reported right after it.
    let quiet = QUIET_PERIOD.saturating_sub(state.first_seen.elapsed());
    let mut wait = error.retry(state.failures, context.now());
    if !quiet.is_zero() && !failed {
        wait = wait.min(quiet + Duration::from_millis(10));
    }
    let wait = match error.class {
        RetryClass::Until(_) => wait + Duration::from_millis(fastrand::u64(0..100)),
        RetryClass::Polled => wait.min(resyncs.next_poll(Instant::now())),
        RetryClass::Blocked
        | RetryClass::Invalid
        | RetryClass::Refused
        | RetryClass::Throttled
        | RetryClass::Transient
        | RetryClass::Conflict => wait + wait.mul_f64(fastrand::f64() / 4.0),
    };
    wait.min(resyncs.quick.max(Duration::from_secs(1)))
}

/// Sets the conditions of an object that its type cannot hold. Other objects are not affected by it.
async fn report_unreadable<K: Observe>(object: &Guarded<K>, cause: &str, context: &Context) -> Result<(), ReconcileError> {
    let error = ReconcileError::invalid(
        Reason::UnreadableObject,
        format!(
            "this version of the operator cannot read the object: {cause}. \
             Correct the field; if it is correct, upgrade the operator or apply its CRDs."
        ),
    );
    tracing::warn!(object = %key_of(object), cause, "unreadable object");
    let generation = object.meta().generation;
    let conditions = |before: &[_]| conditions(&Outcome::Failed(error.clone()), before, generation, context.now());
    Handle::new(&context.client, object).write_conditions(generation, conditions).await?;
    Err(error)
}

async fn run<K: Observe>(object: &K, context: &Context, mut state: ObjectState) -> (Result<(), ReconcileError>, ObjectState) {
    let handle = Handle::new(&context.client, object);
    let mut object = object.clone();
    let follows_status = follows_status(&object, &state, context);
    if state.doubtful || is_stale(&object, &state) || (object.is_deleting() && !follows_status && !waits(&object, context)) {
        match Box::pin(handle.fresh::<K>()).await {
            Ok(Some(fresh)) => {
                state.doubtful = false;
                // After a restore of etcd versions are lower than before: the present one is the measure.
                state.written = state.written.and(fresh.meta().resource_version.clone());
                object = fresh;
                if !context.shard.owns(&object, &context.view) {
                    return (Ok(()), state);
                }
            }
            Ok(None) => return (Ok(()), ObjectState { gone: Some(Instant::now()), ..state }),
            Err(error) => return (Err(error), state),
        }
    }
    let audit = context.audit.as_deref().map(|log| (log, subject(&object)));
    let writer = LiveWriter { handle, recorder: &context.recorder, deletions: &context.deletions, audit, observed: Mutex::default() };
    let mut reconciliation = Reconciliation::new(context, &writer, object, state);
    if follows_status {
        reconciliation.recorded = Recorded::Status;
    }
    let result = Box::pin(reconciliation.run()).await;
    if result.is_ok() && reconciliation.reached {
        reconciliation.state.changes = Changes::default();
    }
    (result, reconciliation.state)
}

fn subject<K: Observe>(object: &K) -> Subject {
    let ObjectMeta { namespace, name, uid, generation, .. } = object.meta().clone();
    Subject { kind: K::KIND, namespace, name: name.unwrap_or_default(), uid: uid.unwrap_or_default(), generation }
}

/// Whether the deletion of the object follows its status: neither the object nor its AWS resource is read once more. Only the first attempt
/// does, and only with a copy that cannot be outdated.
fn follows_status<K: Observe>(object: &K, state: &ObjectState, context: &Context) -> bool {
    let is_current = !state.doubtful && !is_stale(object, state) && context.is_of_this_term(object.meta().resource_version.as_deref());
    object.is_deleting() && state.failures == 0 && is_current && object.is_described()
}

/// Whether the deletion waits for other objects, so that nothing is written to AWS. The status that says so is written only if this copy of
/// the object is current.
fn waits<K: Observe>(object: &K, context: &Context) -> bool {
    !object.referenced_by(&context.view()).is_empty()
}

/// Whether the copy is older than the operator's own last write: the store may lag behind.
fn is_stale<K: Resource>(object: &K, state: &ObjectState) -> bool {
    let version = |text: Option<&str>| text?.parse::<u64>().ok();
    let (present, written) = (version(object.meta().resource_version.as_deref()), version(state.written.as_deref()));
    present.zip(written).is_some_and(|(present, written)| present < written)
}

#[cfg(test)]
mod tests {
    use tributary_api::{EventBus, EventRule, EventSink};
    use tributary_core::gate::PermittedStep;

    use super::*;
    use crate::{observe::Cloud, operator::apply::apply};

    /// Bytes of the future that the function returns.
    fn size_of_future<A, F: Future>(_: impl Fn(A) -> F) -> usize {
        size_of::<F>()
    }

    /// Hundreds of reconciles run at the same time, and most of them wait for AWS. What few of them need is boxed where it is needed.
    #[test]
    fn a_reconcile_holds_no_memory_for_what_few_reconciles_need() {
        fn sizes<K: Observe>() -> (&'static str, [usize; 2]) {
            let whole = size_of_future(|(object, context, state): (&'static K, &'static Context, ObjectState)| run(object, context, state));
            let phases = size_of_future(|reconciliation: &'static mut Reconciliation<'static, K>| reconciliation.run());
            (K::KIND, [whole, phases])
        }
        for (kind, sizes) in [sizes::<EventRule>(), sizes::<EventSink>(), sizes::<EventBus>()] {
            assert!(sizes.iter().sum::<usize>() < 17_000, "{kind}: {sizes:?} bytes");
        }
        let apply = size_of_future(|(cloud, step): (&'static Cloud<'static>, &'static PermittedStep)| apply(cloud, step));
        assert!(apply < 2_000, "a step: {apply} bytes");
    }
}
