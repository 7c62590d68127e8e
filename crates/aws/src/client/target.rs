//! Parameters of a rule's target that only one type of destination has: what its adapter implements.

use aws_sdk_eventbridge::types::{Target, builders::TargetBuilder};

use tributary_core::{error::ReconcileError, steps::TargetSettings};

/// Translation of the parameters of one type, both ways: one that is written and not read back is written again at every reconcile.
pub(crate) struct TargetParameters {
    /// Adds the parameters to a request, if the target has them.
    pub write: fn(&TargetSettings, TargetBuilder) -> Result<TargetBuilder, ReconcileError>,
    /// Takes the parameters from a target that AWS returned.
    pub read: fn(&mut Target, &mut TargetSettings),
}
