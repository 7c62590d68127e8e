//! Admission of the parameters that a sink sets in the targets of rules: ranges, lengths and patterns of AWS's API model.

use serde_json::{Value, json};
use tributary_testkit::{World, merged};

fn arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:eu-west-1:111122223333:{rest}")
}

/// A spec that admission takes, patches that it refuses, and the word that the refusal has.
struct Type {
    field: &'static str,
    valid: Value,
    refused: Vec<(Value, &'static str)>,
}

fn redshift_data() -> Type {
    let workgroup = json!({"existing": {"arn": arn("redshift-serverless", "workgroup/1-2")}});
    let secret = arn("secretsmanager", "secret:lab-AbCdEf");
    Type {
        field: "redshiftData",
        valid: json!({"existing": {"arn": arn("redshift", "cluster:lab")}, "database": "dev", "dbUser": "loader", "sql": "select 1"}),
        refused: vec![
            (json!({"existing": {"arn": arn("redshift", "cluster:*")}}), "existing.arn"),
            (json!({"existing": {"arn": arn("redshift", "dbuser:lab/loader")}}), "existing.arn"),
            (json!({"database": ""}), "database"),
            (json!({"database": "d".repeat(65)}), "database"),
            (json!({"database": "*"}), "database"),
            (json!({"database": "$.detail.database"}), "database"),
            (json!({"dbUser": "*"}), "dbUser"),
            (json!({"dbUser": "a/b"}), "dbUser"),
            (json!({"dbUser": "${aws:userid}"}), "dbUser"),
            (json!({"dbUser": "u".repeat(129)}), "dbUser"),
            (json!({"secretArn": secret}), "must not set both"),
            (json!({"dbUser": null, "secretArn": "$.detail.secret"}), "secretArn"),
            (json!({"dbUser": null, "secretArn": arn("secretsmanager", "secret:*")}), "secretArn"),
            (json!({"dbUser": null}), "requires dbUser or secretArn"),
            (workgroup, "not supported for a serverless workgroup"),
            (json!({"sql": null}), "exactly one of sql and sqls"),
            (json!({"sqls": ["s"]}), "exactly one of sql and sqls"),
            (json!({"sql": ""}), "sql"),
            (json!({"sql": "s".repeat(100_001)}), "sql"),
            (json!({"sql": null, "sqls": []}), "sqls"),
            (json!({"sql": null, "sqls": vec!["s"; 41]}), "sqls"),
            (json!({"sql": null, "sqls": [""]}), "sqls"),
            (json!({"statementName": "n".repeat(501)}), "statementName"),
        ],
    }
}

fn sage_maker_pipeline() -> Type {
    let with = |name: &str, value: &str| json!({"parameters": [{"name": name, "value": value}]});
    let twice: Value = [with("a", "b")["parameters"][0].clone(), with("a", "c")["parameters"][0].clone()].to_vec().into();
    Type {
        field: "sageMakerPipeline",
        valid: json!({"existing": {"arn": arn("sagemaker", "pipeline/train")}, "parameters": [{"name": "a", "value": "b"}]}),
        refused: vec![
            (json!({"existing": {"arn": arn("sagemaker", "pipeline/*")}}), "existing.arn"),
            (json!({"existing": {"arn": arn("sagemaker", "endpoint/e")}}), "existing.arn"),
            (with("-a", "b"), "name"),
            (with(&"a".repeat(257), "b"), "name"),
            (with("a", &"b".repeat(1025)), "value"),
            (json!({"parameters": twice}), "duplicate entries"),
        ],
    }
}

fn app_sync() -> Type {
    let endpoint = arn("appsync", "endpoints/graphql-api/e");
    Type {
        field: "appSync",
        valid: json!({"existing": {"arn": endpoint}, "apiArn": arn("appsync", "apis/a"), "operation": "mutation { a }", "fields": ["a"]}),
        refused: vec![
            (json!({"existing": {"arn": arn("appsync", "apis/a")}}), "existing.arn"),
            (json!({"apiArn": endpoint}), "apiArn"),
            (json!({"apiArn": arn("appsync", "apis/*")}), "apiArn"),
            (json!({"operation": "query { a }"}), "operation"),
            (json!({"operation": format!("mutation {{ a }}{}", " ".repeat(1_048_576))}), "operation"),
            (json!({"fields": []}), "fields"),
            (json!({"fields": ["*"]}), "fields"),
            (json!({"fields": ["a/b"]}), "fields"),
            (json!({"fields": vec!["a"; 21]}), "fields"),
        ],
    }
}

fn run_command() -> Type {
    let tag = |key: &str, value: &str| json!({"instanceIds": null, "tag": {"key": key, "values": [value]}});
    Type {
        field: "runCommand",
        valid: json!({"existing": {"arn": arn("ssm", "document/Restart")}, "instanceIds": ["i-0123456789abcdef0", "mi-0123456789abcdef0"]}),
        refused: vec![
            (json!({"existing": {"arn": arn("ssm", "document/*")}}), "existing.arn"),
            (json!({"existing": {"arn": arn("ssm", "automation-definition/Restart")}}), "existing.arn"),
            (json!({"instanceIds": null}), "exactly one of instanceIds and tag"),
            (json!({"tag": {"key": "a", "values": ["b"]}}), "exactly one of instanceIds and tag"),
            (json!({"instanceIds": []}), "instanceIds"),
            (json!({"instanceIds": ["i-*"]}), "instanceIds"),
            (json!({"instanceIds": vec!["i-00000001"; 51]}), "instanceIds"),
            (tag("", "b"), "tag.key"),
            (tag("*", "b"), "tag.key"),
            (tag(&"k".repeat(125), "b"), "tag.key"),
            (tag("a", "*"), "tag.values"),
            (tag("a", "${aws:userid}"), "tag.values"),
            (tag("a", &"b".repeat(257)), "tag.values"),
        ],
    }
}

/// Options of a task: each alone is taken, none beyond what AWS takes.
fn ecs_task() -> Type {
    let strategy = |name: &str, weight: i32, base: i32| json!({"capacityProviderStrategy": [{"capacityProvider": name, "weight": weight, "base": base}]});
    let constraint = |value: Value| json!({"placementConstraints": [value]});
    Type {
        field: "ecsTask",
        valid: json!({"clusterArn": arn("ecs", "cluster/c"), "taskDefinitionArn": arn("ecs", "task-definition/t"), "platformVersion": "LATEST",
            "capacityProviderStrategy": [{"capacityProvider": "p"}], "placementConstraints": [{"type": "distinctInstance"}]}),
        refused: vec![
            (json!({"launchType": "EC2"}), "both launchType and capacityProviderStrategy"),
            (strategy("", 1, 1), "capacityProvider"),
            (strategy("p", 1001, 1), "weight"),
            (strategy("p", 1, 100_001), "base"),
            (
                json!({"capacityProviderStrategy": (0..7).map(|i| json!({"capacityProvider": format!("p{i}")})).collect::<Vec<_>>()}),
                "capacityProviderStrategy",
            ),
            (json!({"platformVersion": "1.4"}), "platformVersion"),
            (json!({"group": "g".repeat(256)}), "group"),
            (json!({"referenceId": "r".repeat(1025)}), "referenceId"),
            (constraint(json!({"type": "memberOf"})), "expression is required"),
            (constraint(json!({"type": "distinctInstance", "expression": "e"})), "expression is required"),
            (constraint(json!({"type": "memberOf", "expression": "e".repeat(2001)})), "expression"),
            (constraint(json!({"type": "else"})), "type"),
            (json!({"placementStrategy": [{"type": "spread", "field": "f".repeat(256)}]}), "field"),
            (json!({"placementStrategy": vec![json!({"type": "random"}); 6]}), "placementStrategy"),
        ],
    }
}

/// HTTP parameters of API Gateway, which no other ARN takes.
fn api_gateway() -> Type {
    Type {
        field: "arn",
        valid: json!({"existing": {"arn": arn("execute-api", "a1/prod/POST/orders/*")}, "actions": ["execute-api:Invoke"],
            "http": {"path": ["$.detail.id"]}}),
        refused: vec![
            (json!({"existing": {"arn": arn("codebuild", "project/p")}}), "only for an ARN of execute-api"),
            (json!({"http": {"path": vec!["a"; 21]}}), "path"),
        ],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_that_aws_refuses_are_refused_at_once() {
    let world = World::empty("parameters-admission").await;
    for (i, Type { field, valid, refused }) in
        [redshift_data(), sage_maker_pipeline(), app_sync(), run_command(), ecs_task(), api_gateway()].into_iter().enumerate()
    {
        for (patch, word) in refused {
            let mut spec = merged(valid.clone(), patch);
            spec.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            let error = world.attempt("EventSink", "s", json!({field: spec})).await.expect_err(&format!("{field} {word}")).to_string();
            assert!(error.contains(word), "{error}");
        }
        let name = format!("valid-{i}");
        world.apply("EventSink", &name, json!({field: valid})).await;
        if field == "arn" || valid.get("existing").is_none() {
            continue;
        }
        let by_arn = json!({"arn": {"existing": valid["existing"], "actions": ["x:Any"]}});
        let error = world.attempt("EventSink", &name, by_arn.clone()).await.unwrap_err().to_string();
        assert!(error.contains("the destination type is immutable"), "{error}");
        world.apply("EventSink", &format!("by-arn-{i}"), by_arn).await;
    }
}
