//! Event buses as targets.

use tributary_api::{EventBusSink, EventSinkSpec, ExistingBus};
use tributary_core::{
    names::{Arn, Scope, bus_of},
    steps::TargetSettings,
};

use super::{Reference, ResourceType, Type, only};

pub(super) const TYPE: Type = Type {
    existing,
    parameters: None,
    policies: &[],
    resource: Some(ResourceType {
        type_: "AWS::Events::EventBus",
        name: "Name",
        terraform: ("aws_cloudwatch_event_bus", &[("name", "Name")]),
        reference: Reference::Name,
        arn: |scope: Scope<'_>, name: &str| Some(scope.bus(name)),
        sam: None,
        managed: None,
    }),
};

fn existing(target: &TargetSettings, _: &Arn<'_>) -> Option<Result<EventSinkSpec, String>> {
    bus_of(&target.arn)?;
    Some(only(target, TargetSettings::default()).map(|()| {
        let existing = ExistingBus { arn: Some(target.arn.clone()), arn_from: None };
        EventSinkSpec { event_bus: Some(Box::new(EventBusSink { existing })), ..EventSinkSpec::default() }
    }))
}
