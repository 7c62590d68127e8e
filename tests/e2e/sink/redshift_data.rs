//! `redshiftData`: SQL on a cluster as a database user or with a secret, and on a serverless workgroup.

use serde_json::{Value, json};
use tributary_testkit::{World, merged};

use crate::parameters::{Wanted, allow, arn, delivers, needs};

const RUN: &str = "redshift-data:ExecuteStatement";
const CREDENTIALS: &str = "redshift:GetClusterCredentials";
const READ: &str = "secretsmanager:GetSecretValue";

/// A sink on a declared cluster or workgroup.
async fn on(world: &World, service: &str, rest: &str, more: Value) -> Value {
    let existing = arn(world, service, rest);
    world.aws.declare(&existing, json!({"databases": ["dev"]})).await;
    json!({"redshiftData": merged(json!({"existing": {"arn": existing}, "database": "dev"}), more)})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_runs_on_a_cluster_as_a_database_user() {
    let parameters = json!({"Database": "dev", "DbUser": "loader", "Sql": "call load()", "StatementName": "load", "WithEvent": true});
    let call = delivers("sql-user", "RedshiftDataParameters", async |world| {
        let of = |rest: &str| arn(world, "redshift", rest);
        Wanted {
            spec: on(
                world,
                "redshift",
                "cluster:lab",
                json!({"dbUser": "loader", "sql": "call load()", "statementName": "load", "withEvent": true}),
            )
            .await,
            parameters: parameters.clone(),
            statements: json!([allow(RUN, &[of("cluster:lab")]), allow(CREDENTIALS, &[of("dbuser:lab/loader"), of("dbname:lab/dev")])]),
            input: None,
        }
    })
    .await;
    assert_eq!(call, json!({"action": "ExecuteStatement", "request": parameters}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_of_a_transaction_run_with_a_secret() {
    let call = delivers("sql-secret", "RedshiftDataParameters", async |world| {
        let secret = arn(world, "secretsmanager", "secret:lab-AbCdEf");
        Wanted {
            spec: on(world, "redshift", "cluster:lab", json!({"secretArn": secret, "sqls": ["call a()", "call b()"]})).await,
            parameters: json!({"Database": "dev", "SecretManagerArn": secret, "Sqls": ["call a()", "call b()"]}),
            statements: json!([
                allow("redshift-data:BatchExecuteStatement", &[arn(world, "redshift", "cluster:lab")]),
                allow(READ, &[secret])
            ]),
            input: None,
        }
    })
    .await;
    assert_eq!(call["action"], "BatchExecuteStatement");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_runs_on_a_workgroup_as_the_role() {
    delivers("sql-serverless", "RedshiftDataParameters", async |world| {
        let workgroup = [arn(world, "redshift-serverless", "workgroup/1-2")];
        Wanted {
            spec: on(world, "redshift-serverless", "workgroup/1-2", json!({"sql": "call load()"})).await,
            parameters: json!({"Database": "dev", "Sql": "call load()"}),
            statements: json!([allow(RUN, &workgroup), allow("redshift-serverless:GetCredentials", &workgroup)]),
            input: None,
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_needs_each_right_of_a_database_user() {
    needs("sql-rights-user", async |world| {
        let spec = on(world, "redshift", "cluster:lab", json!({"dbUser": "loader", "sql": "s"})).await;
        let of = |rest: &str| arn(world, "redshift", rest);
        (spec, vec![(RUN, of("cluster:lab")), (CREDENTIALS, of("dbuser:lab/loader")), (CREDENTIALS, of("dbname:lab/dev"))], None)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_needs_each_right_of_a_secret() {
    needs("sql-rights-secret", async |world| {
        let secret = arn(world, "secretsmanager", "secret:lab-AbCdEf");
        let spec = on(world, "redshift", "cluster:lab", json!({"secretArn": secret, "sql": "s"})).await;
        (spec, vec![(RUN, arn(world, "redshift", "cluster:lab")), (READ, secret)], None)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_arn_from_another_object_allows_is_known_only_then() {
    let world = World::start("sql-told").await;
    let data = json!({"cluster": arn(&world, "redshift", "cluster:lab"), "workgroup": arn(&world, "redshift-serverless", "workgroup/1")});
    world.apply_in(Some(&world.namespace), "v1", "ConfigMap", "told", json!({"data": data})).await;
    for (kind, more, says) in [
        ("cluster", json!({}), "requires dbUser or secretArn"),
        ("workgroup", json!({"dbUser": "loader"}), "dbUser is not supported for a serverless workgroup"),
    ] {
        let from = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "told", "fieldPath": format!("data.{kind}")});
        let data = merged(json!({"existing": {"arnFrom": from}, "database": "dev", "sql": "s"}), more);
        world.apply("EventSink", kind, json!({"redshiftData": data})).await;
        let message = world.not_ready("EventSink", kind, "InvalidSpec").await;
        assert!(message.contains(says), "{message}");
    }
}
