//! Reads a log group, the log resource policy of the installation, and whether other sinks need that policy.

use std::collections::BTreeSet;

use tributary_aws::TagRead;
use tributary_core::{
    destinations::logs::{self, ObservedLogs},
    error::ReconcileError,
    plan::Depth,
};

use crate::observe::destinations::inspection::Inspection;

pub(super) async fn read(inspection: &Inspection<'_>) -> Result<ObservedLogs, ReconcileError> {
    let (session, identity, view) = (&inspection.session, inspection.identity, &inspection.cloud.view);
    let managed = inspection.sink.spec.log_group.as_deref().is_some_and(|logs| logs.managed.is_some());
    let tags = TagRead::when(managed && inspection.depth >= Depth::Owner);
    let mut group = session.log_group(&identity.name, &identity.arn, tags).await?;
    if managed && let Some(group) = &mut group {
        group.last_event = session.last_event(&identity.name).await;
    }
    let name = logs::policy_name(&view.settings.installation_id);
    let policy = session.log_policy(&name, inspection.cloud.list_age(inspection.depth)).await?;
    let others = logs::needed_by_others(inspection.sink, identity, view);
    let mut observed = ObservedLogs { group, policy, live: BTreeSet::new(), others };
    let granted = logs::granted(&observed, &inspection.sid());
    observed.live = inspection.still_sending(&granted).await?;
    Ok(observed)
}
