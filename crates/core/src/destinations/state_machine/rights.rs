//! IAM permissions of state machines.

use tributary_api::{EventSink, ManagedStateMachine};

use crate::feature::{Feature, Use, asked_by_aws, calls, uses};

pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "state-machines",
        about: "managed state machines",
        statements: &[
            calls(
                "StateMachines",
                &[
                    "states:CreateStateMachine",
                    "states:DescribeStateMachine",
                    "states:UpdateStateMachine",
                    "states:DeleteStateMachine",
                    "states:ListTagsForResource",
                    "states:TagResource",
                    "states:UntagResource",
                ],
                &["arn:{partition}:states:{region}:{account}:stateMachine:{prefix}*"],
            ),
            asked_by_aws("PassExecutionRoles", &["iam:PassRole"], &["arn:{partition}:iam::{account}:role/tributary/*"]).if_(
                "StringEquals",
                "iam:PassedToService",
                &["states.amazonaws.com"],
            ),
        ],
    },
    Feature {
        name: "state-machine-logs",
        about: "`logging` of a managed state machine: Step Functions requires these permissions from the caller",
        statements: &[asked_by_aws(
            "LogDeliveries",
            &[
                "logs:CreateLogDelivery",
                "logs:GetLogDelivery",
                "logs:UpdateLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:DescribeResourcePolicies",
                "logs:DescribeLogGroups",
            ],
            &["*"],
        )],
    },
    Feature {
        name: "redrive-to-state-machines",
        about: "`EventRedrive` and `tributary dlq redrive` for targets that are state machines",
        statements: &[calls(
            "RedriveToStateMachines",
            &["states:StartExecution"],
            &["arn:{partition}:states:{region}:{account}:stateMachine:{prefix}*"],
        )],
    },
];

pub(super) const USES: &[Use<EventSink>] = &[
    uses("state-machines", |sink| managed(sink).is_some()),
    uses("state-machine-logs", |sink| managed(sink).is_some_and(|machine| machine.logging.is_some())),
];

fn managed(sink: &EventSink) -> Option<&ManagedStateMachine> {
    sink.spec.state_machine.as_deref()?.managed.as_ref()
}
