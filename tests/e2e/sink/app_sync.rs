//! `appSync`: a GraphQL mutation, with the variables that the rule sends.

use serde_json::{Value, json};
use tributary_testkit::World;

use crate::parameters::{Wanted, arn, delivers, needs};

const OPERATION: &str = "mutation M($id: String!) { publish(id: $id) { id } log: record(id: $id) }";

async fn sink(world: &World) -> (Value, [String; 2]) {
    let (endpoint, api) = (arn(world, "appsync", "endpoints/graphql-api/e"), arn(world, "appsync", "apis/a"));
    world.aws.declare(&endpoint, json!({"apiArn": api})).await;
    let spec = json!({"appSync": {"existing": {"arn": endpoint}, "apiArn": api, "operation": OPERATION, "fields": ["publish", "record"]}});
    (spec, ["publish", "record"].map(|field| format!("{api}/types/Mutation/fields/{field}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mutation_runs_with_variables() {
    let call = delivers("graphql", "AppSyncParameters", async |world| {
        let (spec, fields) = sink(world).await;
        Wanted {
            spec,
            parameters: json!({"GraphQLOperation": OPERATION}),
            statements: json!([{"Effect": "Allow", "Action": ["appsync:GraphQL"], "Resource": fields}]),
            input: Some(json!({"id": "1"})),
        }
    })
    .await;
    assert_eq!(call["request"], json!({"query": OPERATION, "variables": {"id": "1"}}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mutation_needs_the_right_for_each_field() {
    needs("graphql-rights", async |world| {
        let (spec, fields) = sink(world).await;
        (spec, fields.map(|field| ("appsync:GraphQL", field)).to_vec(), Some(json!({"id": "1"})))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_the_operation_has_not_is_a_mistake() {
    let world = World::start("graphql-field").await;
    let (mut spec, _) = sink(&world).await;
    spec["appSync"]["fields"] = json!(["publish", "recor"]);
    world.apply("EventSink", "s", spec).await;
    let message = world.not_ready("EventSink", "s", "InvalidSpec").await;
    assert!(message.contains("spec.appSync.fields[1]") && message.contains("no field recor"), "{message}");
}
