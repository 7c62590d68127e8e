//! Parameters of a target that is an API of AWS AppSync.

use aws_sdk_eventbridge::types as sdk;

use tributary_core::steps::GraphqlSettings;

use crate::client::target::TargetParameters;

pub(crate) const TARGET_PARAMETERS: TargetParameters = TargetParameters {
    write: |target, request| Ok(request.set_app_sync_parameters(target.graphql.as_ref().map(sdk_graphql))),
    read: |target, settings| settings.graphql = target.app_sync_parameters.take().map(observed_graphql),
};

fn sdk_graphql(graphql: &GraphqlSettings) -> sdk::AppSyncParameters {
    sdk::AppSyncParameters::builder().graph_ql_operation(&graphql.operation).build()
}

fn observed_graphql(graphql: sdk::AppSyncParameters) -> GraphqlSettings {
    GraphqlSettings { operation: graphql.graph_ql_operation.unwrap_or_default(), field_arns: vec![] }
}
