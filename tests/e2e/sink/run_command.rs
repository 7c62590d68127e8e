//! `runCommand`: an SSM document on instances, by their IDs and by a tag.

use serde_json::{Value, json};
use tributary_testkit::{REGION, World};

use crate::parameters::{Wanted, arn, delivers, needs};

const SEND: &str = "ssm:SendCommand";
const ONE: &str = "i-0123456789abcdef0";
const NODE: &str = "mi-0123456789abcdef0";

/// Two instances with a tag each, and a managed node.
async fn declare(world: &World) -> [String; 3] {
    let arns = [
        arn(world, "ec2", &format!("instance/{ONE}")),
        arn(world, "ec2", "instance/i-00000002"),
        arn(world, "ssm", &format!("managed-instance/{NODE}")),
    ];
    for (arn, role) in arns.iter().zip(["web", "db", "web-of-others"]) {
        world.aws.declare(arn, json!({"tags": {"Role": role}})).await;
    }
    arns
}

fn input() -> Value {
    json!({"commands": ["uptime"]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_runs_on_instances() {
    let call = delivers("command-ids", "RunCommandParameters", async |world| {
        let [one, _, node] = declare(world).await;
        let document = arn(world, "ssm", "document/Restart");
        world.aws.declare(&document, json!({})).await;
        Wanted {
            spec: json!({"runCommand": {"existing": {"arn": document}, "instanceIds": [ONE, NODE]}}),
            parameters: json!({"RunCommandTargets": [{"Key": "InstanceIds", "Values": [ONE, NODE]}]}),
            statements: json!([
                {"Effect": "Allow", "Action": [SEND], "Resource": document},
                {"Effect": "Allow", "Action": [SEND], "Resource": [one, node]},
            ]),
            input: Some(input()),
        }
    })
    .await;
    assert_eq!(call["instances"], json!([ONE, NODE]));
    assert_eq!(call["request"]["Parameters"], json!({"commands": ["uptime"]}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_of_aws_runs_on_instances_with_a_tag() {
    let document = format!("arn:aws:ssm:{REGION}::document/AWS-RunShellScript");
    let call = delivers("command-tag", "RunCommandParameters", async |world| {
        declare(world).await;
        let mut account = world.account_spec();
        account["grants"][0]["arns"].as_array_mut().unwrap().push(json!(document));
        world.apply_account(account).await;
        let condition = json!({"StringEquals": {"ssm:resourceTag/Role": ["web", "cache"]}});
        Wanted {
            spec: json!({"runCommand": {"existing": {"arn": document}, "tag": {"key": "Role", "values": ["web", "cache"]}}}),
            parameters: json!({"RunCommandTargets": [{"Key": "tag:Role", "Values": ["web", "cache"]}]}),
            statements: json!([
                {"Effect": "Allow", "Action": [SEND], "Resource": document},
                {"Effect": "Allow", "Action": [SEND], "Resource": [arn(world, "ec2", "instance/*")], "Condition": condition},
            ]),
            input: Some(input()),
        }
    })
    .await;
    assert_eq!(call["instances"], json!([ONE]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_needs_the_right_for_document_and_instances() {
    needs("command-rights", async |world| {
        let [one, _, node] = declare(world).await;
        let document = arn(world, "ssm", "document/Restart");
        world.aws.declare(&document, json!({})).await;
        let spec = json!({"runCommand": {"existing": {"arn": document}, "instanceIds": [ONE, NODE]}});
        (spec, vec![(SEND, document), (SEND, one), (SEND, node)], Some(input()))
    })
    .await;
}
