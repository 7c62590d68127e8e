//! Attempts with the parameters of targets that name resources, one field at a time: all others name what the account lets A use.

use serde_json::{Value, json};
use tributary_testkit::{REGION, World, merged};

use super::{Attempt, attempt};

/// ARNs that A may use: what is called `a-...`.
pub fn own(id: &str) -> Vec<String> {
    let arn = |service: &str, rest: &str| format!("arn:aws:{service}:{REGION}:{id}:{rest}");
    vec![
        arn("redshift", "cluster:a-*"),
        arn("redshift", "dbuser:a-own/a-*"),
        arn("redshift", "dbname:a-own/a-*"),
        arn("appsync", "endpoints/graphql-api/a-*"),
        arn("appsync", "apis/a-*"),
        arn("ssm", "document/a-*"),
        arn("ec2", "instance/i-0000000*"),
    ]
}

pub fn attempts(b: &World) -> Vec<Attempt> {
    let arn = |service: &str, rest: &str| format!("arn:aws:{service}:{REGION}:{}:{rest}", b.aws.account);
    let refused = |field: &'static [&'static str], type_: &str, base: &Value, more: Value| {
        let says = field[0].replace("EventSink.", "spec.");
        attempt(field, "EventSink", json!({type_: merged(base.clone(), more)}), "ArnNotPermitted", &says)
    };
    let sql = json!({"existing": {"arn": arn("redshift", "cluster:a-own")}, "database": "a-d", "dbUser": "a-u", "sql": "s"});
    let with_secret = json!({"existing": sql["existing"], "database": "a-d", "sql": "s"});
    let their_cluster = json!({"existing": {"arn": arn("redshift", "cluster:theirs")}});
    let existing = |rest: &str| json!({"existing": {"arn": arn("sagemaker", rest)}});
    let endpoint = |id: &str| json!({"arn": arn("appsync", &format!("endpoints/graphql-api/{id}"))});
    let graphql =
        json!({"existing": endpoint("a-own"), "apiArn": arn("appsync", "apis/a-own"), "operation": "mutation { a }", "fields": ["a"]});
    let document = |name: &str| json!({"existing": {"arn": arn("ssm", &format!("document/{name}"))}, "instanceIds": ["i-00000001"]});
    let mut by_tag = document("a-own");
    by_tag.as_object_mut().unwrap().remove("instanceIds");
    let command = |field: &'static [&'static str], more: Value| {
        attempt(field, "EventSink", json!({"runCommand": merged(by_tag.clone(), more)}), "ArnNotPermitted", "spec.runCommand")
    };
    vec![
        refused(&["EventSink.runCommand.existing.arn"], "runCommand", &document("theirs"), json!({})),
        refused(&["EventSink.runCommand.instanceIds"], "runCommand", &by_tag, json!({"instanceIds": ["i-00000001", "i-10000002"]})),
        refused(&["EventSink.runCommand.instanceIds"], "runCommand", &by_tag, json!({"instanceIds": ["mi-00000001"]})),
        command(&["EventSink.runCommand.tag.key", "EventSink.runCommand.tag.values"], json!({"tag": {"key": "Role", "values": ["web"]}})),
        refused(&["EventSink.appSync.existing.arn"], "appSync", &graphql, json!({"existing": endpoint("theirs")})),
        refused(&["EventSink.appSync.apiArn"], "appSync", &graphql, json!({"apiArn": arn("appsync", "apis/theirs")})),
        refused(&["EventSink.sageMakerPipeline.existing.arn"], "sageMakerPipeline", &json!({}), existing("pipeline/theirs")),
        refused(&["EventSink.redshiftData.existing.arn"], "redshiftData", &sql, their_cluster),
        refused(&["EventSink.redshiftData.dbUser"], "redshiftData", &sql, json!({"dbUser": "theirs"})),
        refused(&["EventSink.redshiftData.database"], "redshiftData", &sql, json!({"database": "theirs"})),
        refused(
            &["EventSink.redshiftData.secretArn"],
            "redshiftData",
            &with_secret,
            json!({"secretArn": arn("secretsmanager", "secret:theirs-AbCdEf")}),
        ),
    ]
}
