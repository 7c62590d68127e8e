//! Reads a subscription: its child objects, from the stores. AWS is not asked.

use super::{Cloud, Observe};
use crate::{
    api::{BenchlingSubscription, Identity},
    resources::{Depth, DesiredSubscription, ObservedSubscription},
    runtime::halt::Halt,
};

impl Observe for BenchlingSubscription {
    async fn observe(
        &self,
        cloud: &Cloud<'_>,
        _: &Identity,
        _: Option<&DesiredSubscription>,
        _: Depth,
    ) -> Result<Option<ObservedSubscription>, Halt> {
        Ok(Some(self.observed(&cloud.view)))
    }
}
