//! Reads the operator's identity in an account.

use tributary_api::{AwsAccount, Identity};
use tributary_core::{
    error::ReconcileError,
    kinds::{CallerIdentity, DesiredAccount},
    plan::Depth,
};

use crate::observe::{Cloud, Observe};

impl Observe for AwsAccount {
    async fn observe(
        &self,
        cloud: &Cloud<'_>,
        _: &Identity,
        _: Option<&DesiredAccount>,
        depth: Depth,
    ) -> Result<Option<CallerIdentity>, ReconcileError> {
        // A session exists only if AWS returned the account id of the spec.
        Ok(Some(cloud.session(depth).await?.caller))
    }
}
