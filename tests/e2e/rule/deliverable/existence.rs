//! Condition `Deliverable` of targets that EventBridge reaches with a role: what does not exist is reported, and what cannot be inspected
//! is not called deliverable.

use serde_json::{Value, json};
use tributary_testkit::{World, all_ready, condition, fault_rule, publish, reconcile_now};

use super::causes::{arn, document};

/// A world in which rule `r` sends to sink `s`.
pub async fn sends(name: &str, sink: impl AsyncFnOnce(&World) -> Value) -> World {
    let world = World::start(name).await;
    let spec = sink(&world).await;
    world.apply("EventBus", "b", json!({"name": "b"})).await;
    world.apply("EventSink", "s", spec).await;
    let target = json!({"name": "t", "sinkRef": {"name": "s"}});
    world.apply("EventRule", "r", json!({"busRef": {"name": "b"}, "eventPattern": {"source": ["test"]}, "targets": [target]})).await;
    all_ready(&world, &[("EventSink", "s"), ("EventRule", "r")]).await;
    world
}

/// Status, reason and message after an inspection.
pub async fn verdict(world: &World) -> (String, String, String) {
    reconcile_now(world, "EventRule", "r").await;
    condition(&world.get("EventRule", "r").await.unwrap(), "Deliverable").unwrap()
}

async fn is_not_there(world: &World, part: &str) {
    let (status, reason, message) = verdict(world).await;
    assert_eq!((status.as_str(), reason.as_str()), ("False", "TargetNotFound"), "{message}");
    assert!(message.contains("target t") && message.contains(part), "{message}");
    assert_eq!(publish(world, "lost").await["outcome"], "FAILED");
}

pub async fn is_fine(world: &World) {
    let (status, reason, message) = verdict(world).await;
    assert_eq!((status.as_str(), reason.as_str()), ("True", "Deliverable"), "{message}");
    assert_eq!(publish(world, "x").await["outcome"], "DELIVERED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kinesis_stream_that_does_not_exist() {
    let world = sends("there-kinesis", async |world| json!({"kinesis": {"existing": {"arn": arn(world, "kinesis", "stream/s")}}})).await;
    is_not_there(&world, "stream/s").await;
    world.aws.call("kinesis", "CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await.unwrap();
    is_fine(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_firehose_stream_that_does_not_exist() {
    let world =
        sends("there-hose", async |world| json!({"firehose": {"existing": {"arn": arn(world, "firehose", "deliverystream/s")}}})).await;
    is_not_there(&world, "deliverystream/s").await;
    world.aws.call("firehose", "CreateDeliveryStream", json!({"DeliveryStreamName": "s"})).await.unwrap();
    is_fine(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ecs_cluster_or_task_definition_that_does_not_exist() {
    let world = sends("there-ecs", async |world| {
        let role = format!("arn:aws:iam::{}:role/task", world.aws.account);
        json!({"ecsTask": {"clusterArn": arn(world, "ecs", "cluster/c"), "taskDefinitionArn": arn(world, "ecs", "task-definition/work"),
                           "passRoleArns": [role]}})
    })
    .await;
    is_not_there(&world, "cluster/c").await;
    world.aws.call("ecs", "CreateCluster", json!({"clusterName": "c"})).await.unwrap();
    is_not_there(&world, "task-definition/work").await;
    let registered = json!({"family": "work", "containerDefinitions": [{"name": "work", "image": "work"}]});
    world.aws.call("ecs", "RegisterTaskDefinition", registered).await.unwrap();
    is_fine(&world).await;
    world.aws.call("ecs", "DeregisterTaskDefinition", json!({"taskDefinition": "work:1"})).await.unwrap();
    is_not_there(&world, "task-definition/work").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_queue_or_job_definition_that_does_not_exist() {
    let world = sends("there-batch", async |world| {
        let definition = arn(world, "batch", "job-definition/work:2");
        json!({"batchJob": {"existing": {"arn": arn(world, "batch", "job-queue/q")}, "jobDefinitionArn": definition, "jobName": "j"}})
    })
    .await;
    is_not_there(&world, "job-queue/q").await;
    world.aws.batch("CreateJobQueue", json!({"jobQueueName": "q"})).await;
    world.aws.batch("RegisterJobDefinition", json!({"jobDefinitionName": "work", "type": "container"})).await;
    is_not_there(&world, "job-definition/work:2").await;
    world.aws.batch("RegisterJobDefinition", json!({"jobDefinitionName": "work", "type": "container"})).await;
    is_fine(&world).await;
}

/// Replaces what a role may do.
async fn allow(world: &World, role: &str, action: &str) {
    let policy = document(&[json!({"Effect": "Allow", "Action": action, "Resource": "*"})]);
    world.aws.query("iam", &[("Action", "PutRolePolicy"), ("RoleName", role), ("PolicyName", "p"), ("PolicyDocument", &policy)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_of_an_arn_sink_is_judged_by_the_action_that_eventbridge_uses() {
    let world = sends("there-arn", async |world| {
        let role = world.aws.make_role("given", "events.amazonaws.com").await;
        json!({"arn": {"existing": {"arn": arn(world, "codepipeline", "p")}}, "roleArn": role})
    })
    .await;
    let (status, _, message) = verdict(&world).await;
    assert!(status == "Unknown" && message.contains("not inspected"), "nothing says that the pipeline exists: {status} {message}");
    allow(&world, "given", "s3:GetObject").await;
    let (status, reason, message) = verdict(&world).await;
    assert_eq!((status.as_str(), reason.as_str()), ("False", "RoleLacksRight"), "{message}");
    assert!(message.contains("codepipeline:StartPipelineExecution"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_on_the_second_page_of_a_roles_policies_counts() {
    let world = sends("there-pages", async |world| {
        world.aws.call("kinesis", "CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await.unwrap();
        let role = world.aws.make_role("given", "events.amazonaws.com").await;
        json!({"kinesis": {"existing": {"arn": arn(world, "kinesis", "stream/s")}}, "roleArn": role})
    })
    .await;
    world.aws.faults(json!([fault_rule("iam.List*", "page_size", json!({}))])).await;
    is_fine(&world).await;
    let denial = document(&[json!({"Effect": "Deny", "Action": "kinesis:*", "Resource": "*"})]);
    let parameters = [("Action", "PutRolePolicy"), ("RoleName", "given"), ("PolicyName", "z"), ("PolicyDocument", &denial)];
    world.aws.query("iam", &parameters).await;
    let (status, reason, message) = verdict(&world).await;
    assert_eq!((status.as_str(), reason.as_str()), ("False", "ExplicitDeny"), "{message}");
    assert_eq!(publish(&world, "denied").await["outcome"], "FAILED");
}
