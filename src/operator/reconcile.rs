//! The one reconcile loop, generic over the kind: what all passes share, one pass, and when the next one is.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_openapi::jiff::Timestamp;
use kube::{Resource, runtime::controller::Action};

use tributary_core::{
    conditions::{Outcome, conditions},
    error::{Reason, ReconcileError, RetryClass},
    guarded::Guarded,
    object::key_of,
};

use crate::{
    cluster::status::Handle,
    observe::Observe,
    operator::{
        context::{Context, FIRST_MOMENTS},
        reconciliation::Pass,
        state::ObjectState,
    },
};

pub async fn reconcile<K: Observe>(object: Arc<Guarded<K>>, context: Arc<Context>) -> Result<Action, std::convert::Infallible> {
    let started = Instant::now();
    let key = format!("{}/{}", K::KIND, key_of(object.as_ref()));
    let span = tracing::info_span!("pass", kind = K::KIND, object = %key_of(object.as_ref()));
    let state = context.memory.recall(&key, object.meta().uid.as_deref().unwrap_or_default(), &context.sweeps);
    let work = async {
        match &object.0 {
            Err(unreadable) => (unreadable_object(object.as_ref(), &unreadable.error, &context).await, state),
            Ok(readable) => run(readable, &context, state).await,
        }
    };
    let (outcome, mut state) = tracing::Instrument::instrument(work, span).await;
    let label: &'static str = outcome.as_ref().map_or_else(|halt| halt.class.into(), |()| "ok");
    context.metrics.pass(K::KIND, label, started.elapsed().as_secs_f64());
    let wait = match &outcome {
        Ok(()) => {
            state.failures = 0;
            let sweep = context.sweeps.next(Instant::now());
            state.requeue_after.take().map_or(sweep, |soon| soon.min(sweep))
        }
        Err(halt) => {
            // Waiting for something is no failure: it must not make the first real one wait long.
            let failed = !matches!(halt.class, RetryClass::Blocked | RetryClass::Polled | RetryClass::Until(_) | RetryClass::Invalid);
            state.failures = if failed { state.failures.saturating_add(1) } else { 0 };
            // What was not said in the first moments is said right after them.
            let unsaid = FIRST_MOMENTS.saturating_sub(state.first_seen.elapsed());
            let wait = halt.retry(state.failures, Timestamp::now());
            let wait = if unsaid.is_zero() || failed { wait } else { wait.min(unsaid + Duration::from_millis(10)) };
            let wait = match halt.class {
                RetryClass::Until(_) => wait + Duration::from_millis(fastrand::u64(0..100)),
                RetryClass::Polled => wait.min(context.sweeps.next_poll(Instant::now())),
                _ => wait + wait.mul_f64(fastrand::f64() / 4.0),
            };
            wait.min(context.sweeps.quick.max(Duration::from_secs(1)))
        }
    };
    if !outcome.as_ref().is_err_and(|halt| halt.class == RetryClass::Polled) {
        state.polling_until = None;
    }
    context.memory.keep(&key, state);
    Ok(Action::requeue(wait))
}

/// An object in the store that the types cannot hold: it gets a condition, and nobody else is held up.
async fn unreadable_object<K: Observe>(object: &Guarded<K>, error: &str, context: &Context) -> Result<(), ReconcileError> {
    let halt = ReconcileError::invalid(
        Reason::UnreadableObject,
        format!(
            "this version of the operator cannot read the object: {error}. Correct the field; if it is right, upgrade the operator or apply its CRDs"
        ),
    );
    tracing::warn!(object = %key_of(object), error, "unreadable object");
    let generation = object.meta().generation;
    let write = |before: &[_]| conditions(&Outcome::Halted(halt.clone()), before, generation, Timestamp::now());
    Handle::new(&context.client, object).write_conditions(generation, write).await?;
    Err(halt)
}

async fn run<K: Observe>(object: &K, context: &Context, mut state: ObjectState) -> (Result<(), ReconcileError>, ObjectState) {
    let handle = Handle::new(&context.client, object);
    let mut object = object.clone();
    // The store may lag behind our own writes; what we wrote ourselves we do not decide from an older copy.
    let behind = |written: &str| version_of(&object).zip(written.parse::<u64>().ok()).is_some_and(|(have, written)| have < written);
    if state.doubtful || state.written.as_deref().is_some_and(behind) || object.meta().deletion_timestamp.is_some() {
        match handle.fresh::<K>().await {
            Ok(Some(fresh)) => {
                state.doubtful = false;
                // After a restore of etcd versions are lower than they were: what is now is the measure.
                state.written = state.written.and(fresh.meta().resource_version.clone());
                object = fresh;
            }
            Ok(None) => return (Ok(()), ObjectState { gone: true, ..state }),
            Err(halt) => return (Err(halt), state),
        }
    }
    let written = object.current().cloned().unwrap_or_default();
    let key = key_of(&object);
    let mut pass = Pass { key, context, handle, status: written.clone(), written, object, state, applied: vec![], confirmed: false };
    let outcome = pass.run().await;
    (outcome, pass.state)
}

fn version_of<K: Resource>(object: &K) -> Option<u64> {
    object.meta().resource_version.as_deref()?.parse().ok()
}
