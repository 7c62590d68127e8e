//! Benchmark, part 1f: Lambda of the stand-in: every function exists, and each has a policy. By paths, for Lambda speaks REST.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Refusal;

#[derive(Default)]
pub struct Functions {
    /// Statements by function.
    policies: BTreeMap<String, Vec<Value>>,
}

/// The operation that a method and a path mean.
pub fn operation(method: &str, path: &str) -> &'static str {
    match (method, path.contains("/policy")) {
        ("GET", true) => "GetPolicy",
        ("POST", true) => "AddPermission",
        ("DELETE", true) => "RemovePermission",
        _ => "GetFunctionConfiguration",
    }
}

impl Functions {
    pub fn call(&mut self, op: &str, path: &str, request: &Value) -> Result<Value, Refusal> {
        let function = path.split("/functions/").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default().to_owned();
        let statements = self.policies.entry(function.clone()).or_default();
        match op {
            "AddPermission" => {
                let statement = json!({
                    "Sid": request["StatementId"], "Effect": "Allow", "Principal": {"Service": request["Principal"]}, "Action": request["Action"],
                    "Resource": function, "Condition": {"ArnLike": {"AWS:SourceArn": request["SourceArn"]}},
                });
                statements.push(statement.clone());
                Ok(json!({"Statement": statement.to_string()}))
            }
            "RemovePermission" => {
                let sid = path.rsplit('/').next().unwrap_or_default();
                statements.retain(|statement| statement["Sid"] != sid);
                Ok(json!({}))
            }
            "GetPolicy" if statements.is_empty() => {
                Err(Refusal::new("ResourceNotFoundException", "The resource you requested does not exist."))
            }
            "GetPolicy" => {
                let policy = json!({"Version": "2012-10-17", "Id": "default", "Statement": statements}).to_string();
                Ok(json!({"Policy": policy, "RevisionId": statements.len().to_string()}))
            }
            _ => Ok(json!({"FunctionName": function})),
        }
    }
}
