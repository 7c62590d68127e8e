//! Mutations of AWS AppSync. A sink names the ARN of the API and the fields of the mutation, which no target has.

use tributary_api::EventSinkSpec;
use tributary_core::{
    names::Arn,
    steps::{GraphqlSettings, TargetSettings},
};

use super::Type;
use crate::cli::import::values::text;

pub(super) const TYPE: Type = Type {
    existing,
    parameters: Some(("AppSyncParameters", |parameters, target| {
        let operation = text(parameters, "GraphQLOperation").unwrap_or_default();
        target.graphql = Some(GraphqlSettings { operation, field_arns: vec![] });
        Ok(())
    })),
    resource: None,
};

fn existing(target: &TargetSettings, arn: &Arn<'_>) -> Option<Result<EventSinkSpec, String>> {
    (arn.service == "appsync").then(|| {
        Err(format!("the target {} is a mutation of AWS AppSync: spec.appSync needs the ARN of the API and the fields, which a target does not have", target.id))
    })
}
