//! Mutations of AWS AppSync. A sink names the ARN of the API and the fields of the mutation, which no target has.

use tributary_api::EventSinkSpec;
use tributary_core::{
    names::Arn,
    steps::{GraphqlSettings, TargetSettings},
};

use super::{Parameters, Type};
use crate::cli::import::values::{renamed, text};

pub(super) const TYPE: Type = Type {
    existing,
    parameters: Some(Parameters {
        name: "AppSyncParameters",
        read: |parameters, target| {
            let operation = text(parameters, "GraphQLOperation").unwrap_or_default();
            target.graphql = Some(GraphqlSettings { operation, field_arns: vec![] });
            Ok(())
        },
        block: "appsync_target",
        of_block: |block| renamed(block, &[("graphql_operation", "GraphQLOperation")]),
    }),
    policies: &[],
    resource: None,
};

fn existing(target: &TargetSettings, arn: &Arn<'_>) -> Option<Result<EventSinkSpec, String>> {
    (arn.service == "appsync").then(|| {
        Err(format!("the target {} is a mutation of AWS AppSync: spec.appSync needs the ARN of the API and the fields, which a target does not have", target.id))
    })
}
