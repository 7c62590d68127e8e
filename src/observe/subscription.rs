//! Reads a subscription: its child objects, from the stores. Makes no AWS calls.

use tributary_api::{BenchlingSubscription, Identity};
use tributary_core::{
    error::ReconcileError,
    kinds::{Compose, DesiredSubscription, ObservedSubscription},
    plan::Depth,
};

use crate::observe::{Cloud, Observe};

impl Observe for BenchlingSubscription {
    async fn observe(
        &self,
        cloud: &Cloud<'_>,
        _: &Identity,
        _: Option<&DesiredSubscription>,
        _: Depth,
    ) -> Result<Option<ObservedSubscription>, ReconcileError> {
        Ok(Some(self.observed(&cloud.view)))
    }
}
