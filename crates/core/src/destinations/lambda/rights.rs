//! IAM permissions of functions.

use tributary_api::{EventSink, Permissions};

use crate::{
    destinations::triggers::{self, FUNCTIONS},
    feature::{Feature, Use, calls, uses},
};

pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "functions",
        about: "policies of functions",
        statements: &[
            calls("FunctionPolicies", &["lambda:GetPolicy", "lambda:GetFunctionConfiguration", "lambda:RemovePermission"], FUNCTIONS),
            calls("AddToFunctionPolicies", &["lambda:AddPermission"], FUNCTIONS).if_(
                "StringEquals",
                "lambda:Principal",
                &["events.amazonaws.com"],
            ),
        ],
    },
    Feature {
        name: "failure-destinations",
        about: "`lambda.onFailure`",
        statements: &[calls(
            "FailureDestinations",
            &["lambda:GetFunctionEventInvokeConfig", "lambda:PutFunctionEventInvokeConfig", "lambda:DeleteFunctionEventInvokeConfig"],
            FUNCTIONS,
        )],
    },
    triggers::FEATURE,
    Feature {
        name: "redrive-to-functions",
        about: "`EventRedrive` and `tributary dlq redrive` for targets that are functions",
        statements: &[calls("RedriveToFunctions", &["lambda:InvokeFunction"], FUNCTIONS)],
    },
];

pub(super) const USES: &[Use<EventSink>] = &[
    uses("functions", |sink| sink.spec.role_arn.is_none() && sink.spec.permissions == Permissions::Managed),
    uses("failure-destinations", |sink| sink.spec.lambda.as_deref().is_some_and(|lambda| lambda.on_failure.is_some())),
];
