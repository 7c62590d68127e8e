//! Destination `appSync`: a GraphQL mutation that AWS AppSync runs for each event.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::existing::existing;

/// GraphQL mutation that AWS AppSync runs for each event. The event that the rule sends, such as
/// with `inputTransformer`, has the variables of the mutation. The API must be public, with the
/// authorization type `AWS_IAM`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppSyncSink {
    /// Existing endpoint of the API, `arn:aws:appsync:<region>:<account>:endpoints/graphql-api/<id>`.
    pub existing: ExistingGraphqlApi,
    /// ARN of the API, `arn:aws:appsync:<region>:<account>:apis/<id>`, whose ID is not that of the
    /// endpoint. `spec.grants[].arns` of the `AwsAccount` must allow it. Maximum 256 characters.
    #[schemars(length(max = 256), regex(pattern = r"^arn:aws[a-z-]*:appsync:[a-z0-9-]+:[0-9]{12}:apis/[A-Za-z0-9-]+$"))]
    pub api_arn: String,
    /// GraphQL mutation, with its selection set. Maximum 1048576 characters.
    #[schemars(length(max = 1_048_576), regex(pattern = r"(^|[\s}])mutation[\s({@]"))]
    pub operation: String,
    /// Fields of the type `Mutation` that the operation has. The role may run no others. 1 to 20
    /// entries.
    #[schemars(length(min = 1, max = 20), inner(length(max = 256), regex(pattern = r"^[_A-Za-z][_0-9A-Za-z]*$")))]
    pub fields: Vec<String>,
}

existing!(
    ExistingGraphqlApi,
    /// Existing endpoint of an AWS AppSync GraphQL API.
    ,
    256,
    GRAPHQL_API = r"^arn:aws[a-z-]*:appsync:[a-z0-9-]+:[0-9]{12}:endpoints/graphql-api/[A-Za-z0-9-]+$"
);
