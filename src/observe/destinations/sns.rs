//! Reads a topic with its policy, and the role that replaces the policy.

use tributary_aws::TagRead;
use tributary_core::{destinations::ObservedSns, error::ReconcileError, plan::Depth};

use crate::observe::destinations::{by_role, inspection::Inspection};

pub(super) async fn read(inspection: &Inspection<'_>) -> Result<ObservedSns, ReconcileError> {
    let managed = inspection.sink.spec.sns.as_deref().is_some_and(|sns| sns.managed.is_some());
    let topic = inspection.session.topic(&inspection.identity.arn, TagRead::when(managed && inspection.depth >= Depth::Owner)).await?;
    Ok(ObservedSns { topic, by: by_role::read(inspection).await? })
}
