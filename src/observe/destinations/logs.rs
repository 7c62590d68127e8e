//! Reads a log group, the log resource policy of the installation, and whether other sinks need that policy.

use std::collections::BTreeSet;

use tributary_api::Permissions;
use tributary_aws::TagRead;
use tributary_core::{
    destinations::{
        logs::{self, ObservedLogs},
        shared::grants,
    },
    error::ReconcileError,
    plan::Depth,
};

use crate::observe::destinations::inspection::Inspection;

pub(super) async fn read(inspection: &Inspection<'_>) -> Result<ObservedLogs, ReconcileError> {
    let (session, identity, view) = (&inspection.session, inspection.identity, &inspection.cloud.view);
    let managed = inspection.sink.spec.log_group.as_ref().is_some_and(|logs| logs.managed.is_some());
    let tags = TagRead::when(managed && inspection.depth >= Depth::Owner);
    let mut group = session.log_group(&identity.name, &identity.arn, tags).await?;
    if managed && let Some(group) = &mut group {
        group.last_event = session.last_event(&identity.name).await;
    }
    let name = logs::policy_name(&view.settings.installation_id);
    let policy = session.log_policy(&name, inspection.cloud.list_age(inspection.depth)).await?;
    let mut others = false;
    view.each_sink(|other| {
        let there = other.status.as_ref().and_then(|status| status.common.identity.as_ref());
        // Sinks without senders that are deleted at the same time do not keep the policy for each other.
        let needs = other.metadata.deletion_timestamp.is_none() || !grants::wanted(other, view).is_empty();
        others |= other.spec.log_group.is_some()
            && needs
            && other.spec.permissions == Permissions::Managed
            && there.is_some_and(|there| {
                (&there.account_id, &there.region) == (&identity.account_id, &identity.region) && there.arn != identity.arn
            });
    });
    let mut observed = ObservedLogs { group, policy, live: BTreeSet::new(), others };
    let granted = inspection.grants().map(|grants| logs::granted(&observed, &grants.sid)).unwrap_or_default();
    observed.live = inspection.still_sending(&granted).await?;
    Ok(observed)
}
