//! Permissions of a `Map` state in distributed mode (Step Functions developer guide, "IAM policies
//! for using Distributed Map states"). Pure.

use serde_json::Value;

use crate::{
    destinations::{
        shared::task::{Task, given},
        state_machine::needs::Needs,
    },
    names::Scope,
};

/// Adds the permissions of a `Map` state: it starts executions of its own state machine, reads items
/// from Amazon S3, and writes results to it.
///
/// # Errors
/// The permissions cannot be determined.
pub(super) fn needs(name: &str, state: &Value, machine: &str, scope: Scope<'_>, needs: &mut Needs) -> Result<(), String> {
    let mode = state.get("ItemProcessor").and_then(|processor| processor.get("ProcessorConfig")).and_then(|config| config.get("Mode"));
    if mode.and_then(Value::as_str) != Some("DISTRIBUTED") {
        return Ok(());
    }
    let executions = machine.replacen(":stateMachine:", ":execution:", 1);
    needs.add("states:StartExecution", machine);
    needs.add("states:DescribeExecution", &format!("{executions}:*"));
    needs.add("states:StopExecution", &format!("{executions}:*"));
    if let Some(reader) = state.get("ItemReader") {
        let bucket = read(reader, scope, needs).map_err(|why| format!("ItemReader: {why}"))?;
        needs.perhaps.push(format!("state {name:?}: kms:Decrypt, if bucket {bucket} is encrypted with a customer managed key"));
    }
    // Without a Resource, the writer only formats the results.
    if let Some(writer) = state.get("ResultWriter").filter(|writer| writer.get("Resource").is_some()) {
        let bucket = write(writer, scope, needs).map_err(|why| format!("ResultWriter: {why}"))?;
        needs.perhaps.push(format!(
            "state {name:?}: kms:Decrypt and kms:GenerateDataKey, if bucket {bucket} is encrypted with a customer managed key"
        ));
    }
    Ok(())
}

/// Returns the reader or writer as the task that it is.
fn as_task<'a>(part: &'a Value, scope: Scope<'a>) -> Task<'a> {
    Task { resource: part.get("Resource").and_then(Value::as_str).unwrap_or_default(), state: part, scope }
}

fn bucket_arn(scope: Scope<'_>, bucket: &str) -> String {
    format!("arn:{}:s3:::{bucket}", scope.partition)
}

/// Adds the permissions of `ItemReader`. Returns the bucket.
fn read<'a>(reader: &'a Value, scope: Scope<'a>, needs: &mut Needs) -> Result<&'a str, String> {
    let config = |name: &str| reader.get("ReaderConfig").and_then(|config| config.get(name)).and_then(Value::as_str);
    // The files that a manifest lists are known at run time only.
    if config("InputType") == Some("MANIFEST") {
        return Err("the files of a manifest are known at run time".into());
    }
    let task = as_task(reader, scope);
    let bucket = task.parameter("Bucket")?;
    let arn = bucket_arn(scope, bucket);
    match task.integration().0 {
        "s3:getObject" => needs.add("s3:GetObject", &format!("{arn}/{}", task.parameter("Key")?)),
        "s3:listObjectsV2" => {
            needs.add("s3:ListBucket", &arn);
            // The contents of the objects are read too.
            if config("Transformation") == Some("LOAD_AND_FLATTEN") {
                needs.add("s3:GetObject", &format!("{arn}/{}*", prefix(&task)?));
            }
        }
        other => return Err(format!("the IAM actions that {other:?} needs are not known")),
    }
    Ok(bucket)
}

/// Adds the permissions of `ResultWriter`. Returns the bucket.
fn write<'a>(writer: &'a Value, scope: Scope<'a>, needs: &mut Needs) -> Result<&'a str, String> {
    let task = as_task(writer, scope);
    if task.integration().0 != "s3:putObject" {
        return Err(format!("the IAM actions that {:?} needs are not known", task.resource));
    }
    let bucket = task.parameter("Bucket")?;
    let prefix = prefix(&task)?;
    let below = if prefix.is_empty() || prefix.ends_with('/') { prefix.to_owned() } else { format!("{prefix}/") };
    let objects = format!("{}/{below}*", bucket_arn(scope, bucket));
    for action in ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"] {
        needs.add(action, &objects);
    }
    Ok(bucket)
}

fn prefix<'a>(task: &Task<'a>) -> Result<&'a str, String> {
    Ok(task.parameters().map(|arguments| given(arguments, "Prefix")).transpose()?.flatten().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::destinations::state_machine::asl;

    const SCOPE: Scope<'static> = Scope { partition: "aws", region: "eu-west-1", account_id: "111122223333" };
    const MACHINE: &str = "arn:aws:states:eu-west-1:111122223333:stateMachine:m";

    fn map(more: &Value) -> Needs {
        let inner = json!({"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Parameters": {"TopicArn": "topic"}, "End": true});
        let processor =
            json!({"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "b", "States": {"b": inner}});
        let mut state = json!({"Type": "Map", "ItemProcessor": processor, "End": true});
        state.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        asl::needs(&json!({"StartAt": "a", "States": {"a": state}}), MACHINE, SCOPE)
    }

    fn of(needs: &Needs, action: &str) -> Vec<String> {
        needs.rights.get(action).into_iter().flatten().cloned().collect()
    }

    #[test]
    fn a_distributed_map_starts_executions_of_its_own_state_machine() {
        let found = map(&json!({}));
        assert_eq!(of(&found, "states:StartExecution"), [MACHINE]);
        for action in ["states:DescribeExecution", "states:StopExecution"] {
            assert_eq!(of(&found, action), ["arn:aws:states:eu-west-1:111122223333:execution:m:*"]);
        }
        assert_eq!(of(&found, "sns:Publish"), ["topic"], "its states count as others do");
        assert!(found.unknown.is_empty() && found.perhaps.is_empty(), "{found:?}");
        let inline = map(&json!({"ItemProcessor": {"StartAt": "b", "States": {}}}));
        assert!(inline.rights.is_empty());
    }

    #[test]
    fn items_are_read_from_objects_or_a_bucket() {
        let reader = |call: &str, parameters: Value| {
            map(&json!({"ItemReader": {"Resource": format!("arn:aws:states:::s3:{call}"), "Parameters": parameters}}))
        };
        let object = reader("getObject", json!({"Bucket": "in", "Key": "a/list.csv"}));
        assert_eq!(of(&object, "s3:GetObject"), ["arn:aws:s3:::in/a/list.csv"]);
        assert!(object.perhaps[0].contains("bucket in"), "{object:?}");
        let bucket = reader("listObjectsV2", json!({"Bucket": "in", "Prefix": "a/"}));
        assert_eq!(of(&bucket, "s3:ListBucket"), ["arn:aws:s3:::in"]);
        assert!(of(&bucket, "s3:GetObject").is_empty());
        for (call, parameters, word) in [
            ("getObject", json!({"Bucket.$": "$.bucket", "Key": "k"}), "Bucket"),
            ("getObject", json!({"Bucket": "in", "Key.$": "$.key"}), "Key"),
            ("getObject", json!({"Bucket": "{% $bucket %}", "Key": "k"}), "Bucket"),
            ("getOther", json!({"Bucket": "in"}), "getOther"),
        ] {
            let found = reader(call, parameters);
            assert!(found.unknown.len() == 1 && found.unknown[0].contains("ItemReader") && found.unknown[0].contains(word), "{found:?}");
        }
        let manifest = json!({
            "Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "MANIFEST"}, "Parameters": {"Bucket": "in", "Key": "m.json"},
        });
        assert!(map(&json!({"ItemReader": manifest})).unknown[0].contains("manifest"));
    }

    #[test]
    fn results_are_written_below_a_prefix() {
        let writer =
            |parameters: Value| map(&json!({"ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Arguments": parameters}}));
        let found = writer(json!({"Bucket": "out", "Prefix": "runs"}));
        let actions: BTreeSet<_> = found.rights.keys().filter(|action| action.starts_with("s3:")).copied().collect();
        assert_eq!(actions, BTreeSet::from(["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]));
        assert_eq!(of(&found, "s3:PutObject"), ["arn:aws:s3:::out/runs/*"]);
        assert_eq!(of(&writer(json!({"Bucket": "out"})), "s3:PutObject"), ["arn:aws:s3:::out/*"]);
        assert!(writer(json!({"Bucket": "out", "Prefix": "{% $prefix %}"})).unknown[0].contains("ResultWriter: Prefix"));
        let formats = map(&json!({"ResultWriter": {"WriterConfig": {"OutputType": "JSON"}}}));
        assert!(of(&formats, "s3:PutObject").is_empty() && formats.unknown.is_empty());
    }
}
