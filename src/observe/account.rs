//! Reads who the operator is in an account.

use super::{Cloud, Observe};
use crate::{
    api::{AwsAccount, Identity},
    resources::{CallerIdentity, Depth, DesiredAccount},
    runtime::halt::Halt,
};

impl Observe for AwsAccount {
    async fn observe(
        &self,
        cloud: &Cloud<'_>,
        _: &Identity,
        _: Option<&DesiredAccount>,
        depth: Depth,
    ) -> Result<Option<CallerIdentity>, Halt> {
        // A session is only ever opened once AWS has named the right account.
        Ok(Some(cloud.session(depth).await?.caller))
    }
}
