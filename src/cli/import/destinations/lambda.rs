//! Functions of Lambda.

use tributary_api::{EventSinkSpec, ExistingFunction, LambdaSink};
use tributary_core::{
    names::{Arn, Scope},
    steps::TargetSettings,
};

use super::{Reference, ResourceType, Sam, Type, only};

pub(super) const TYPE: Type = Type {
    existing,
    parameters: None,
    policies: &["AWS::Lambda::Permission", "aws_lambda_permission"],
    resource: Some(ResourceType {
        type_: "AWS::Lambda::Function",
        name: "FunctionName",
        terraform: ("aws_lambda_function", &[("function_name", "FunctionName")]),
        reference: Reference::Name,
        arn: |scope: Scope<'_>, name: &str| Some(scope.arn("lambda", &format!("function:{name}"))),
        sam: Some(Sam {
            type_: "AWS::Serverless::Function",
            name: "FunctionName",
            target: "LambdaTarget",
            has_role: false,
            globals: "Function",
        }),
        managed: None,
    }),
};

fn existing(target: &TargetSettings, arn: &Arn<'_>) -> Option<Result<EventSinkSpec, String>> {
    (arn.service == "lambda").then(|| {
        only(target, TargetSettings::default())?;
        let existing = ExistingFunction { arn: Some(target.arn.clone()), arn_from: None };
        Ok(EventSinkSpec { lambda: Some(Box::new(LambdaSink { existing, on_failure: None })), ..EventSinkSpec::default() })
    })
}
