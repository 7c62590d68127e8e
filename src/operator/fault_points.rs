//! The points of a reconcile at which a test may crash the operator or lose a reply. In production nothing happens there.

use futures::future::BoxFuture;

use tributary_core::{error::ReconcileError, steps::Step};

/// A point in the life of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::EnumIter, strum::IntoStaticStr)]
pub enum Point {
    /// The call has not been made.
    Before,
    /// AWS made the change. An error returned here stands for a lost reply.
    Effect,
    /// The answer is known, but not yet recorded anywhere.
    Reply,
    /// All steps are applied and the status is written.
    Status,
}

/// What happens at the fault points.
pub trait FaultPoints: Send + Sync {
    /// Called at each point of each step. A future that never completes stands for a crash at that point.
    fn at<'a>(&'a self, kind: &'static str, key: &'a str, point: Point, step: &'a Step) -> BoxFuture<'a, Result<(), ReconcileError>>;
}

/// Fault points at which nothing happens.
pub struct NoFaults;

impl FaultPoints for NoFaults {
    fn at<'a>(&'a self, _: &'static str, _: &'a str, _: Point, _: &'a Step) -> BoxFuture<'a, Result<(), ReconcileError>> {
        Box::pin(async { Ok(()) })
    }
}
