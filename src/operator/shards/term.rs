//! The leadership term of one shard, as a task: from taking its lease to losing or releasing it.

use futures::{
    FutureExt,
    future::{Either, select},
};
use tokio::sync::watch;

use crate::operator::{
    leadership::{Leadership, TermEnd},
    lease::{Candidate, Held},
    options::{Error, Signal},
};

/// What the term of a shard has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Lead.
    Lead,
    /// Complete the reconciles in progress, then release the lease.
    Release,
    /// End at once. Nothing is released.
    Abandon,
}

/// A term that has ended.
pub(super) struct Ended {
    pub(super) shard: u16,
    pub(super) candidate: Candidate,
}

/// Completes when the term has to release its lease: with the operator, or alone.
pub(super) fn stop(operator: &Signal, orders: &watch::Receiver<Order>) -> Signal {
    let (operator, mut orders) = (operator.clone(), orders.clone());
    let ordered = async move { drop(orders.wait_for(|order| *order != Order::Lead).await) };
    async move { drop(select(operator, std::pin::pin!(ordered)).await) }.boxed().shared()
}

/// Leads until the lease is lost, or until the order says otherwise.
///
/// # Errors
/// The CA bundle for AWS cannot be used.
pub(super) async fn run(
    leadership: Leadership,
    shard: u16,
    candidate: Candidate,
    mut held: Held,
    mut orders: watch::Receiver<Order>,
) -> Result<Ended, Error> {
    let end = {
        let term = std::pin::pin!(leadership.serve_term(&candidate, &mut held));
        let abandoned = std::pin::pin!(orders.wait_for(|order| *order == Order::Abandon));
        match select(abandoned, term).await {
            Either::Left(_) => None,
            Either::Right((end, _)) => Some(end?),
        }
    };
    match end {
        Some(TermEnd::Stopped) => candidate.release(held).await,
        Some(TermEnd::Lost(lost)) => leadership.report_lost(&lost, &held),
        None => tracing::warn!(shard, "lost the common lease; in-flight reconciles canceled"),
    }
    Ok(Ended { shard, candidate })
}
