//! State machines of Step Functions.

use tributary_api::{EventSinkSpec, ExistingStateMachine, StateMachineSink};
use tributary_core::{
    names::{Arn, Scope},
    steps::TargetSettings,
};

use super::{Reference, ResourceType, Sam, Type, only};

pub(super) const TYPE: Type = Type {
    existing,
    parameters: None,
    policies: &[],
    resource: Some(ResourceType {
        type_: "AWS::StepFunctions::StateMachine",
        name: "StateMachineName",
        terraform: ("aws_sfn_state_machine", &[("name", "StateMachineName")]),
        reference: Reference::Arn,
        arn: |scope: Scope<'_>, name: &str| Some(scope.arn("states", &format!("stateMachine:{name}"))),
        sam: Some(Sam {
            type_: "AWS::Serverless::StateMachine",
            name: "Name",
            target: "StepFunctionsTarget",
            has_role: true,
            globals: "StateMachine",
        }),
        // The execution role of a managed state machine would be written, so that its adoption changes more than tags.
        managed: None,
    }),
};

fn existing(target: &TargetSettings, arn: &Arn<'_>) -> Option<Result<EventSinkSpec, String>> {
    (arn.service == "states").then(|| {
        only(target, TargetSettings::default())?;
        let existing = Some(ExistingStateMachine { arn: Some(target.arn.clone()), arn_from: None });
        Ok(EventSinkSpec { state_machine: Some(Box::new(StateMachineSink { managed: None, existing })), ..EventSinkSpec::default() })
    })
}
