//! The `eventBus` sink: a bus of any account and Region.

use tributary_api::Identity;

use crate::{
    destinations::{
        by_role::{self, DesiredByRole},
        contract::Destination,
        shared::context::ResolveContext,
    },
    error::ReconcileError,
    names::Arn,
};

/// The `eventBus` type.
pub(crate) struct EventBus;

impl Destination for EventBus {
    type Desired = DesiredByRole;

    const NAME: &'static str = "eventBus";
    const RESOURCE_TYPE: &'static str = "AWS::Events::EventBus";
    const ACTIONS: &'static [&'static str] = &["events:PutEvents"];

    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredByRole, ReconcileError> {
        by_role::desired::<Self>(context, identity)
    }

    fn identity(context: &ResolveContext<'_>) -> Result<Identity, ReconcileError> {
        context.foreign_identity(&Self::existing(context)?.unwrap_or_default())
    }

    fn accepts_transformed_events(target_arn: &str, identity: &Identity) -> bool {
        Arn::parse(target_arn).is_some_and(|arn| (arn.account_id, arn.region) == (identity.account_id.as_str(), identity.region.as_str()))
    }

    fn is_target(arn: &Arn<'_>) -> bool {
        arn.service == "events" && !arn.resource.starts_with("api-destination/")
    }
}
