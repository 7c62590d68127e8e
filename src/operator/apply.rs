//! The only path from a plan to a write: one step to AWS, or to a child object in Kubernetes.

use std::collections::BTreeMap;

use tributary_core::{error::ReconcileError, gate::PermittedStep, plan::Depth, steps::Step};

use crate::{cluster::children, observe::Cloud};

/// Makes the write that `permitted` stands for.
///
/// # Errors
/// What AWS or the API server answered. The write may have taken effect nevertheless, as after a lost reply.
pub(super) async fn apply(cloud: &Cloud<'_>, permitted: &PermittedStep) -> Result<(), ReconcileError> {
    let step = permitted.step();
    if let Step::Child(step) = step {
        return Box::pin(children::apply(cloud.client, step)).await;
    }
    let region = step.region().unwrap_or(&cloud.region);
    let session = cloud.session_in(region, Depth::Owner).await?;
    let values = match step.secrets() {
        Some(refs) => Box::pin(cloud.secrets.values_of(refs)).await?,
        None => BTreeMap::new(),
    };
    let answer = session.apply(step, &values).await;
    // After an error too: the write may have taken effect.
    session.forget_facts(step, &cloud.account.spec.partition.to_string(), region).await;
    answer
}
