//! The `appSync` sink: a GraphQL mutation that AWS AppSync runs for each event.

use serde_json::{Value, json};

use tributary_api::{AppSyncSink, EventSink, Identity};

use crate::{
    destinations::{
        by_role::{self, DesiredByRole},
        contract::{Call, Destination},
        shared::context::{ResolveContext, in_scope},
    },
    error::{Reason, ReconcileError},
    names::Arn,
    steps::{GraphqlSettings, TargetSettings},
};

/// The `appSync` type.
pub(crate) struct AppSync;

impl Destination for AppSync {
    type Desired = DesiredByRole;

    const NAME: &'static str = "appSync";
    const RESOURCE_TYPE: &'static str = "AWS::AppSync::GraphQLApi";
    const ACTIONS: &'static [&'static str] = &["appsync:GraphQL"];

    fn desired(context: &ResolveContext<'_>, identity: &Identity) -> Result<DesiredByRole, ReconcileError> {
        if let Some(api) = &context.sink.spec.app_sync {
            let field = "spec.appSync.apiArn";
            context.permit_arn(field, &api.api_arn)?;
            in_scope(field, &api.api_arn, identity)?;
            if let Some((index, field)) = api.fields.iter().enumerate().find(|(_, field)| !has_word(&api.operation, field)) {
                let message = format!("spec.appSync.fields[{index}]: the operation has no field {field}. Correct one of them.");
                return Err(ReconcileError::invalid(Reason::InvalidSpec, message));
            }
        }
        by_role::desired::<Self>(context, identity)
    }

    /// AWS evaluates `appsync:GraphQL` for each field of the mutation, on the API, not on its
    /// endpoint (Service Authorization Reference, "Actions, resources, and condition keys for AWS
    /// AppSync").
    fn role_statements(sink: &EventSink, _: &str) -> Vec<Value> {
        let resources: Vec<_> = sink.spec.app_sync.as_deref().into_iter().flat_map(field_arns).collect();
        vec![json!({"Effect": "Allow", "Action": Self::ACTIONS, "Resource": resources})]
    }

    fn set_parameters(_: &str, sink: &EventSink, target: &mut TargetSettings) -> Result<(), ReconcileError> {
        let settings = |api: &AppSyncSink| GraphqlSettings { operation: api.operation.clone(), field_arns: field_arns(api) };
        target.graphql = sink.spec.app_sync.as_deref().map(settings);
        Ok(())
    }

    fn is_target(arn: &Arn<'_>) -> bool {
        arn.service == "appsync"
    }

    fn calls(target: &TargetSettings) -> Vec<Call> {
        target.graphql.iter().flat_map(|graphql| &graphql.field_arns).map(|arn| ("appsync:GraphQL", vec![arn.clone()])).collect()
    }
}

fn field_arns(api: &AppSyncSink) -> Vec<String> {
    api.fields.iter().map(|field| format!("{}/types/Mutation/fields/{field}", api.api_arn)).collect()
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| c != '_' && !c.is_ascii_alphanumeric()).any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use tributary_api::EventSinkSpec;

    use super::*;

    const API: &str = "arn:aws:appsync:eu-west-1:111122223333:apis/abc";

    #[test]
    fn the_role_may_run_these_fields_of_this_api_only() {
        let api = AppSyncSink { api_arn: API.into(), fields: vec!["publish".into(), "log".into()], ..AppSyncSink::default() };
        let sink = EventSink::new("s", EventSinkSpec { app_sync: Some(Box::new(api)), ..EventSinkSpec::default() });
        let resources = ["publish", "log"].map(|field| format!("{API}/types/Mutation/fields/{field}"));
        let statement = json!({"Effect": "Allow", "Action": ["appsync:GraphQL"], "Resource": resources});
        assert_eq!(AppSync::role_statements(&sink, "arn:aws:appsync:eu-west-1:111122223333:endpoints/graphql-api/xyz"), [statement]);
    }

    #[test]
    fn a_field_is_a_whole_word_of_the_operation() {
        let operation = "mutation M($a: String!) { publish(a: $a) { id } }";
        assert!(has_word(operation, "publish") && !has_word(operation, "pub"));
    }
}
