//! The points of a pass at which a test may crash the operator or lose a reply. In production: nothing.

use futures::future::BoxFuture;

use tributary_core::{error::ReconcileError, steps::Step};

/// Where in the life of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::EnumIter, strum::IntoStaticStr)]
pub enum Point {
    /// The call has not been made.
    Before,
    /// AWS did it; an error returned here is a lost reply.
    Effect,
    /// The answer is known, and nowhere written down.
    Reply,
    /// All steps are done and the status is written.
    Status,
}

pub trait Probe: Send + Sync {
    /// Called at each point. A future that never ends stands for a crash there.
    fn at<'a>(&'a self, kind: &'static str, key: &'a str, point: Point, step: &'a Step) -> BoxFuture<'a, Result<(), ReconcileError>>;
}

pub struct NoProbe;

impl Probe for NoProbe {
    fn at<'a>(&'a self, _: &'static str, _: &'a str, _: Point, _: &'a Step) -> BoxFuture<'a, Result<(), ReconcileError>> {
        Box::pin(async { Ok(()) })
    }
}
