//! The `eventBus` sink: a bus of any account and Region.

use serde_json::Value;

use tributary_api::Identity;

use crate::{
    destinations::{
        by_role::{self, DesiredByRole},
        contract::Destination,
        shared::{
            context::ResolveContext,
            task::{self, Rights, Task},
        },
    },
    error::ReconcileError,
    names::{self, Arn},
    steps::{PublishStep, Redelivery, Step},
};

/// The `eventBus` type.
pub(crate) struct EventBus;

impl Destination for EventBus {
    type Desired = DesiredByRole;

    const NAME: &'static str = "eventBus";
    const RESOURCE_TYPE: &'static str = "AWS::Events::EventBus";
    const READS: &'static [&'static str] = &["events:DescribeEventBus"];
    const ACTIONS: &'static [&'static str] = &["events:PutEvents"];

    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredByRole, ReconcileError> {
        by_role::desired::<Self>(context, identity)
    }

    fn identity(context: &ResolveContext<'_>) -> Result<Identity, ReconcileError> {
        context.foreign_identity(&Self::existing(context)?.unwrap_or_default())
    }

    fn accepts_transformed_events(target_arn: &str, identity: &Identity) -> bool {
        // The rule is of its bus's account, which may be another one than that of its object.
        let (target, rule) = (Arn::parse(target_arn), Arn::parse(&identity.arn));
        target.zip(rule).is_some_and(|(target, rule)| (target.account_id, target.region) == (rule.account_id, rule.region))
    }

    fn redrive(letter: Redelivery) -> Option<Step> {
        Some(PublishStep::PutEvents(letter).into())
    }

    fn is_target(arn: &Arn<'_>) -> bool {
        arn.service == "events" && !arn.resource.starts_with("api-destination/")
    }

    fn task_rights(task: &Task<'_>) -> Result<Option<Vec<Rights>>, String> {
        let ("events:putEvents", _) = task.integration() else { return Ok(None) };
        let entries = task.parameters().and_then(|parameters| parameters.get("Entries")).and_then(Value::as_array);
        let bus = |entry| {
            Ok(match task::given(entry, "EventBusName")? {
                Some(bus) if bus.starts_with("arn:") => bus.to_owned(),
                Some(bus) => task.scope.bus(bus),
                None => task.scope.bus(names::DEFAULT_BUS),
            })
        };
        let buses = entries.ok_or("Entries is computed at run time")?.iter().map(bus).collect::<Result<Vec<_>, String>>()?;
        Ok(Some(vec![("events:PutEvents", buses)]))
    }
}
